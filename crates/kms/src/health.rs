//! What is remembered of a plugin between two answers; no I/O, no clock of its own.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::{KeyName, Status, Version};
use crate::fault::Fault;

/// A key that is taken up again this soon after it was left was not rotated.
const RETURN: Duration = Duration::from_secs(15 * 60);
/// How long one key must stay until a plugin that went back and forth is trusted again.
const SETTLE: Duration = Duration::from_secs(5 * 60);
/// Keys that were left, the last ones.
const REMEMBERED: usize = 8;

/// How a plugin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was not asked yet.
    Unasked,
    /// It answered last, and as it must.
    Up,
    /// It did not.
    Down(Fault),
}

/// A plugin as it was when it was last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How it is.
    pub state: State,
    /// The key that it named when it last was up.
    pub key: Option<KeyName>,
}

impl Health {
    pub(crate) const UNASKED: Self = Self {
        state: State::Unasked,
        key: None,
    };

    /// Whether it answered last, and as it must.
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether this is news after `before`: the same fault again, of another request, is none.
    pub(crate) fn is_news(&self, before: &Self) -> bool {
        let same = match (&self.state, &before.state) {
            (State::Down(now), State::Down(before)) => discriminant(now) == discriminant(before),
            (now, before) => now == before,
        };
        !same || self.key != before.key
    }
}

/// The version that a plugin speaks and the keys that it had.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    version: Option<Version>,
    key: Option<KeyName>,
    /// When the current key was taken up, after another.
    changed: Option<Instant>,
    left: VecDeque<(KeyName, Instant)>,
    unsteady: bool,
    /// When it last answered as it must.
    seen: Option<Instant>,
}

impl Memory {
    /// Whether it answered as it must within this time.
    pub(crate) fn is_fresh(&self, within: Duration) -> bool {
        self.seen.is_some_and(|at| at.elapsed() < within)
    }

    /// Takes in a status; answers the key to encrypt under.
    pub(crate) fn observe(&mut self, status: Status, now: Instant) -> Result<KeyName, Fault> {
        if *self.version.get_or_insert(status.version) != status.version {
            return Err(Fault::VersionChanged);
        }
        self.turn_to(&status.key, now);
        if self.unsteady && self.changed.is_some_and(|at| now - at >= SETTLE) {
            self.unsteady = false;
            self.left.clear();
        }
        if self.unsteady {
            return Err(Fault::Unsteady {
                key: status.key.hash(),
            });
        }
        self.seen = Some(now);
        Ok(status.key)
    }

    fn turn_to(&mut self, key: &KeyName, now: Instant) {
        if self.key.as_ref() == Some(key) {
            return;
        }
        self.left.retain(|(_, at)| now - *at < RETURN);
        self.unsteady |= self.left.iter().any(|(left, _)| left == key);
        if let Some(old) = self.key.replace(key.clone()) {
            self.changed = Some(now);
            self.left.push_back((old, now));
        }
        if self.left.len() > REMEMBERED {
            self.left.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> impl FnMut(&str, u64) -> Result<(), Fault> {
        let (start, mut memory) = (Instant::now(), Memory::default());
        move |key, seconds| {
            let status = Status {
                version: Version::V2,
                key: KeyName::parse(key.to_owned()).unwrap(),
            };
            memory
                .observe(status, start + Duration::from_secs(seconds))
                .map(drop)
        }
    }

    #[test]
    fn a_rotation_is_taken_as_it_comes() {
        let mut see = memory();
        for (key, at) in [
            ("a", 0),
            ("a", 60),
            ("b", 120),
            ("b", 180),
            ("c", 181),
            ("d", 182),
        ] {
            assert_eq!(see(key, at), Ok(()));
        }
    }

    #[test]
    fn a_key_that_goes_back_and_forth_is_not_used_until_it_stays() {
        let mut see = memory();
        let unsteady = |result| matches!(result, Err(Fault::Unsteady { .. }));
        assert_eq!(see("a", 0), Ok(()));
        assert_eq!(see("b", 60), Ok(()));
        assert!(unsteady(see("a", 120)));
        assert!(unsteady(see("b", 130)));
        assert!(unsteady(see("b", 429)));
        assert_eq!(see("b", 430), Ok(()), "five minutes after the last change");
        assert_eq!(see("c", 440), Ok(()), "and it may rotate again");
    }

    #[test]
    fn a_way_back_after_a_while_is_a_decision() {
        let mut see = memory();
        assert_eq!(see("a", 0), Ok(()));
        assert_eq!(see("b", 60), Ok(()));
        assert_eq!(see("a", 60 + 15 * 60), Ok(()));
    }

    #[test]
    fn the_version_stays() {
        let mut memory = Memory::default();
        let mut see = |version| {
            let key = KeyName::parse("a".to_owned()).unwrap();
            memory.observe(Status { version, key }, Instant::now()).map(drop)
        };
        assert_eq!(see(Version::V2Beta1), Ok(()));
        assert_eq!(see(Version::V2), Err(Fault::VersionChanged));
        assert_eq!(see(Version::V2Beta1), Ok(()));
    }

    #[test]
    fn the_same_fault_of_another_request_is_no_news() {
        let down = |operation, uid: &str| Health {
            state: State::Down(Fault::Failed {
                operation,
                code: tonic::Code::Unknown,
                uid: uid.to_owned(),
            }),
            key: None,
        };
        assert!(!down("Encrypt", "1").is_news(&down("Encrypt", "2")));
        assert!(down("Encrypt", "1").is_news(&Health::UNASKED));
    }
}
