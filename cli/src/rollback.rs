//! `splitvault rollback`: the content of an older revision as the newest one. Nothing is lost by it, so nothing is asked.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;
use splitvault_api::{Action, Demand, VaultRequestSpec};

use crate::args::Rollback;
use crate::cluster::{self, Connection};
use crate::fault::Fault;
use crate::history::{fetch, revisions};
use crate::output;
use crate::request::{Ask, grant, unreachable};

/// Goes back, or says what that would do.
pub(crate) fn rollback(args: &Rollback) -> Result<(), Fault> {
    cluster::block_on(async {
        let at = Connection::open(&args.cluster).await?;
        let namespace = args.namespace.clone().unwrap_or_else(|| at.namespace.clone());
        let spec = VaultRequestSpec {
            vault_secret_name: Some(args.name.clone()),
            revision: Some(args.to),
            ..VaultRequestSpec::of(Action::Rollback)
        };
        if args.dry_run {
            return rehearse(&at, &namespace, args, &spec).await;
        }
        let ask = Ask {
            at: &at,
            namespace: &namespace,
            spec,
        };
        ask.run(args.waiting).await
    })
}

async fn rehearse(
    at: &Connection,
    namespace: &str,
    args: &Rollback,
    spec: &VaultRequestSpec,
) -> Result<(), Fault> {
    let object = fetch(at, namespace, &args.name).await?;
    let revisions = revisions(&object);
    let what = format!("VaultSecret {namespace}/{}", args.name);
    let Some(wanted) = revisions.iter().find(|revision| revision.number == args.to) else {
        return Err(
            Fault::failure(format!("revision {} of {what} is not kept", args.to)).next(format!(
                "splitvault history {} -n {namespace} shows those that are",
                args.name
            )),
        );
    };
    let demand = Demand::try_from(spec).map_err(|error| Fault::usage(error.to_string()))?;
    may(at, namespace, &demand).await?;
    let current = revisions.iter().find(|revision| revision.current);
    let next = current.map_or(1, |current| current.number + 1);
    let text = if wanted.current {
        format!(
            "{what}: revision {} is the current one already; nothing would happen\n",
            args.to
        )
    } else {
        format!(
            "{what}: revision {next} would have the content of revision {} ({} variables); every earlier revision stays as \
             long as historyLimit keeps it\n",
            args.to, wanted.entries
        )
    };
    output::print(text.as_bytes())
}

async fn may(at: &Connection, namespace: &str, demand: &Demand) -> Result<(), Fault> {
    let permission = demand.permission();
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                group: Some("splitvault.dev".to_owned()),
                resource: Some(permission.resource.to_owned()),
                verb: Some(permission.verb.to_owned()),
                name: permission.name.map(str::to_owned),
                namespace: Some(namespace.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(at.client.clone());
    let answer = api
        .create(&PostParams::default(), &review)
        .await
        .map_err(|error| unreachable(&error, at))?;
    if answer.status.is_some_and(|status| status.allowed) {
        return Ok(());
    }
    Err(Fault::failure(format!(
        "you may not {} {} in namespace {namespace}",
        permission.verb, permission.resource
    ))
    .next(grant(permission, namespace, "YOU")))
}
