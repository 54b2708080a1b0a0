//! The audit trail: one line for each answer, without a name or a value of a variable.

use std::net::IpAddr;

use splitvault_wire::{DeliverRequest, Reason};

use super::{Caller, Outcome, Refusal};

/// Who got what, and who did not. Names of VaultSecrets are shown once the pod's annotation has vouched for them.
pub(super) fn audit(caller: &Caller, asked: &DeliverRequest, outcome: Result<&Outcome, &Refusal>) {
    let vouched = |reason| {
        matches!(
            reason,
            Reason::NotAllowed | Reason::NotReady | Reason::Unavailable | Reason::Tampered
        )
    };
    let (reason, revisions) = match outcome {
        Ok(Outcome::Delivered(_, revisions)) => ("Delivered", listed(revisions)),
        Ok(Outcome::Current(current)) => ("Current", listed(&current.revisions)),
        Err(refusal) if vouched(refusal.reason) => (refusal.reason.as_str(), asked.vault_secrets.join(",")),
        Err(refusal) => (refusal.reason.as_str(), String::new()),
    };
    let Caller {
        namespace,
        service_account,
        pod,
        uid,
    } = caller;
    tracing::info!(
        target: "splitvault::audit",
        namespace, service_account, pod, pod_uid = uid, vault_secrets = revisions, reason, "delivery"
    );
}

/// Somebody who could not show who they are; as often as their address may try.
pub(super) fn audit_unknown(peer: Option<IpAddr>, refusal: &Refusal) {
    let peer = peer.map(tracing::field::display);
    tracing::info!(target: "splitvault::audit", peer, reason = refusal.reason.as_str(), "delivery");
}

fn listed<'a>(revisions: impl IntoIterator<Item = (&'a String, &'a u64)>) -> String {
    let each: Vec<String> = revisions
        .into_iter()
        .map(|(name, revision)| format!("{name}:{revision}"))
        .collect();
    each.join(",")
}
