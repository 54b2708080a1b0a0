//! How often requests of one namespace are begun: whoever asks much waits, and others do not wait for them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Requests without a pause.
const BURST: u32 = 32;
/// One more after each of these.
const EACH: Duration = Duration::from_millis(500);
/// Namespaces remembered; beyond that those that are new wait.
const REMEMBERED: usize = 16 * 1024;

/// Limits by the generic cell rate algorithm (ITU-T I.371): for each namespace the instant at which it would be back at
/// nothing.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<String, Instant>>);

impl Pace {
    /// How long this namespace has to wait until its next request is begun; nothing, and it is counted, when it is its turn.
    pub(super) fn wait(&self, namespace: &str, now: Instant) -> Duration {
        let mut busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.len() >= REMEMBERED && !busy.contains_key(namespace) {
            busy.retain(|_, until| *until > now);
            if busy.len() >= REMEMBERED {
                return EACH;
            }
        }
        let until = busy.entry(namespace.to_owned()).or_insert(now);
        let next = (*until).max(now) + EACH;
        let wait = next.duration_since(now).saturating_sub(EACH * BURST);
        if wait.is_zero() {
            *until = next;
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_a_burst_and_then_one_at_a_time_and_others_do_not_wait() {
        let (pace, now) = (Pace::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(pace.wait("shop", now), Duration::ZERO);
        }
        assert_eq!(pace.wait("shop", now), EACH);
        assert_eq!(pace.wait("other", now), Duration::ZERO);
        assert_eq!(pace.wait("shop", now + EACH), Duration::ZERO);
        assert_eq!(pace.wait("shop", now + EACH), EACH);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (pace, now) = (Pace::default(), Instant::now());
        for number in 0..REMEMBERED {
            assert_eq!(pace.wait(&number.to_string(), now), Duration::ZERO);
        }
        assert_eq!(pace.wait("one more", now), EACH);
        assert_eq!(pace.wait("one more", now + 2 * EACH), Duration::ZERO);
    }
}
