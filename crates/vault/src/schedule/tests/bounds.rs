//! What holds at any time that a clock can tell.

use proptest::prelude::*;

use super::*;

/// Times of any size, before 1970 too, and as far as a `SystemTime` goes; near to each other more often than not.
fn time() -> impl Strategy<Value = SystemTime> {
    let near = (0..200 * DAY.as_secs(), 0..1_000_000_000u32);
    let far = (any::<u64>(), 0..1_000_000_000u32);
    let edge =
        proptest::sample::select(&[0, 1, i64::MAX as u64 - 1, i64::MAX as u64][..]).prop_map(|s| (s, 0));
    (prop_oneof![4 => near, 1 => far, 1 => edge], any::<bool>()).prop_filter_map(
        "a time",
        |((secs, nanos), back)| {
            let distance = Duration::new(secs, nanos);
            match back {
                true => SystemTime::UNIX_EPOCH.checked_sub(distance),
                false => SystemTime::UNIX_EPOCH.checked_add(distance),
            }
        },
    )
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let span = || prop_oneof![(0..100u32).prop_map(|days| days * DAY), any::<Duration>()];
    (span(), span(), span(), any::<u64>()).prop_filter_map("a schedule", |(min, mean, max, operations)| {
        Schedule::new(min, mean, max, operations).ok()
    })
}

proptest! {
    #[test]
    fn no_time_breaks_a_bound(
        schedule in schedule(),
        (activated, drawn, now) in (time(), time(), time()),
        (operations, dice) in (any::<u64>(), any::<u64>()),
    ) {
        let stand = Stand { activated, drawn, operations };
        let (age, ahead) = (since(activated, now), since(now, activated));
        let verdict = schedule.draw(&stand, now, dice);
        if let Verdict::Keep { drawn: claimed } | Verdict::Rotate { drawn: claimed, .. } = verdict {
            prop_assert_eq!(claimed, drawn.max(now), "the time of the last draw never goes back");
        }
        let overdue = age >= schedule.max_age || operations >= schedule.max_operations || ahead > TOLERANCE;
        match verdict {
            Verdict::NotYet => prop_assert!(!overdue && age < schedule.min_age),
            Verdict::Keep { .. } => prop_assert!(!overdue && age >= schedule.min_age),
            Verdict::Rotate { cause: Cause::Drawn, .. } => {
                prop_assert!(!overdue && age >= schedule.min_age);
                prop_assert!(now > drawn, "no stretch, no chance");
            }
            Verdict::Rotate { cause: Cause::Age, .. } => prop_assert!(age >= schedule.max_age),
            Verdict::Rotate { cause: Cause::Operations, .. } => prop_assert!(operations >= schedule.max_operations),
            Verdict::Rotate { cause: Cause::Clock, .. } => prop_assert!(ahead > TOLERANCE),
        }
    }

    #[test]
    fn no_key_outlives_the_ceiling_under_any_clock(
        steps in prop::collection::vec((-40i64..40, any::<u64>()), 1..200),
    ) {
        let schedule = Schedule::default();
        let (mut stand, mut now) = at(Duration::ZERO);
        for (days, dice) in steps {
            let jump = u32::try_from(days.unsigned_abs()).unwrap() * DAY;
            now = if days < 0 { now - jump } else { now + jump };
            match schedule.draw(&stand, now, dice) {
                Verdict::Rotate { .. } => stand = Stand { activated: now, drawn: now, operations: 0 },
                Verdict::Keep { drawn } => {
                    prop_assert!(drawn >= stand.drawn);
                    stand.drawn = drawn;
                }
                Verdict::NotYet => {}
            }
            prop_assert!(since(stand.activated, now) < schedule.max_age);
            prop_assert!(since(now, stand.activated) <= TOLERANCE);
        }
    }
}
