//! Whether a VaultSecret may be handed out to a ServiceAccount now. Pure.

use splitvault_api::{Asker, READY, VaultSecret};
use splitvault_wire::Reason;

use super::Refusal;
use super::board::Topic;
use super::face::{Face, is_tampered};

/// What is handed out: the environment of this UID, at least at this revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// The VaultSecret as the pod names it: with its namespace when that is another.
    pub(super) name: String,
    /// Its namespace and its name.
    pub(super) topic: Topic,
    /// Its UID, under which the vault keeps the environment.
    pub(super) uid: String,
    /// The revision that the status remembers.
    pub(super) revision: i64,
    /// The digest that the status remembers, hexadecimal.
    pub(super) digest: String,
    /// What the VaultSecret looks like.
    pub(super) face: Option<Face>,
}

/// Decides. A newer spec that cannot be processed does not take the last good revision away: pods that are moved to
/// another node must start. A spec that was not looked at yet does, for the moment that takes.
///
/// A pod of another namespace hears the same of a VaultSecret that is not there as of one that is not for it.
///
/// # Errors
/// [`Reason::NotAllowed`], [`Reason::NotReady`], [`Reason::Tampered`].
pub(super) fn grant(
    name: &str,
    topic: Topic,
    object: Option<&VaultSecret>,
    asker: &Asker<'_>,
) -> Result<Grant, Refusal> {
    let not_ready = |why: &str| Refusal::new(Reason::NotReady, format!("VaultSecret {name} {why}"));
    let is_own = topic.namespace == asker.namespace;
    let allowed = |object: &&VaultSecret| object.spec.allows(&topic.namespace, asker);
    let object = match object {
        None if is_own => return Err(not_ready("does not exist in this namespace")),
        object => object
            .filter(allowed)
            .ok_or_else(|| not_allowed(name, &topic, asker))?,
    };
    if object.metadata.deletion_timestamp.is_some() {
        return Err(not_ready("is being deleted"));
    }
    let status = object.status.clone().unwrap_or_default();
    if status.observed_generation != object.metadata.generation {
        return Err(not_ready("was changed and is being processed"));
    }
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == READY);
    if is_tampered(&status.conditions) {
        let message = ready.map(|ready| ready.message.clone()).unwrap_or_default();
        return Err(Refusal::new(
            Reason::Tampered,
            format!("VaultSecret {name}: {message}"),
        ));
    }
    match (&object.metadata.uid, status.revision, status.digest) {
        (Some(uid), Some(revision), Some(digest)) => Ok(Grant {
            name: name.to_owned(),
            topic,
            uid: uid.clone(),
            revision,
            digest,
            face: Face::of(Some(object)),
        }),
        _ => Err(not_ready(&match ready {
            Some(ready) => format!("is not ready: {}", ready.message),
            None => "is being processed".to_owned(),
        })),
    }
}

/// Why not, and what to do; the same whatever is the matter.
pub(super) fn not_allowed(name: &str, topic: &Topic, asker: &Asker<'_>) -> Refusal {
    let Asker {
        namespace,
        service_account,
        ..
    } = asker;
    let message = if topic.namespace == *namespace {
        format!(
            "spec.access of VaultSecret {name} does not let this pod have it: it asks as ServiceAccount {service_account}, \
             see its serviceAccounts and podSelector"
        )
    } else {
        format!(
            "there is no VaultSecret {name} for this pod: a pod of namespace {namespace} needs the consent of its owner \
             (spec.access.namespaces, podSelector) and of the installation (crossNamespace.allowed: from {namespace}, to {})",
            topic.namespace
        )
    };
    Refusal::new(Reason::NotAllowed, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(change: impl FnOnce(&mut Value)) -> VaultSecret {
        let mut object = json!({
            "apiVersion": "splitvault.dev/v1alpha1",
            "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1", "generation": 2},
            "spec": {"generate": [{"name": "A"}], "access": {"serviceAccounts": ["web"]}},
            "status": {"observedGeneration": 2, "revision": 3, "digest": "00ff", "conditions": [condition("Synced")]},
        });
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    fn condition(reason: &str) -> Value {
        json!({
            "type": "Ready", "status": "True", "reason": reason, "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    }

    /// For a pod of namespace `shop`.
    fn granted(object: Option<&VaultSecret>, service_account: &str) -> Result<Grant, Refusal> {
        asked("web", object, "shop", service_account)
    }

    fn asked(
        name: &str,
        object: Option<&VaultSecret>,
        namespace: &str,
        service_account: &str,
    ) -> Result<Grant, Refusal> {
        let topic = Topic {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        let asker = Asker {
            namespace,
            service_account,
            labels: &std::collections::BTreeMap::new(),
        };
        grant(name, topic, object, &asker)
    }

    fn reason(object: &VaultSecret, account: &str) -> Option<Reason> {
        granted(Some(object), account).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn a_foreign_pod_cannot_tell_what_is_not_there_from_what_is_not_for_it() {
        let hidden = [
            object(|_| {}),
            object(|o| o["spec"]["access"]["namespaces"] = json!([{"name": "team-c"}])),
            object(|o| {
                o["spec"]["access"]["namespaces"] = json!([{"name": "team-b", "serviceAccounts": ["other"]}]);
            }),
            object(|o| o["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")),
            object(|o| o["status"] = Value::Null),
            object(|o| o["status"]["conditions"] = json!([condition("Tampered")])),
        ];
        let absent = asked("shop/web", None, "team-b", "web").unwrap_err();
        assert_eq!(absent.reason, Reason::NotAllowed);
        for object in hidden {
            assert_eq!(
                asked("shop/web", Some(&object), "team-b", "web").unwrap_err(),
                absent
            );
        }
        let open = |o: &mut Value| o["spec"]["access"]["namespaces"] = json!([{"name": "team-b"}]);
        let granted = asked("shop/web", Some(&object(open)), "team-b", "web").unwrap();
        assert_eq!((&*granted.name, &*granted.topic.namespace), ("shop/web", "shop"));
        assert_eq!(reason(&object(open), "web"), None, "its own namespace as before");
    }

    #[test]
    fn a_ready_object_is_granted_to_those_it_lists() {
        let granted = granted(Some(&object(|_| {})), "web").unwrap();
        assert_eq!((&*granted.uid, granted.revision), ("v-1", 3));
        assert_eq!(reason(&object(|_| {}), "other"), Some(Reason::NotAllowed));
        assert_eq!(
            reason(&object(|o| o["spec"]["access"] = Value::Null), "other"),
            None
        );
    }

    #[test]
    fn what_is_missing_or_in_the_making_is_waited_for() {
        assert_eq!(granted(None, "web").unwrap_err().reason, Reason::NotReady);
        let changes: [fn(&mut Value); 5] = [
            |o| o["metadata"]["generation"] = json!(3),
            |o| o["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
            |o| o["status"] = Value::Null,
            |o| o["status"]["revision"] = Value::Null,
            |o| o["metadata"]["uid"] = Value::Null,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(
                reason(&object(change), "web"),
                Some(Reason::NotReady),
                "change {number}"
            );
        }
    }

    #[test]
    fn the_last_good_revision_outlives_a_bad_source_but_not_tampering() {
        for (why, expected) in [
            ("SourceMissing", None),
            ("SealedInvalid", None),
            ("Suspended", None),
            ("Tampered", Some(Reason::Tampered)),
            ("RolledBack", Some(Reason::Tampered)),
        ] {
            let object = object(|o| o["status"]["conditions"] = json!([condition(why)]));
            assert_eq!(reason(&object, "web"), expected, "{why}");
        }
    }
}
