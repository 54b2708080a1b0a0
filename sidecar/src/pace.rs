//! How long to wait before the next try.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// How soon another try may be of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It heals by itself.
    Soon,
    /// A person has to change something first.
    Slow,
}

impl Urgency {
    const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Soon => (Duration::from_millis(200), Duration::from_secs(10)),
            Self::Slow => (Duration::from_secs(10), Duration::from_secs(120)),
        }
    }
}

/// Exponential back-off. The pauses of many pods that started together drift apart.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure.
    pub(crate) fn next(&mut self, urgency: Urgency) -> Duration {
        let pause = ceiling(urgency, self.failures);
        self.failures = self.failures.saturating_add(1);
        spread(pause, random())
    }

    /// The next failure is the first one again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

fn ceiling(urgency: Urgency, failures: u32) -> Duration {
    let (first, most) = urgency.bounds();
    first.saturating_mul(1 << failures.min(16)).min(most)
}

/// Between one half of a pause and all of it.
fn spread(pause: Duration, random: u16) -> Duration {
    pause.mul_f64(0.5 + f64::from(random) / f64::from(u16::MAX) / 2.0)
}

/// The pause between two refreshes: at most a tenth more or less than asked for.
pub(crate) fn refresh(every: Duration) -> Duration {
    every.mul_f64(0.9 + f64::from(random()) / f64::from(u16::MAX) / 5.0)
}

/// Between nothing and all of a pause.
pub(crate) fn full_jitter(pause: Duration) -> Duration {
    pause.mul_f64(f64::from(random()) / f64::from(u16::MAX))
}

/// Good enough for spreading load, and for nothing else.
fn random() -> u16 {
    let bytes = RandomState::new().hash_one(0_u8).to_ne_bytes();
    u16::from_ne_bytes([bytes[0], bytes[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let soon: Vec<_> = (0..8).map(|n| ceiling(Urgency::Soon, n).as_millis()).collect();
        assert_eq!(soon, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(ceiling(Urgency::Soon, u32::MAX), Duration::from_secs(10));
        assert_eq!(ceiling(Urgency::Slow, 0), Duration::from_secs(10));
        assert_eq!(ceiling(Urgency::Slow, u32::MAX), Duration::from_secs(120));
    }

    #[test]
    fn a_success_starts_it_over() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.next(Urgency::Soon);
        }
        assert!(backoff.next(Urgency::Soon) >= Duration::from_secs(5));
        backoff.reset();
        assert!(backoff.next(Urgency::Soon) <= Duration::from_millis(200));
    }

    #[test]
    fn jitter_stays_within_its_bounds() {
        let pause = Duration::from_secs(8);
        assert_eq!(spread(pause, 0), Duration::from_secs(4));
        assert_eq!(spread(pause, u16::MAX), pause);
        for _ in 0..100 {
            let pause = refresh(Duration::from_secs(10));
            assert!(
                (Duration::from_secs(9)..=Duration::from_secs(11)).contains(&pause),
                "{pause:?}"
            );
        }
    }

    #[test]
    fn two_pods_pause_differently() {
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| random()).collect();
        assert!(pauses.len() > 1);
    }
}
