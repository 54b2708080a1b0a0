//! What one draw says; then how many draws fall, and what hostile clocks can do.

mod bounds;
mod distribution;
mod life;
mod statistics;

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn at(age: Duration) -> (Stand, SystemTime) {
    let activated = SystemTime::UNIX_EPOCH + 20_000 * DAY;
    let stand = Stand {
        activated,
        drawn: activated,
        operations: 0,
    };
    (stand, activated + age)
}

fn cause(verdict: Verdict) -> Option<Cause> {
    match verdict {
        Verdict::Rotate { cause, .. } => Some(cause),
        Verdict::Keep { .. } | Verdict::NotYet => None,
    }
}

#[test]
fn nonsense_is_refused() {
    let schedule = |min, mean, max, operations| Schedule::new(min * DAY, mean * DAY, max * DAY, operations);
    assert_eq!(schedule(1, 0, 90, 1), Err(ScheduleError::NoMean));
    for (min, max) in [(90, 90), (91, 90), (0, 0)] {
        let (min_age, max_age) = (min * DAY, max * DAY);
        let refused = Err(ScheduleError::Ages { min_age, max_age });
        assert_eq!(schedule(min, 30, max, 1), refused);
    }
    assert_eq!(schedule(1, 30, 90, 0), Err(ScheduleError::NoOperations));
    assert!(schedule(0, 30, 1, 1).is_ok());
}

#[test]
fn the_defaults_are_a_schedule() {
    let Schedule {
        min_age,
        mean,
        max_age,
        max_operations,
    } = Schedule::default();
    assert_eq!((min_age, mean, max_age), (DAY, 30 * DAY, 90 * DAY));
    assert_eq!(
        Schedule::new(min_age, mean, max_age, max_operations),
        Ok(Schedule::default())
    );
}

#[test]
fn debug_shows_the_ceiling_only() {
    let shown = format!("{:?}", Schedule::default());
    assert!(shown.contains("7776000s"), "{shown}");
    assert!(!shown.contains("2592000") && !shown.contains("86400"), "{shown}");
}

#[test]
fn a_young_key_is_not_drawn_for() {
    let (stand, now) = at(DAY - Duration::from_nanos(1));
    assert_eq!(Schedule::default().draw(&stand, now, 0), Verdict::NotYet);
}

#[test]
fn the_time_before_the_minimum_age_does_not_count() {
    let (stand, now) = at(DAY);
    assert_eq!(
        Schedule::default().draw(&stand, now, 0),
        Verdict::Keep { drawn: now },
        "no time has passed that counts, so not even the lowest dice end the key"
    );
}

#[test]
fn dice_are_held_against_the_probability_to_the_last_bit() {
    let even = Schedule::new(Duration::ZERO, DAY, 90 * DAY, 1).unwrap();
    let (stand, now) = at(DAY);
    // 1 − 1/e, times 2⁶⁴, to the 53 bits of a float.
    let threshold = ((1.0 - (-1.0f64).exp()) * 2f64.powi(64)) as u64;
    let slack = 1 << 12;
    assert_eq!(
        cause(even.draw(&stand, now, threshold - slack)),
        Some(Cause::Drawn)
    );
    assert_eq!(cause(even.draw(&stand, now, threshold + slack)), None);
}

#[test]
fn a_short_stretch_still_has_its_probability() {
    let schedule = Schedule::new(Duration::ZERO, 30 * DAY, 90 * DAY, 1).unwrap();
    let (stand, now) = at(Duration::from_nanos(1));
    // One nanosecond in 30 days: 1/2.592e15 of 2⁶⁴ is 7116.8…
    assert_eq!(cause(schedule.draw(&stand, now, 7_115)), Some(Cause::Drawn));
    assert_eq!(cause(schedule.draw(&stand, now, 7_118)), None);
}

#[test]
fn certainty_is_above_all_dice() {
    let impatient = Schedule::new(Duration::ZERO, Duration::from_nanos(1), 90 * DAY, 1).unwrap();
    let (stand, now) = at(DAY);
    assert_eq!(cause(impatient.draw(&stand, now, u64::MAX)), Some(Cause::Drawn));
}

#[test]
fn each_ceiling_ends_a_key_whatever_the_dice_say() {
    let schedule = Schedule::default();
    let (stand, now) = at(90 * DAY);
    assert_eq!(cause(schedule.draw(&stand, now, u64::MAX)), Some(Cause::Age));
    let (stand, now) = at(HOUR);
    let worn = Stand {
        operations: 1 << 32,
        ..stand
    };
    assert_eq!(
        cause(schedule.draw(&worn, now, u64::MAX)),
        Some(Cause::Operations)
    );
    let almost = Stand {
        operations: (1 << 32) - 1,
        ..stand
    };
    assert_eq!(schedule.draw(&almost, now, 0), Verdict::NotYet);
}

#[test]
fn a_key_from_the_future_has_no_age() {
    let schedule = Schedule::default();
    let (stand, now) = at(Duration::ZERO);
    assert_eq!(
        schedule.draw(&stand, now - HOUR, 0),
        Verdict::NotYet,
        "clocks differ"
    );
    let before = now - HOUR - Duration::from_nanos(1);
    assert_eq!(cause(schedule.draw(&stand, before, u64::MAX)), Some(Cause::Clock));
}

#[test]
fn a_clock_that_goes_back_draws_for_no_time_twice() {
    let schedule = Schedule::default();
    let (stand, now) = at(20 * DAY);
    let drawn = now + 10 * DAY;
    let ahead = Stand { drawn, ..stand };
    assert_eq!(schedule.draw(&ahead, now, 0), Verdict::Keep { drawn });
    assert_eq!(schedule.draw(&ahead, drawn, 0), Verdict::Keep { drawn });
    assert_eq!(cause(schedule.draw(&ahead, drawn + HOUR, 0)), Some(Cause::Drawn));
}
