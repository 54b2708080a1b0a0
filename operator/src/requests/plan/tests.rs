//! Decisions.

use serde_json::{Value, json};
use splitvault_api::Outcome;

use super::*;
use crate::fault::Fault;
use crate::requests::stamp::Unstamped;

const CREATED: &str = "2026-01-01T00:00:00Z";

fn after(seconds: i64) -> Timestamp {
    let created: Timestamp = CREATED.parse().unwrap();
    Timestamp::from_second(created.as_second() + seconds).unwrap()
}

fn target(revision: u64, restored_from: Option<u64>) -> Target {
    let object = json!({
        "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
        "metadata": {"name": "web", "namespace": "shop", "uid": "v-1"}, "spec": {"generate": [{"name": "A"}]},
    });
    Target {
        uid: "v-1".to_owned(),
        object: serde_json::from_value(object).unwrap(),
        revision,
        history: 2,
        restored_from,
    }
}

fn observed(spec: Value, status: Value) -> Observed {
    let object = json!({
        "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultRequest",
        "metadata": {"name": "a", "namespace": "shop", "uid": "r-1", "creationTimestamp": CREATED},
        "spec": spec, "status": status,
    });
    let object: VaultRequest = serde_json::from_value(object).unwrap();
    Observed {
        demand: Demand::try_from(&object.spec).map_err(Failure::Demand),
        object,
        now: after(1),
        vouched: Ok(()),
        allowed: Ok(()),
        target: Ok(Some(target(7, None))),
    }
}

fn rollback(status: Value) -> Observed {
    observed(
        json!({"action": "Rollback", "vaultSecretName": "web", "revision": 3}),
        status,
    )
}

fn denied() -> Failure {
    Failure::Denied {
        who: "anna".to_owned(),
        verb: "rollback",
        resource: "vaultsecrets".to_owned(),
        namespace: "shop".to_owned(),
    }
}

fn over(expires: i64) -> Value {
    json!({
        "conditions": [{"type": "Complete", "status": "True", "reason": "Done", "message": "", "lastTransitionTime": CREATED}],
        "expiresAt": after(expires).to_string(),
    })
}

#[test]
fn work_that_changes_something_is_written_down_before_it_is_done() {
    assert_eq!(plan(&rollback(json!({}))), Step::Begin(7));
    assert_eq!(plan(&rollback(json!({"baseRevision": 7}))), Step::Do);
    let rotate = json!({"action": "Rotate", "vaultSecretName": "web"});
    assert_eq!(plan(&observed(rotate.clone(), json!({}))), Step::Begin(7));
    assert_eq!(plan(&observed(rotate, json!({"baseRevision": 7}))), Step::Do);
    let reveal = json!({"action": "Reveal", "vaultSecretName": "web", "publicKey": "k"});
    assert_eq!(plan(&observed(reveal, json!({}))), Step::Do);
}

#[test]
fn a_rollback_that_was_done_before_a_crash_is_not_done_again() {
    let done = Observed {
        target: Ok(Some(target(8, Some(3)))),
        ..rollback(json!({"baseRevision": 7}))
    };
    assert_eq!(plan(&done), Step::Finish(8));
}

#[test]
fn what_was_done_is_told_even_when_the_permission_is_gone_since() {
    let done = Observed {
        target: Ok(Some(target(8, Some(3)))),
        allowed: Err(denied()),
        now: after(10_000),
        ..rollback(json!({"baseRevision": 7}))
    };
    assert_eq!(plan(&done), Step::Finish(8));
}

#[test]
fn a_permission_that_goes_before_the_work_stops_it() {
    let gone = Observed {
        allowed: Err(denied()),
        ..rollback(json!({"baseRevision": 7}))
    };
    assert_eq!(plan(&gone), Step::Stop(denied()));
}

#[test]
fn a_change_between_is_not_rolled_over() {
    for (revision, restored) in [(8, None), (8, Some(2)), (9, Some(3)), (6, None)] {
        let changed = Observed {
            target: Ok(Some(target(revision, restored))),
            ..rollback(json!({"baseRevision": 7}))
        };
        assert_eq!(
            plan(&changed),
            Step::Stop(Failure::Conflict(revision)),
            "{revision}"
        );
    }
}

#[test]
fn while_it_cannot_be_seen_whether_it_was_done_it_is_asked_again_however_long_it_takes() {
    let away = Failure::Store("away".to_owned());
    let hidden = Observed {
        target: Err(away.clone()),
        now: after(10_000),
        ..rollback(json!({"baseRevision": 7}))
    };
    assert_eq!(plan(&hidden), Step::Stop(away));
}

#[test]
fn going_back_to_the_current_revision_is_done_already() {
    let same = Observed {
        target: Ok(Some(target(3, None))),
        ..rollback(json!({}))
    };
    assert_eq!(plan(&same), Step::Finish(3));
}

#[test]
fn a_suspended_vault_secret_keeps_its_content() {
    let mut suspended = target(7, None);
    suspended.object.spec.suspend = Some(true);
    let suspended = Observed {
        target: Ok(Some(suspended)),
        ..rollback(json!({}))
    };
    assert_eq!(plan(&suspended), Step::Stop(Failure::Suspended("web".to_owned())));
}

#[test]
fn nothing_is_done_for_a_request_that_nobody_vouches_for() {
    for status in [json!({}), json!({"baseRevision": 7})] {
        let failure = Failure::Unstamped(Unstamped::Wrong);
        let forged = Observed {
            vouched: Err(failure.clone()),
            target: Ok(Some(target(8, Some(3)))),
            ..rollback(status)
        };
        assert_eq!(plan(&forged), Step::Stop(failure));
    }
}

#[test]
fn what_nobody_answered_in_time_fails_and_says_what_stood_in_the_way() {
    let late = Observed {
        now: after(601),
        ..rollback(json!({}))
    };
    let Step::Stop(failure @ Failure::Expired { .. }) = plan(&late) else {
        panic!("{:?}", plan(&late));
    };
    assert_eq!(failure.outcome(), Outcome::Expired);
    let away = Observed {
        now: after(601),
        allowed: Err(Failure::Cluster(Fault::Unavailable)),
        ..rollback(json!({}))
    };
    assert!(
        matches!(plan(&away), Step::Stop(Failure::Expired { because, .. }) if because.contains("unavailable"))
    );
    let refused = Observed {
        now: after(601),
        allowed: Err(denied()),
        ..rollback(json!({}))
    };
    assert_eq!(plan(&refused), Step::Stop(denied()), "the better answer");
    let at_the_end = Observed {
        now: after(600),
        ..rollback(json!({}))
    };
    assert_eq!(plan(&at_the_end), Step::Begin(7));
}

#[test]
fn an_answered_request_stays_until_its_time_and_is_never_done_again() {
    let stay = |now| {
        plan(&Observed {
            now: after(now),
            ..rollback(over(60))
        })
    };
    assert_eq!(stay(50), Step::Stay(Duration::from_secs(10)));
    assert_eq!((stay(60), stay(61)), (Step::Delete, Step::Delete));
    let mut timeless = over(60);
    timeless.as_object_mut().unwrap().remove("expiresAt");
    assert_eq!(plan(&rollback(timeless)), Step::Delete);
}

#[test]
fn one_that_is_on_its_way_out_is_left_alone() {
    let mut leaving = rollback(json!({}));
    leaving.object.metadata.deletion_timestamp = Some(Time(after(0)));
    assert_eq!(plan(&leaving), Step::Forget);
}
