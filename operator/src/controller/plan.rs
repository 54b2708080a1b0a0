//! What is to be done about one VaultSecret, decided from what was observed. Pure.

use splitvault_api::{Desired, SpecError, VaultSecret};

use super::failure::Failure;
use super::source::Found;
use super::stored::Stored;

/// What was observed; nothing was changed yet.
#[derive(Debug)]
pub(super) struct Observed {
    /// The object, as the API server has it, but for the payload.
    pub(super) object: VaultSecret,
    /// What its spec amounts to, but for the source, which is in `found`.
    pub(super) desired: Result<Desired, SpecError>,
    /// What the stores hold for it.
    pub(super) stored: Result<Option<Stored>, Failure>,
    /// What was found where its variables come from.
    pub(super) found: Result<Found, Failure>,
    /// Whether what is stored was made from just that, with no more history than wanted.
    pub(super) current: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, not even a status: the object is on its way out and the stores were cleaned.
    Forget,
    /// Remove the content from both stores, then let the object go.
    Remove,
    /// Let the object go; the content stays.
    Release,
    /// Change nothing and say why.
    Stop(Failure),
    /// Change nothing, as asked.
    Pause,
    /// Nothing: the stores hold what they should.
    Keep,
    /// Write a new revision.
    Write,
}

/// Decides. Tampering is reported before anything is done, and nothing is done then, short of a deletion.
pub(super) fn plan(observed: &Observed) -> Step {
    let metadata = &observed.object.metadata;
    if metadata.deletion_timestamp.is_some() {
        let claimed = metadata
            .finalizers
            .iter()
            .flatten()
            .any(|name| name == super::FINALIZER);
        let retain = observed.object.spec.deletion_policy == Some(splitvault_api::DeletionPolicy::Retain);
        return match (claimed, retain) {
            (false, _) => Step::Forget,
            (true, true) => Step::Release,
            (true, false) => Step::Remove,
        };
    }
    let stored = match &observed.stored {
        Ok(stored) => stored,
        Err(failure) => return Step::Stop(failure.clone()),
    };
    let desired = match &observed.desired {
        Ok(desired) => desired,
        Err(error) => return Step::Stop(Failure::Spec(error.clone())),
    };
    if desired.suspend {
        return Step::Pause;
    }
    match &observed.found {
        Err(failure) => Step::Stop(failure.clone()),
        Ok(_) if observed.current && stored.is_some() => Step::Keep,
        Ok(_) => Step::Write,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fault::Fault;

    fn observed(change: impl FnOnce(&mut Value)) -> Observed {
        let mut object = json!({
            "apiVersion": "splitvault.dev/v1alpha1",
            "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1", "finalizers": [crate::controller::FINALIZER]},
            "spec": {"generate": [{"name": "A"}]},
        });
        change(&mut object);
        let object: VaultSecret = serde_json::from_value(object).unwrap();
        Observed {
            desired: Desired::try_from(&object.spec),
            object,
            stored: Ok(Some(stored())),
            found: Ok(Found::Nothing),
            current: true,
        }
    }

    fn stored() -> Stored {
        Stored {
            revision: 3,
            digest: "00".to_owned(),
            entries: 1,
            restored_from: None,
        }
    }

    fn deleted(object: &mut Value) {
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }

    fn tampered() -> Failure {
        Failure::Tampered("x".to_owned())
    }

    #[test]
    fn the_same_object_again_is_kept_as_it_is() {
        assert_eq!(plan(&observed(|_| {})), Step::Keep);
    }

    #[test]
    fn a_new_object_and_a_new_source_are_written() {
        let new = Observed {
            stored: Ok(None),
            ..observed(|_| {})
        };
        assert_eq!(plan(&new), Step::Write);
        let changed = Observed {
            current: false,
            ..observed(|_| {})
        };
        assert_eq!(plan(&changed), Step::Write);
    }

    #[test]
    fn deletion_removes_or_releases_and_is_done_once() {
        assert_eq!(plan(&observed(deleted)), Step::Remove);
        let retained = observed(|o| {
            deleted(o);
            o["spec"]["deletionPolicy"] = json!("Retain");
        });
        assert_eq!(plan(&retained), Step::Release);
        let gone = observed(|o| {
            deleted(o);
            o["metadata"]["finalizers"] = json!(["someone.else/finalizer"]);
        });
        assert_eq!(plan(&gone), Step::Forget);
    }

    #[test]
    fn deletion_goes_on_whatever_else_is_wrong() {
        let broken = Observed {
            stored: Err(tampered()),
            found: Err(Failure::Cluster(Fault::Unavailable)),
            ..observed(|o| {
                deleted(o);
                o["spec"] = json!({});
            })
        };
        assert_eq!(plan(&broken), Step::Remove);
    }

    #[test]
    fn what_was_tampered_with_is_never_overwritten() {
        for failure in [tampered(), Failure::RolledBack("x".to_owned())] {
            for suspend in [false, true] {
                let observed = Observed {
                    stored: Err(failure.clone()),
                    current: false,
                    ..observed(|o| o["spec"]["suspend"] = json!(suspend))
                };
                assert_eq!(plan(&observed), Step::Stop(failure.clone()));
            }
        }
    }

    #[test]
    fn what_is_suspended_is_not_written_even_when_its_source_is_broken() {
        let paused = Observed {
            found: Err(Failure::SealedInvalid("x")),
            current: false,
            ..observed(|o| o["spec"]["suspend"] = json!(true))
        };
        assert_eq!(plan(&paused), Step::Pause);
    }

    #[test]
    fn a_spec_that_contradicts_itself_stops_before_anything_is_written() {
        let observed = Observed {
            current: false,
            ..observed(|o| {
                o["spec"]["source"] = json!({"secretRef": {"name": "x"}});
                o["spec"]["output"] = json!({"secretName": "x"});
            })
        };
        assert!(matches!(
            plan(&observed),
            Step::Stop(Failure::Spec(SpecError::OutputIsSource { .. }))
        ));
    }

    #[test]
    fn a_source_that_fails_stops_and_says_why() {
        let failure = Failure::SourceMissing {
            secret: "env".to_owned(),
        };
        let observed = Observed {
            found: Err(failure.clone()),
            current: false,
            ..observed(|_| {})
        };
        assert_eq!(plan(&observed), Step::Stop(failure));
    }
}
