//! How long to wait until the next look. Pure, but for the dice.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use splitvault_api::{READY, VaultSecret};

use super::failure::Next;
use super::{Context, Meta};
use crate::fault::Fault;

/// Between two looks at an object about which nothing is announced.
const RESYNC: Duration = Duration::from_secs(30 * 60);
/// The longest pause between two looks at what may heal by itself.
const SOON: Duration = Duration::from_secs(60);
/// The same at what a person must mend somewhere else.
pub(super) const LATER: Duration = Duration::from_secs(5 * 60);
/// The least between two looks at Secrets: with more of them than fit into the pause, each is looked at less often.
const EACH: Duration = Duration::from_millis(20);

/// The objects whose Secret is followed, by UID; whether each is settled: the last look at it wrote nothing.
#[derive(Debug, Default)]
pub struct Followed(Mutex<HashMap<String, bool>>);

impl Followed {
    fn all(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This one's is followed, or not any more.
    pub(super) fn set(&self, uid: &str, followed: bool) {
        if followed {
            self.all().entry(uid.to_owned()).or_default();
        } else {
            self.all().remove(uid);
        }
    }

    /// Begins a look; answers whether the object is settled, so that no cache can be behind what we wrote ourselves.
    pub(super) fn begin(&self, uid: &str) -> bool {
        self.all().get_mut(uid).is_some_and(std::mem::take)
    }

    /// Ends a look that wrote nothing, if the object is followed.
    pub(super) fn settle(&self, uid: &str) {
        if let Some(settled) = self.all().get_mut(uid) {
            *settled = true;
        }
    }

    /// Between two looks at one: `least`, or longer when there are so many that the API server would feel it.
    fn pause(&self, least: Duration) -> Duration {
        least.max(EACH * u32::try_from(self.all().len()).unwrap_or(u32::MAX))
    }
}

impl Context {
    /// When to look again; `followed` when the source is a Secret.
    pub(super) fn action(&self, object: &VaultSecret, next: Option<Next>, followed: bool) -> Action {
        let uid = object.uid().unwrap_or_default();
        let pause = match next {
            None if followed => self.followed.pause(self.poll),
            None | Some(Next::OnChange) => RESYNC,
            Some(Next::Poll) => self.followed.pause(self.poll),
            Some(Next::Later) => patience(object, Timestamp::now(), LATER),
            Some(Next::Soon) => patience(object, Timestamp::now(), SOON),
        };
        Action::requeue(jittered(pause, &uid))
    }
}

/// Without the object there is no status to write; the log has to do.
pub(super) fn retry(meta: &Meta, fault: Fault) -> Action {
    tracing::warn!(namespace = meta.namespace(), name = meta.name_any(), %fault, "a reconcile failed; will try again");
    Action::requeue(jittered(Duration::from_secs(3), &meta.uid().unwrap_or_default()))
}

/// Longer the longer it lasts: a quarter of the time for which the object has not been ready, from 1 s to `most`.
fn patience(object: &VaultSecret, now: Timestamp, most: Duration) -> Duration {
    let status = object.status.as_ref();
    let ready = status.and_then(|status| {
        status
            .conditions
            .iter()
            .find(|c| c.type_ == READY && c.status != "True")
    });
    let since = ready.map_or(now, |ready| ready.last_transition_time.0);
    let lasted = u64::try_from(now.as_second() - since.as_second()).unwrap_or_default();
    Duration::from_secs((lasted / 4).max(1)).min(most)
}

/// Up to a fifth more or less, so that what began together does not stay together.
fn jittered(pause: Duration, uid: &str) -> Duration {
    let drawn = RandomState::new().hash_one(uid) % 401;
    pause * u32::try_from(800 + drawn).unwrap_or(1000) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_less_often_the_longer_it_lasts_up_to_a_bound() {
        let object = |status: &str| -> VaultSecret {
            let ready = serde_json::json!({
                "type": "Ready", "status": status, "reason": "Tampered", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let object = serde_json::json!({
                "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
                "metadata": {}, "spec": {}, "status": {"conditions": [ready]},
            });
            serde_json::from_value(object).unwrap()
        };
        let after = |seconds: i64, status| {
            let began: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
            let now = Timestamp::from_second(began.as_second() + seconds).unwrap();
            patience(&object(status), now, Duration::from_secs(300)).as_secs()
        };
        let false_for = [-9, 0, 40, 400, 4000].map(|seconds| after(seconds, "False"));
        assert_eq!(false_for, [1, 1, 10, 100, 300]);
        assert_eq!(after(4000, "True"), 1, "it has just begun");
    }

    #[test]
    fn hundreds_are_followed_at_full_pace_and_thousands_less_often() {
        let followed = Followed::default();
        let least = Duration::from_secs(10);
        let mut pauses = Vec::new();
        for number in 0..2000 {
            followed.set(&format!("u-{number}"), true);
            followed.set("u-0", true);
            if [0, 499, 999, 1999].contains(&number) {
                pauses.push(followed.pause(least).as_secs());
            }
        }
        assert_eq!(pauses, [10, 10, 20, 40]);
        for number in 0..2000 {
            followed.set(&format!("u-{number}"), false);
        }
        assert_eq!(followed.pause(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        for _ in 0..1000 {
            let pause = jittered(Duration::from_secs(10), "u");
            assert!(
                (Duration::from_secs(8)..=Duration::from_secs(12)).contains(&pause),
                "{pause:?}"
            );
        }
    }
}
