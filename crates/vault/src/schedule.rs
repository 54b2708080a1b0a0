//! When a master key rotates: a draw that nobody can foresee, because nothing about its outcome exists before it.
//!
//! Pure: no clock, no randomness and no database of its own. A future rotation is never planned, so there is none to
//! be read from memory or from a disk; all that is kept is when the last draw was, which tells nothing of the next.

use std::fmt;
use std::time::{Duration, SystemTime};

/// How far a key may seem to come from the future before its age counts as unknown. Clocks of a cluster's nodes differ
/// by less than seconds when they are kept at all.
const TOLERANCE: Duration = Duration::from_secs(60 * 60);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The rule by which the keys of one ring rotate.
///
/// Past the minimum age, the time left is exponential with the given mean whatever has gone by: knowing the past, how
/// often one looked and how often the process restarted does not help to guess. The ceiling cuts that off, so a
/// share of exp(−(maximum age − minimum age) / mean) of all keys reaches it, and those rotations can be foreseen. With
/// the defaults that is 5.1 %, and a key lives 29.5 days on average.
///
/// `Debug` shows the published ceiling only.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    min_age: Duration,
    mean: Duration,
    max_age: Duration,
    max_operations: u64,
}

/// Why a schedule is refused. Carries no mean, which may be confidential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Keys would rotate at every look.
    #[error("the mean time between rotations is zero; set it to days, such as 30d")]
    NoMean,
    /// No key could be both old enough and young enough.
    // The minimum age may be confidential, as the mean is; the ceiling is published.
    #[error("the minimum age of a key is not below its maximum age, {}s; lower the one or raise the other", max_age.as_secs())]
    Ages {
        /// From when on a key may rotate.
        min_age: Duration,
        /// By when it must.
        max_age: Duration,
    },
    /// No key could encrypt anything.
    #[error("the maximum number of operations of a key is zero; leave it out for 2^32")]
    NoOperations,
}

/// Where the active key of a ring stands, as the database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// When it became active.
    pub activated: SystemTime,
    /// When the last draw for it was claimed; before the first, when it became active.
    pub drawn: SystemTime,
    /// Envelopes sealed under it, or reserved to be.
    pub operations: u64,
}

/// What a draw says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too young for a draw; the dice were not looked at, and there is nothing to claim.
    NotYet,
    /// The key stays.
    Keep {
        /// To be claimed as the time of the last draw.
        drawn: SystemTime,
    },
    /// The key is to be replaced.
    Rotate {
        /// Why.
        cause: Cause,
        /// To be claimed as the time of the last draw, in the transaction that begins the rotation.
        drawn: SystemTime,
    },
}

/// Why a key is to be replaced. For the record of what has happened only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The dice fell so.
    Drawn,
    /// It has reached the maximum age.
    Age,
    /// It has reached the maximum number of operations.
    Operations,
    /// It seems to come from the future, so nobody knows how old it is.
    Clock,
}

impl Schedule {
    /// A schedule by which a key rotates at `min_age` at the earliest, after `mean` more on average, at `max_age` or
    /// after `max_operations` envelopes at the latest (that one also before `min_age`).
    ///
    /// Re-encryption counts as operations, too: a maximum below the number of stored envelopes never comes to rest.
    ///
    /// # Errors
    /// See [`ScheduleError`].
    pub fn new(
        min_age: Duration,
        mean: Duration,
        max_age: Duration,
        max_operations: u64,
    ) -> Result<Self, ScheduleError> {
        if mean.is_zero() {
            return Err(ScheduleError::NoMean);
        }
        if min_age >= max_age {
            return Err(ScheduleError::Ages { min_age, max_age });
        }
        if max_operations == 0 {
            return Err(ScheduleError::NoOperations);
        }
        Ok(Self {
            min_age,
            mean,
            max_age,
            max_operations,
        })
    }

    /// The age at which a key is replaced whatever the dice say. Published.
    pub const fn max_age(&self) -> Duration {
        self.max_age
    }

    /// The number of operations at which a key is replaced whatever the dice say. Published.
    pub const fn max_operations(&self) -> u64 {
        self.max_operations
    }

    /// Draws once for the active key. To be called again and again, as often or as irregularly as one likes; the
    /// ceiling is noticed by the first call after it.
    ///
    /// `dice` are 64 bits from the operating system's CSPRNG, new for each call. The verdict's `drawn` must be claimed
    /// in the same transaction that acts on the verdict, by compare-and-swap from `stand.drawn`: a crash then loses
    /// both or neither, and each stretch of time is drawn for exactly once.
    ///
    /// A clock that went back makes no stretch be drawn for twice: `drawn` stays, and until the clock has passed it
    /// only the ceilings count.
    pub fn draw(&self, stand: &Stand, now: SystemTime, dice: u64) -> Verdict {
        let drawn = stand.drawn.max(now);
        let rotate = |cause| Verdict::Rotate { cause, drawn };
        if since(now, stand.activated) > TOLERANCE {
            return rotate(Cause::Clock);
        }
        if stand.operations >= self.max_operations {
            return rotate(Cause::Operations);
        }
        let age = since(stand.activated, now);
        if age >= self.max_age {
            return rotate(Cause::Age);
        }
        if age < self.min_age {
            return Verdict::NotYet;
        }
        let drawn_for = since(stand.activated, stand.drawn).max(self.min_age);
        if self.falls(age.saturating_sub(drawn_for), dice) {
            return rotate(Cause::Drawn);
        }
        Verdict::Keep { drawn }
    }

    /// Whether a stretch of time ends the key: with probability 1 − exp(−stretch / mean), of which `dice`, a fraction
    /// of 2⁶⁴, decide. Below 2⁻⁶⁴ never.
    fn falls(&self, stretch: Duration, dice: u64) -> bool {
        let probability = -(-stretch.div_duration_f64(self.mean)).exp_m1();
        // Scaling by a power of two is exact. 128 bits, so that probability 1 stays above all dice.
        let threshold = (probability * 2f64.powi(64)) as u128;
        u128::from(dice) < threshold
    }
}

impl Default for Schedule {
    /// At the earliest after 24 hours, 30 days more on average, at the latest after 90 days or 2³² operations.
    ///
    /// 90 days is what auditors commonly ask for as the longest. The number of operations is no cryptographic limit,
    /// since each envelope has a key of its own; it is the number that NIST SP 800-38D gives for random nonces, which
    /// rules commonly cite.
    fn default() -> Self {
        Self {
            min_age: DAY,
            mean: 30 * DAY,
            max_age: 90 * DAY,
            max_operations: 1 << 32,
        }
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("max_age", &self.max_age)
            .field("max_operations", &self.max_operations)
            .finish_non_exhaustive()
    }
}

/// From one time to another, zero when it is the other way round.
fn since(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

#[cfg(test)]
mod tests;
