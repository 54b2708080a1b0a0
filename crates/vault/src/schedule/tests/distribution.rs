//! How long keys live, by 100,000 of them: the truncated exponential, whatever the ticks and the crashes.
//!
//! A life ends at a tick, so its age alone says more about the ticks than about the rule. Held against the
//! distribution is a uniform point of the stretch that the last draw was for: that one is exact for any ticks (the
//! randomized probability integral transform). Each test has rules beside it that are wrong and must be refused.

use super::life::{Life, Rule, World, live};
use super::statistics::{correlation, dependence, misfit};
use super::*;
use crate::memory::Dice;

const LIVES: usize = 100_000;
/// For wrong rules, which show sooner.
const FEW: usize = 10_000;

/// An hour at least, two days more on average, ten days at most: some ticks in a life, and 0.7 % reach the ceiling.
const MIN: Duration = HOUR;
const MEAN: Duration = Duration::from_secs(2 * 24 * 60 * 60);
const MAX: Duration = Duration::from_secs(10 * 24 * 60 * 60);

fn schedule() -> Schedule {
    Schedule::new(MIN, MEAN, MAX, 1).unwrap()
}

/// The share of keys that are replaced before this age.
fn replaced_before(age: Duration) -> f64 {
    if age >= MAX {
        1.0
    } else {
        -(-age.saturating_sub(MIN).div_duration_f64(MEAN)).exp_m1()
    }
}

/// Where a life stands among all lives: uniform if the rule is right.
fn rank(life: &Life, dice: &mut Dice) -> f64 {
    let (from, to) = (replaced_before(life.before), replaced_before(life.end));
    from + (to - from) * dice.fraction()
}

fn misfit_of(rule: Rule<'_>, world: World, lives: usize) -> f64 {
    let (mut world_dice, mut ring_dice, mut spread) = (Dice(1), Dice(2), Dice(3));
    let mut one = || rank(&live(rule, world, &mut world_dice, &mut ring_dice), &mut spread);
    misfit(std::iter::repeat_with(&mut one).take(lives).collect())
}

fn ours(world: World, lives: usize) -> f64 {
    let schedule = schedule();
    misfit_of(&|stand, now, dice| schedule.draw(stand, now, dice), world, lives)
}

#[track_caller]
fn assert_fits(misfit: f64) {
    assert!(misfit < 1.0, "{misfit} times the distance of one in a million");
}

#[track_caller]
fn assert_refused(misfit: f64) {
    assert!(misfit > 1.5, "a wrong rule passes: {misfit}");
}

#[test]
fn lives_follow_the_truncated_exponential() {
    assert_fits(ours(World::steady(), LIVES));
}

#[test]
fn slow_and_irregular_ticks_leave_it_unchanged() {
    assert_fits(ours(World::irregular(), LIVES));
    let rare = World {
        tick: |_| 4 * DAY,
        ..World::steady()
    };
    assert_fits(ours(rare, LIVES));
}

#[test]
fn a_crash_loop_leaves_it_unchanged() {
    assert_fits(ours(World::crash_loop(), LIVES));
}

#[test]
fn a_restart_that_forgets_the_last_draw_is_refused() {
    let reset = World {
        restart: |_, now| now,
        ..World::crash_loop()
    };
    assert_refused(ours(reset, FEW));
    let again = World {
        restart: |stand, _| stand.activated,
        ..World::crash_loop()
    };
    assert_refused(ours(again, FEW));
}

#[test]
fn wrong_schedules_are_refused() {
    let right = schedule();
    let draw = |stand: &Stand, now, ends: &dyn Fn(Duration, Duration) -> bool| match right.draw(
        stand,
        now,
        u64::MAX,
    ) {
        Verdict::Keep { drawn } if ends(since(stand.activated, now), since(stand.drawn, now)) => {
            Verdict::Rotate {
                cause: Cause::Drawn,
                drawn,
            }
        }
        verdict => verdict,
    };
    let chance = |dice: u64, probability: f64| (dice as f64) < probability * 2f64.powi(64);
    let period: Rule<'_> = &|stand, now, _| draw(stand, now, &|age, _| age > MEAN);
    let uniform: Rule<'_> = &|stand, now, dice| {
        draw(stand, now, &|age, stretch| {
            chance(dice, stretch.div_duration_f64(MAX - age + stretch))
        })
    };
    let linear: Rule<'_> = &|stand, now, dice| {
        draw(stand, now, &|_, stretch| {
            chance(dice, stretch.div_duration_f64(MEAN))
        })
    };
    let per_tick: Rule<'_> = &|stand, now, dice| draw(stand, now, &|_, _| chance(dice, 0.2));
    let slow = Schedule::new(MIN, MEAN.mul_f64(1.2), MAX, 1).unwrap();
    let slow: Rule<'_> = &|stand, now, dice| slow.draw(stand, now, dice);
    let late = Schedule::new(6 * HOUR, MEAN, MAX, 1).unwrap();
    let late: Rule<'_> = &|stand, now, dice| late.draw(stand, now, dice);
    for (name, rule) in [
        ("a fixed period", period),
        ("uniform", uniform),
        ("proportional to the stretch", linear),
        ("the same at each tick", per_tick),
        ("a mean of a fifth more", slow),
        ("five hours late", late),
    ] {
        let misfit = misfit_of(rule, World::irregular(), FEW);
        assert!(misfit > 1.5, "{name} passes: {misfit}");
    }
}

#[test]
fn the_share_that_reaches_the_ceiling_is_as_computed() {
    let schedule = Schedule::new(DAY, 30 * DAY, 90 * DAY, 1).unwrap();
    let rule: Rule<'_> = &|stand, now, dice| schedule.draw(stand, now, dice);
    let (mut world_dice, mut ring_dice) = (Dice(4), Dice(5));
    let reached = std::iter::repeat_with(|| live(rule, World::steady(), &mut world_dice, &mut ring_dice))
        .take(LIVES)
        .filter(|life| life.cause == Cause::Age)
        .count();
    // The last draw before the ceiling is half a day early.
    let share = (-88.5f64 / 30.0).exp();
    let (expected, deviation) = (
        share * LIVES as f64,
        (share * (1.0 - share) * LIVES as f64).sqrt(),
    );
    let off = (reached as f64 - expected) / deviation;
    assert!(
        off.abs() < 5.0,
        "{reached} keys reached the ceiling, {off} deviations off"
    );
}

/// Pairs of lives in the same world, begun together, each ring with dice of its own.
fn pairs(second_dice: impl Fn(u64) -> Dice) -> Vec<(f64, f64)> {
    let schedule = schedule();
    let rule: Rule<'_> = &|stand, now, dice| schedule.draw(stand, now, dice);
    let mut spread = Dice(6);
    let life = |world, mut ring: Dice| live(rule, World::steady(), &mut Dice(world), &mut ring);
    (0..LIVES as u64)
        .map(|n| {
            let (world, first, second) = (3 * n, Dice(3 * n + 1), second_dice(n));
            (
                rank(&life(world, first), &mut spread),
                rank(&life(world, second), &mut spread),
            )
        })
        .collect()
}

#[test]
fn the_rings_are_independent() {
    let pairs = pairs(|n| Dice(3 * n + 2));
    let (deviations, dependence) = (correlation(&pairs), dependence(&pairs));
    assert!(deviations.abs() < 5.0, "correlated: {deviations} deviations");
    assert!(dependence < 1.0, "dependent: {dependence} times one in a million");
}

#[test]
fn rings_that_share_dice_are_caught() {
    let same = pairs(|n| Dice(3 * n + 1));
    assert!(correlation(&same) > 5.0 && dependence(&same) > 1.0);
    let now_and_then = pairs(|n| Dice(if n % 20 == 0 { 3 * n + 1 } else { 3 * n + 2 }));
    assert!(correlation(&now_and_then) > 5.0 && dependence(&now_and_then) > 1.0);
}
