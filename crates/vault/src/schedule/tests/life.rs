//! Lives of keys in a simulated world: ticks that come as they like, a process that dies as it likes.

use super::*;
use crate::memory::Dice;

/// A rule under test: ours, or one that is wrong on purpose.
pub(super) type Rule<'a> = &'a dyn Fn(&Stand, SystemTime, u64) -> Verdict;

/// How a world treats the process that draws.
#[derive(Clone, Copy)]
pub(super) struct World {
    /// The time from one tick to the next.
    pub(super) tick: fn(&mut Dice) -> Duration,
    /// Of 100 ticks, how many end in a crash before the transaction commits.
    pub(super) crashes: u64,
    /// What a restart does to the time of the last draw; nothing, as it should be.
    pub(super) restart: fn(&Stand, SystemTime) -> SystemTime,
}

/// How a key's life ended.
pub(super) struct Life {
    /// Its age at the last claimed tick before the end.
    pub(super) before: Duration,
    /// Its age when it was replaced.
    pub(super) end: Duration,
    pub(super) cause: Cause,
}

impl World {
    pub(super) fn steady() -> Self {
        Self {
            tick: |_| 12 * HOUR,
            crashes: 0,
            restart: |stand, _| stand.drawn,
        }
    }

    /// From a second to some 11 days, evenly in the logarithm.
    pub(super) fn irregular() -> Self {
        let tick = |dice: &mut Dice| Duration::from_secs_f64(1e6f64.powf(dice.fraction()));
        Self {
            tick,
            ..Self::steady()
        }
    }

    /// Nine of ten ticks die before their commit.
    pub(super) fn crash_loop() -> Self {
        Self {
            tick: |dice| HOUR.mul_f64(12.0 * dice.fraction()),
            crashes: 90,
            ..Self::steady()
        }
    }
}

/// Lives one life. Ticks and crashes come from `world_dice`, so that two rings can live through the same.
pub(super) fn live(rule: Rule<'_>, world: World, world_dice: &mut Dice, ring_dice: &mut Dice) -> Life {
    let (mut stand, mut now) = at(Duration::ZERO);
    loop {
        now += (world.tick)(world_dice);
        let verdict = rule(&stand, now, ring_dice.roll());
        if world_dice.roll() % 100 < world.crashes {
            stand.drawn = (world.restart)(&stand, now);
            continue;
        }
        match verdict {
            Verdict::NotYet => {}
            Verdict::Keep { drawn } => stand.drawn = drawn,
            Verdict::Rotate { cause, .. } => {
                return Life {
                    before: since(stand.activated, stand.drawn),
                    end: since(stand.activated, now),
                    cause,
                };
            }
        }
    }
}
