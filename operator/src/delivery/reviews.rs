//! How often an address may have a token reviewed: a token costs its sender nothing, and the API server a look.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Reviews without a pause, for all pods of a node that come from one address and start together.
const BURST: u32 = 128;
/// One more after each of these.
const EACH: Duration = Duration::from_millis(30);
/// Addresses remembered; beyond that no new one is served until some are forgotten.
const REMEMBERED: usize = 16 * 1024;

/// Limits reviews by the generic cell rate algorithm (ITU-T I.371): for each address the instant at which it would be
/// back at nothing.
#[derive(Default)]
pub(super) struct Reviews(Mutex<HashMap<Option<IpAddr>, Instant>>);

impl Reviews {
    /// Whether this address may have one more, now. Requests of no known address count as of one.
    pub(super) fn admit(&self, peer: Option<IpAddr>, now: Instant) -> bool {
        let mut busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.len() >= REMEMBERED && !busy.contains_key(&peer) {
            busy.retain(|_, until| *until > now);
            if busy.len() >= REMEMBERED {
                return false;
            }
        }
        let until = busy.entry(peer).or_insert(now);
        let next = (*until).max(now) + EACH;
        let fits = next.duration_since(now) <= EACH * BURST;
        if fits {
            *until = next;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn an_address_has_a_burst_and_then_one_at_a_time() {
        let (reviews, now) = (Reviews::default(), Instant::now());
        for number in 0..BURST {
            assert!(reviews.admit(address(1), now), "{number}");
        }
        assert!(!reviews.admit(address(1), now));
        assert!(reviews.admit(address(2), now) && reviews.admit(None, now));
        let later = now + EACH;
        assert!(reviews.admit(address(1), later) && !reviews.admit(address(1), later));
        let rested = later + EACH * BURST;
        assert_eq!(
            (0..2 * BURST)
                .filter(|_| reviews.admit(address(1), rested))
                .count(),
            128
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (reviews, now) = (Reviews::default(), Instant::now());
        for number in 0..REMEMBERED as u32 {
            assert!(reviews.admit(address(number), now));
        }
        assert!(!reviews.admit(None, now) && reviews.admit(address(0), now));
        assert!(reviews.admit(None, now + 3 * EACH));
        assert_eq!(reviews.0.lock().unwrap().len(), 1);
    }
}
