//! The audit trail: one line for each answer, written before it can be read. No name and no value of a variable.

use kube::ResourceExt as _;
use splitvault_api::{Outcome, VaultRequest};

/// Who asked for what, and what became of it. Whoever is not vouched for is not named.
pub(super) fn audit(object: &VaultRequest, vouched: bool, outcome: Outcome, revision: Option<i64>) {
    let spec = &object.spec;
    let requester = spec.requester.as_ref().filter(|_| vouched);
    tracing::info!(
        target: "splitvault::audit",
        namespace = object.namespace(),
        request = object.name_any(),
        request_uid = object.uid(),
        action = spec.action.as_str(),
        vault_secret = spec.vault_secret_name,
        user = requester.map(|requester| requester.username.as_str()),
        user_uid = requester.and_then(|requester| requester.uid.as_deref()),
        reason = outcome.as_str(),
        revision,
        "request"
    );
}
