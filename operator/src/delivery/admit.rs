//! Whether a pod may ask for what it asks for. Pure.

use std::collections::BTreeSet;

use splitvault_api::{Request, annotations};
use splitvault_wire::{DeliverRequest, Reason};

use super::pod::AskingPod;
use super::{Caller, Refusal};

/// Whether the pod that the API server has under the caller's name is the caller, lives, and asks for all of these.
///
/// # Errors
/// [`Reason::PodNotFound`] for another or an ended pod, [`Reason::NotRequested`], [`Reason::Invalid`].
pub(super) fn admit(pod: &AskingPod, caller: &Caller, asked: &DeliverRequest) -> Result<Request, Refusal> {
    if pod.metadata.uid.as_deref() != Some(&*caller.uid) {
        return Err(Refusal::new(Reason::PodNotFound, "another pod has this name now"));
    }
    let phase = pod.status.phase.as_deref();
    if pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed")) {
        return Err(Refusal::new(
            Reason::PodNotFound,
            "the pod has ended or is being deleted",
        ));
    }
    let account = pod.spec.service_account_name.as_deref();
    if account.unwrap_or("default") != caller.service_account {
        return Err(Refusal::new(
            Reason::Unauthenticated,
            "the token is of another ServiceAccount than the pod",
        ));
    }
    let request = Request::parse(&pod.metadata.annotations);
    let request = request.map_err(|refusal| Refusal::new(Reason::NotRequested, refusal.to_string()))?;
    let distinct: BTreeSet<&String> = asked.vault_secrets.iter().collect();
    if distinct.is_empty() || distinct.len() != asked.vault_secrets.len() {
        return Err(Refusal::new(
            Reason::Invalid,
            "name each VaultSecret once, and at least one",
        ));
    }
    let all = |request: &Request| distinct.iter().all(|name| request.vault_secrets.contains(name));
    request.filter(all).ok_or_else(|| {
        let message = format!(
            "the pod's annotation {} does not name all that it asks for",
            annotations::INJECT
        );
        Refusal::new(Reason::NotRequested, message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is done to a pod, and what comes of it.
    type Case = (fn(&mut Value), Reason);

    fn caller() -> Caller {
        Caller {
            namespace: "shop".to_owned(),
            service_account: "web".to_owned(),
            pod: "web-1".to_owned(),
            uid: "u-1".to_owned(),
        }
    }

    fn asks(names: &[&str]) -> DeliverRequest {
        DeliverRequest {
            wait_seconds: None,
            refused: None,
            public_key: Vec::new(),
            vault_secrets: names.iter().map(|name| (*name).to_owned()).collect(),
            tag: None,
            problem: None,
        }
    }

    fn pod(change: impl FnOnce(&mut Value)) -> AskingPod {
        let mut pod = json!({
            "metadata": {"name": "web-1", "uid": "u-1", "annotations": {"splitvault.dev/inject": "web, db"}},
            "spec": {"serviceAccountName": "web", "containers": []},
            "status": {"phase": "Pending"},
        });
        change(&mut pod);
        serde_json::from_value(pod).unwrap()
    }

    fn reason(pod: &AskingPod, asked: &DeliverRequest) -> Option<Reason> {
        admit(pod, &caller(), asked).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn a_pod_gets_all_or_some_of_what_its_annotation_names() {
        for names in [&["web", "db"][..], &["db"]] {
            assert_eq!(reason(&pod(|_| {}), &asks(names)), None);
        }
    }

    #[test]
    fn each_thing_that_is_not_as_it_should_be_is_refused() {
        let cases: [Case; 8] = [
            (|p| p["metadata"]["uid"] = json!("u-2"), Reason::PodNotFound),
            (|p| p["metadata"]["uid"] = Value::Null, Reason::PodNotFound),
            (
                |p| p["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
                Reason::PodNotFound,
            ),
            (|p| p["status"]["phase"] = json!("Succeeded"), Reason::PodNotFound),
            (|p| p["status"]["phase"] = json!("Failed"), Reason::PodNotFound),
            (
                |p| p["spec"]["serviceAccountName"] = json!("other"),
                Reason::Unauthenticated,
            ),
            (
                |p| p["metadata"]["annotations"] = Value::Null,
                Reason::NotRequested,
            ),
            (
                |p| p["metadata"]["annotations"]["splitvault.dev/inject"] = json!("db"),
                Reason::NotRequested,
            ),
        ];
        for (number, (change, expected)) in cases.into_iter().enumerate() {
            assert_eq!(
                reason(&pod(change), &asks(&["web"])),
                Some(expected),
                "case {number}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_must_be_a_set() {
        for names in [&[][..], &["web", "web"]] {
            assert_eq!(reason(&pod(|_| {}), &asks(names)), Some(Reason::Invalid));
        }
        for names in [&["web", "other"][..], &["../web"], &[""], &["web,db"]] {
            assert_eq!(reason(&pod(|_| {}), &asks(names)), Some(Reason::NotRequested));
        }
    }
}
