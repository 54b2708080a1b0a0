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

/// Exponential back-off with full jitter: the pause is anything up to a ceiling that doubles, so that the tries of many
/// pods that started together are spread evenly from the first retry on.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure.
    pub(crate) fn next(&mut self, urgency: Urgency) -> Duration {
        let pause = ceiling(urgency, self.failures);
        self.failures = self.failures.saturating_add(1);
        full_jitter(pause)
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

/// The pause before the first question. An application that waits for its variables waits for nothing else; a sidecar
/// whose files are there, as after a restart of its node or of all pods, lets others go first.
pub(crate) fn first(files_are_there: bool, every: Option<Duration>) -> Duration {
    let patience = every.filter(|_| files_are_there).map(|every| every.min(SETTLE));
    patience.map_or(Duration::ZERO, full_jitter)
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
    pause.mul_f64(fraction(random()))
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
        let longest = (0..100).map(|_| backoff.next(Urgency::Soon)).max();
        assert!(longest > Some(Duration::from_secs(5)));
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

    /// When each of so many pods tries, from the failure of its first try on, which is the same moment for all.
    fn retries(pods: usize, end: Duration) -> Vec<Duration> {
        let of_pod = |_| {
            let (mut backoff, mut at) = (Backoff::default(), Duration::ZERO);
            std::iter::from_fn(move || {
                at += backoff.next(Urgency::Soon);
                Some(at)
            })
            .take_while(move |at| *at < end)
        };
        (0..pods).flat_map(of_pod).collect()
    }

    /// How many of these moments are in the fullest of slots of this length between two moments.
    fn fullest(moments: &[Duration], from: Duration, to: Duration, slot: Duration) -> usize {
        let mut slots = std::collections::BTreeMap::<u128, usize>::new();
        for moment in moments.iter().filter(|moment| (from..to).contains(moment)) {
            *slots.entry(moment.as_micros() / slot.as_micros()).or_default() += 1;
        }
        slots.into_values().max().unwrap_or_default()
    }

    #[test]
    fn ten_thousand_pods_that_failed_together_do_not_come_back_together() {
        let (slot, minute) = (Duration::from_millis(10), Duration::from_secs(60));
        let retries = retries(10_000, minute);
        let of = |from, to| {
            fullest(
                &retries,
                Duration::from_millis(from),
                Duration::from_millis(to),
                slot,
            )
        };
        // 500 first retries in each slot, and some second ones. In step they would be 10,000.
        assert!(of(0, 400) < 1000, "{}", of(0, 400));
        assert!(of(1000, 5000) < 250, "{}", of(1000, 5000));
        // One in five seconds of each pod: 20 in each slot.
        assert!(of(30_000, 60_000) < 60, "{}", of(30_000, 60_000));
    }

    #[test]
    fn ten_thousand_restarted_sidecars_do_not_ask_together_and_no_application_waits_for_that() {
        let every = Some(Duration::from_secs(60));
        let moments: Vec<_> = (0..10_000).map(|_| first(true, every)).collect();
        let fullest = fullest(&moments, Duration::ZERO, SETTLE, Duration::from_millis(10));
        assert!(fullest < 75, "25 in each slot of 10 ms, not {fullest}");
        assert!(moments.iter().all(|moment| *moment <= SETTLE));
        assert!(first(true, Some(Duration::from_secs(1))) <= Duration::from_secs(1));
        for none in [first(false, every), first(false, None), first(true, None)] {
            assert_eq!(none, Duration::ZERO);
        }
    }

    #[test]
    fn two_pods_pause_differently() {
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| random()).collect();
        assert!(pauses.len() > 1);
    }
}
