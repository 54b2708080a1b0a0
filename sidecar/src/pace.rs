//! How long to wait before the next try.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// At most this, and at least half of it, after a delivery.
const SETTLE: Duration = Duration::from_secs(4);
/// At most this, and at least half of it, between two waits.
const BREATH: Duration = Duration::from_millis(200);

/// How soon another try may be of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It heals by itself.
    Soon,
    /// It heals by itself, and what is there is as new as it was a moment ago: the operator went away while it was
    /// waited for, and so it did for every other pod.
    Later,
    /// A person has to change something first.
    Slow,
}

impl Urgency {
    const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Soon => (Duration::from_millis(200), Duration::from_secs(10)),
            Self::Later => (Duration::from_secs(10), Duration::from_secs(60)),
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
        match urgency {
            Urgency::Later => pause.mul_f64(fraction(random())),
            Urgency::Soon | Urgency::Slow => spread(pause, random()),
        }
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
    pause.mul_f64(0.5 + fraction(random) / 2.0)
}

fn fraction(random: u16) -> f64 {
    f64::from(random) / f64::from(u16::MAX)
}

/// The pause after a delivery: those that started together do not all come again at once, and nothing is missed, as
/// the next question tells what is held.
pub(crate) fn settle(every: Duration) -> Duration {
    refresh(every).min(spread(SETTLE, random()))
}

/// The pause after a wait that the operator ended with this advice: never so short that an operator that always ends
/// at once is asked without a pause, and never longer than a refresh.
pub(crate) fn again(after: Duration, every: Duration) -> Duration {
    refresh(every).min(after + spread(BREATH, random()))
}

/// How long the operator may hold its answer back, in seconds: a refresh.
pub(crate) fn wait(every: Duration) -> u32 {
    let seconds = refresh(every).as_secs().max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// The pause between two refreshes: at most a tenth more or less than asked for.
pub(crate) fn refresh(every: Duration) -> Duration {
    every.mul_f64(0.9 + fraction(random()) / 5.0)
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
    fn waits_follow_each_other_closely_but_not_without_a_pause() {
        let hour = Duration::from_secs(3600);
        for _ in 0..100 {
            let pause = again(Duration::ZERO, hour);
            assert!((BREATH / 2..=BREATH).contains(&pause), "{pause:?}");
            assert!(again(Duration::MAX / 2, hour) <= hour.mul_f64(1.1));
            assert!((SETTLE / 2..=SETTLE).contains(&settle(hour)));
            assert!(settle(Duration::from_secs(1)) <= Duration::from_millis(1100));
            assert!((3240..=3960).contains(&wait(hour)));
        }
        assert_eq!(wait(Duration::ZERO), 1);
    }

    #[test]
    fn pods_that_lost_their_operator_come_back_one_after_another() {
        let mut pauses: Vec<_> = (0..1000)
            .map(|_| Backoff::default().next(Urgency::Later))
            .collect();
        pauses.sort();
        let (early, late) = (pauses[100], pauses[900]);
        assert!(
            early > Duration::from_millis(400) && early < Duration::from_secs(2),
            "{early:?}"
        );
        assert!(
            late > Duration::from_secs(8) && late <= Duration::from_secs(10),
            "{late:?}"
        );
    }

    #[test]
    fn two_pods_pause_differently() {
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| random()).collect();
        assert!(pauses.len() > 1);
    }
}
