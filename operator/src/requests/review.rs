//! Whether RBAC lets somebody have something done.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use splitvault_api::{Extra, Permission, Requester};

use super::Failure;

/// Asks the API server whether whoever asked may have this done there.
///
/// # Errors
/// [`Failure::Denied`]; [`Failure::Cluster`] when it does not answer.
pub(super) async fn review(
    client: &Client,
    requester: &Requester,
    permission: Permission<'_>,
    namespace: &str,
) -> Result<(), Failure> {
    let attributes = ResourceAttributes {
        group: Some("splitvault.dev".to_owned()),
        resource: Some(permission.resource.to_owned()),
        verb: Some(permission.verb.to_owned()),
        name: permission.name.map(str::to_owned),
        namespace: Some(namespace.to_owned()),
        ..ResourceAttributes::default()
    };
    let pair = |extra: &Extra| (extra.key.clone(), extra.values.clone());
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(requester.username.clone()),
            uid: requester.uid.clone(),
            groups: Some(requester.groups.clone()),
            extra: Some(requester.extra.iter().map(pair).collect()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await;
    let answer = answer.map_err(|error| Failure::Cluster(error.into()))?;
    let status = answer.status.unwrap_or_default();
    if status.allowed && status.denied != Some(true) {
        return Ok(());
    }
    Err(Failure::denied(&requester.username, permission, namespace))
}
