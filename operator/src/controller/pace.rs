//! How long to wait until the next look. Pure, but for the dice.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use splitvault_api::{READY, VaultSecret};

/// Longer the longer it lasts: a quarter of the time for which the object has not been ready, from 1 s to 60 s.
pub(super) fn patience(object: &VaultSecret, now: Timestamp) -> Duration {
    let status = object.status.as_ref();
    let ready = status.and_then(|status| {
        status
            .conditions
            .iter()
            .find(|c| c.type_ == READY && c.status != "True")
    });
    let since = ready.map_or(now, |ready| ready.last_transition_time.0);
    let lasted = u64::try_from(now.as_second() - since.as_second()).unwrap_or_default();
    Duration::from_secs((lasted / 4).clamp(1, 60))
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
