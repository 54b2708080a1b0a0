//! How long to wait until the next look. Pure, but for the dice.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use splitvault_api::{READY, VaultSecret};

/// Longer the longer it lasts: a quarter of the time for which the object has not been ready, from 1 s to `most`.
pub(super) fn patience(object: &VaultSecret, now: Timestamp, most: Duration) -> Duration {
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
pub(super) fn jittered(pause: Duration, uid: &str) -> Duration {
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
