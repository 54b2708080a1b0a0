//! What the operator says about a VaultRequest; written on every exit, and only when it says something new.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;
use splitvault_api::{
    Begun, Outcome, Progress, Sealed, Standing, VaultRequest, VaultRequestStatus, request_conditions,
};

use super::Failure;
use crate::fault::Fault;

/// How a reconcile ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Why, for programs.
    pub(super) outcome: Outcome,
    /// Why, for people.
    pub(super) message: String,
    /// What is new besides; what is `None` stays as it is.
    pub(super) said: Said,
}

/// What a status says besides its conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) progress: Option<Progress>,
    pub(super) base_revision: Option<u64>,
    pub(super) revision: Option<u64>,
    /// Empty: as before.
    pub(super) begun: Vec<Begun>,
    pub(super) answer: Option<String>,
    pub(super) payload: Option<Sealed>,
}

impl Verdict {
    pub(super) fn new(outcome: Outcome, message: impl Into<String>, said: Said) -> Self {
        Self {
            outcome,
            message: message.into(),
            said,
        }
    }

    /// The status that says so.
    pub(super) fn status(&self, object: &VaultRequest, now: Timestamp) -> VaultRequestStatus {
        let before = object.status.clone().unwrap_or_default();
        let generation = object.metadata.generation;
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let ttl = SignedDuration::try_from(object.spec.ttl()).unwrap_or(SignedDuration::ZERO);
        let over = self.outcome.standing() != Standing::Open;
        let number = |revision: Option<u64>| revision.and_then(|revision| i64::try_from(revision).ok());
        let conditions = request_conditions(
            &before.conditions,
            self.outcome,
            &self.message,
            generation,
            &Time(now),
        );
        VaultRequestStatus {
            observed_generation: generation,
            conditions,
            progress: self.said.progress.clone().or(before.progress),
            base_revision: number(self.said.base_revision).or(before.base_revision),
            revision: number(self.said.revision).or(before.revision),
            begun: if self.said.begun.is_empty() {
                before.begun
            } else {
                self.said.begun.clone()
            },
            answer: self.said.answer.clone(),
            payload: self.said.payload.clone(),
            completion_time: over.then_some(Time(now)),
            expires_at: over.then(|| Time(now.saturating_add(ttl).unwrap_or(now))),
        }
    }
}

impl From<&Failure> for Verdict {
    fn from(failure: &Failure) -> Self {
        Self::new(failure.outcome(), failure.to_string(), Said::default())
    }
}

/// Writes the status, if it says something new.
///
/// # Errors
/// As the API server has them; an object that is gone is none.
pub(super) async fn write(
    client: &Client,
    object: &VaultRequest,
    status: &VaultRequestStatus,
) -> Result<(), Fault> {
    if object.status.as_ref() == Some(status) {
        return Ok(());
    }
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let patch = json!({
        "apiVersion": VaultRequest::api_version(&()),
        "kind": VaultRequest::kind(&()),
        // With the UID, an object that was made again meanwhile is not written to.
        "metadata": {"name": name, "namespace": namespace, "uid": object.uid()},
        "status": status,
    });
    let api: Api<VaultRequest> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams::apply(crate::MANAGER).force();
    match api
        .patch_status(&name, &params, &Patch::Apply(patch))
        .await
        .map_err(Fault::from)
    {
        Ok(_) | Err(Fault::NotFound | Fault::Conflict) => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Deletes a request, and no other of that name.
///
/// # Errors
/// As the API server has them; an object that is gone is none.
pub(super) async fn delete(client: &Client, object: &VaultRequest) -> Result<(), Fault> {
    let api: Api<VaultRequest> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: object.uid(),
        resource_version: None,
    });
    match api.delete(&object.name_any(), &params).await.map_err(Fault::from) {
        Ok(_) | Err(Fault::NotFound | Fault::Conflict) => Ok(()),
        Err(fault) => Err(fault),
    }
}
