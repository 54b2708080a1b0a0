//! What the operator says about a VaultSecret; written on every exit, and only when it says something new.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource as _};
use serde_json::json;
use splitvault_api::{
    HistoryEntry, READY, Reason, Remark, State, VaultSecret, VaultSecretStatus, conditions,
};

use super::failure::Failure;
use super::stored::Stored;
use crate::events::{Events, Tone};
use crate::fault::Fault;

/// How a reconcile ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Why, for programs.
    pub(super) reason: Reason,
    /// Why, for people.
    pub(super) message: String,
    /// What the stores hold, when that is known; otherwise the status keeps what it says.
    pub(super) stored: Option<(Stored, Vec<HistoryEntry>)>,
    /// What is said besides, each as a condition of its own.
    pub(super) remarks: Vec<(Remark, String)>,
    /// The Secret that is maintained as well.
    pub(super) output: Option<String>,
    /// The revision for which workloads were restarted.
    pub(super) restarted: Option<i64>,
}

impl Verdict {
    /// It ended as the object asks.
    pub(super) fn good(reason: Reason, stored: Option<(Stored, Vec<HistoryEntry>)>) -> Self {
        let content = stored.as_ref().map(|(stored, _)| {
            let plural = if stored.entries == 1 { "" } else { "s" };
            format!(
                "revision {} with {} variable{plural}",
                stored.revision, stored.entries
            )
        });
        let message = match (reason, content) {
            (Reason::Suspended, Some(content)) => format!("suspended at {content}; it is still delivered"),
            (Reason::Suspended, None) => "suspended before anything was stored".to_owned(),
            (_, Some(content)) => content,
            (_, None) => "nothing is stored".to_owned(),
        };
        Self {
            reason,
            message,
            stored,
            remarks: Vec::new(),
            output: None,
            restarted: None,
        }
    }

    /// It did not. `revision` is the one that stays in use, if any.
    pub(super) fn failed(failure: &Failure, revision: Option<i64>) -> Self {
        let stays = match (failure.reason(), revision) {
            (Reason::Tampered | Reason::RolledBack, _) | (_, None) => String::new(),
            (_, Some(revision)) => format!(" (revision {revision} stays in use)"),
        };
        Self {
            reason: failure.reason(),
            message: format!("{failure}{stays}"),
            stored: None,
            remarks: Vec::new(),
            output: None,
            restarted: None,
        }
    }

    /// It did not after all, though the stores have what they should.
    pub(super) fn but(self, failure: &Failure) -> Self {
        let stored = self.stored.as_ref().map(|(stored, _)| stored.revision);
        let revision = stored.and_then(|revision| i64::try_from(revision).ok());
        Self {
            stored: self.stored,
            output: self.output,
            ..Self::failed(failure, revision)
        }
    }

    /// The status that says so.
    fn status(&self, object: &VaultSecret, now: Timestamp) -> VaultSecretStatus {
        let before = object.status.clone().unwrap_or_default();
        let generation = object.metadata.generation;
        let now = Time(now);
        let mut conditions = conditions(&before.conditions, self.reason, &self.message, generation, &now);
        let remarks = self.remarks.iter();
        conditions.extend(
            remarks.map(|(remark, message)| remark.condition(&before.conditions, message, generation, &now)),
        );
        let status = VaultSecretStatus {
            observed_generation: generation,
            conditions,
            output_secret_name: self.output.clone(),
            restarted_revision: self.restarted,
            ..before
        };
        match &self.stored {
            None => status,
            Some((stored, history)) => VaultSecretStatus {
                revision: i64::try_from(stored.revision).ok(),
                restored_from: stored.restored_from.and_then(|from| i64::try_from(from).ok()),
                digest: Some(stored.digest.clone()),
                entries: i64::try_from(stored.entries).ok(),
                history: history.clone(),
                ..status
            },
        }
    }

    /// Whether people should be told: Ready has another reason than before, or there is another revision.
    fn is_news(&self, object: &VaultSecret) -> bool {
        let before = object.status.as_ref();
        let ready = before.and_then(|status| {
            status
                .conditions
                .iter()
                .find(|condition| condition.type_ == READY)
        });
        let revision = self
            .stored
            .as_ref()
            .and_then(|(stored, _)| i64::try_from(stored.revision).ok());
        let other = revision.is_some() && revision != before.and_then(|status| status.revision);
        other || ready.is_none_or(|ready| ready.reason != self.reason.as_str())
    }

    fn tone(&self) -> Tone {
        match self.reason.state() {
            State::Ready | State::Paused => Tone::Normal,
            State::Reconciling | State::Stalled => Tone::Warning,
        }
    }
}

/// The Secret that the object's status remembers.
pub(super) fn output(object: &VaultSecret) -> Option<String> {
    let status = object.status.as_ref();
    status.and_then(|status| status.output_secret_name.clone())
}

/// Writes the status, if it says something new, and tells people, if it is news. Answers whether it was new.
///
/// # Errors
/// As the API server has them; an object that is gone is none.
pub(super) async fn write(
    client: &Client,
    events: &Events,
    object: &VaultSecret,
    verdict: &Verdict,
) -> Result<bool, Fault> {
    let status = verdict.status(object, Timestamp::now());
    let new = object.status.as_ref() != Some(&status);
    if new && !apply(client, object, &status).await? {
        return Ok(true);
    }
    if verdict.is_news(object) {
        let reference = object.object_ref(&());
        events
            .changed(
                &reference,
                verdict.tone(),
                verdict.reason.as_str(),
                &verdict.message,
            )
            .await;
    }
    Ok(new)
}

/// Writes down, and remembers in `object`, which Secret is about to be made for it, so that it is found and removed
/// even after a crash.
///
/// # Errors
/// As the API server has them; [`Fault::NotFound`] when the object is gone.
pub(super) async fn announce(client: &Client, object: &mut VaultSecret, secret: &str) -> Result<(), Fault> {
    let status = VaultSecretStatus {
        output_secret_name: Some(secret.to_owned()),
        ..object.status.clone().unwrap_or_default()
    };
    if !apply(client, object, &status).await? {
        return Err(Fault::NotFound);
    }
    object.status = Some(status);
    Ok(())
}

/// Answers whether the object is still there.
async fn apply(client: &Client, object: &VaultSecret, status: &VaultSecretStatus) -> Result<bool, Fault> {
    let metadata = &object.metadata;
    let (Some(name), Some(namespace)) = (&metadata.name, &metadata.namespace) else {
        return Err(Fault::Malformed);
    };
    let patch = json!({
        "apiVersion": VaultSecret::api_version(&()),
        "kind": VaultSecret::kind(&()),
        // With the UID, an object that was made again meanwhile is not written to.
        "metadata": {"name": name, "namespace": namespace, "uid": metadata.uid},
        "status": status,
    });
    let api: Api<VaultSecret> = Api::namespaced(client.clone(), namespace);
    let params = PatchParams::apply(crate::MANAGER).force();
    match api
        .patch_status(name, &params, &Patch::Apply(patch))
        .await
        .map_err(Fault::from)
    {
        Ok(_) => Ok(true),
        Err(Fault::NotFound) => Ok(false),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(status: Option<VaultSecretStatus>) -> VaultSecret {
        let object = json!({
            "apiVersion": "splitvault.dev/v1alpha1",
            "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1", "generation": 2},
            "spec": {"generate": [{"name": "A"}]},
        });
        let mut object: VaultSecret = serde_json::from_value(object).unwrap();
        object.status = status;
        object
    }

    fn synced(revision: u64) -> Verdict {
        let stored = Stored {
            revision,
            digest: "00".to_owned(),
            entries: 1,
            restored_from: None,
        };
        Verdict::good(Reason::Synced, Some((stored, Vec::new())))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_same_verdict_says_nothing_new() {
        let first = synced(1).status(&object(None), at(1));
        assert!(synced(1).is_news(&object(None)));
        let again = object(Some(first.clone()));
        assert_eq!(synced(1).status(&again, at(2)), first);
        assert!(!synced(1).is_news(&again));
    }

    #[test]
    fn a_remark_is_a_condition_besides_and_goes_with_what_it_is_about() {
        let old = Verdict {
            remarks: vec![
                (Remark::SealedWithOldKey, "mend it".to_owned()),
                (Remark::Quarantined, "1 revision".to_owned()),
            ],
            ..synced(1)
        };
        let told = old.status(&object(None), at(1));
        let found = |status: &VaultSecretStatus, kind: &str| {
            let found = status.conditions.iter().find(|found| found.type_ == kind);
            found.map(|found| {
                (
                    found.status.clone(),
                    found.message.clone(),
                    found.last_transition_time.0,
                )
            })
        };
        let expected = Some(("True".to_owned(), "mend it".to_owned(), at(1)));
        assert_eq!(found(&told, "SealedWithOldKey"), expected);
        assert_eq!(found(&told, "Quarantined").unwrap().1, "1 revision");
        assert_eq!(found(&told, READY).unwrap().0, "True");
        let again = object(Some(told.clone()));
        assert_eq!(old.status(&again, at(2)), told, "nothing new");
        assert!(!old.is_news(&again));
        let mended = synced(1).status(&again, at(3));
        assert_eq!(found(&mended, "SealedWithOldKey"), None);
        assert_eq!(found(&mended, "Quarantined"), None);
    }

    #[test]
    fn another_revision_is_news() {
        let before = object(Some(synced(1).status(&object(None), at(1))));
        assert!(synced(2).is_news(&before));
        assert_eq!(synced(2).status(&before, at(2)).revision, Some(2));
    }

    #[test]
    fn a_failure_keeps_what_the_status_remembers() {
        let before = object(Some(synced(3).status(&object(None), at(1))));
        let failure = Failure::RolledBack("revision 2 where 3 was expected".to_owned());
        let verdict = Verdict::failed(&failure, Some(3));
        let status = verdict.status(&before, at(2));
        assert_eq!((status.revision, status.digest.as_deref()), (Some(3), Some("00")));
        let is = |type_: &str| {
            status
                .conditions
                .iter()
                .find(|c| c.type_ == type_)
                .map(|c| c.status.as_str())
        };
        assert_eq!((is("Ready"), is("Stalled")), (Some("False"), Some("True")));
        assert!(verdict.is_news(&before));
    }
}
