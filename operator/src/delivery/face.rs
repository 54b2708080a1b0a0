//! What of a VaultSecret matters to those who have it: its content, and who may have it. Pure.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use splitvault_api::{READY, Reason as Why, VaultSecret};

/// Stands for all that matters of a VaultSecret: the same, the same. Eight bytes, for there is one per waiter; two
/// that collide cost nothing but that one waits until its next refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Face(u64);

impl Face {
    /// That of a VaultSecret as the API server has it; `None` while the controller has not looked at its newest spec.
    pub(super) fn of(object: Option<&VaultSecret>) -> Option<Self> {
        let mut hash = DefaultHasher::new();
        let object = object.filter(|object| object.metadata.deletion_timestamp.is_none());
        let Some(object) = object else {
            return Some(Self(0));
        };
        let status = object.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation);
        if observed != object.metadata.generation {
            return None;
        }
        object.metadata.uid.hash(&mut hash);
        // An object of serde's is written in the order of its fields, so the same access has the same text.
        serde_json::to_string(&object.spec.access)
            .unwrap_or_default()
            .hash(&mut hash);
        if let Some(status) = status {
            (status.revision, &status.digest).hash(&mut hash);
            is_tampered(&status.conditions).hash(&mut hash);
        }
        Some(Self(hash.finish() | 1))
    }

    #[cfg(test)]
    pub(super) const fn of_test(number: u64) -> Self {
        Self(number)
    }
}

/// Whether what is stored must not be handed out. Other reasons not to be Ready, such as a store that is away, do not
/// matter to those who have the content.
pub(super) fn is_tampered(conditions: &[Condition]) -> bool {
    let ready = conditions.iter().find(|condition| condition.type_ == READY);
    ready.is_some_and(|ready| {
        [Why::Tampered, Why::RolledBack]
            .iter()
            .any(|why| why.as_str() == ready.reason)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn face(change: impl FnOnce(&mut Value)) -> Option<Face> {
        let mut object = json!({
            "apiVersion": "splitvault.dev/v1alpha1",
            "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1", "generation": 2},
            "spec": {"generate": [{"name": "A"}], "access": {"serviceAccounts": ["web"]}},
            "status": {"observedGeneration": 2, "revision": 3, "digest": "00ff", "conditions": [{
                "type": "Ready", "status": "True", "reason": "Synced", "message": "m",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        });
        change(&mut object);
        Face::of(Some(&serde_json::from_value(object).unwrap()))
    }

    #[test]
    fn content_and_access_matter() {
        let same = face(|_| {}).unwrap();
        let changes: [fn(&mut Value); 6] = [
            |o| o["metadata"]["uid"] = json!("v-2"),
            |o| o["spec"]["access"] = Value::Null,
            |o| o["spec"]["access"]["serviceAccounts"] = json!(["db"]),
            |o| o["status"]["revision"] = json!(4),
            |o| o["status"]["digest"] = json!("00fe"),
            |o| o["status"]["conditions"][0]["reason"] = json!("Tampered"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_ne!(face(change), Some(same), "change {number}");
        }
        let deleted = face(|o| o["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
        assert!(deleted == Face::of(None) && deleted != Some(same));
    }

    #[test]
    fn nothing_else_does() {
        let changes: [fn(&mut Value); 6] = [
            |o| o["metadata"]["labels"] = json!({"a": "b"}),
            |o| o["metadata"]["resourceVersion"] = json!("7"),
            |o| o["spec"]["historyLimit"] = json!(1),
            |o| o["status"]["entries"] = json!(9),
            |o| o["status"]["conditions"][0]["reason"] = json!("StoreUnavailable"),
            |o| o["status"]["conditions"][0]["message"] = json!("other"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(face(change), face(|_| {}), "change {number}");
        }
    }

    #[test]
    fn a_spec_that_was_not_looked_at_has_none_yet() {
        assert_eq!(face(|o| o["metadata"]["generation"] = json!(3)), None);
        assert_eq!(face(|o| o["status"] = Value::Null), None);
    }
}
