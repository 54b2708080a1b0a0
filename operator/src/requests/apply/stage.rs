//! How far the rotation is that a request began. Which keys are left, the key database says; which of them are older than
//! the one that was made for the request, the key log says: by the order of its events, never by a clock.

use splitvault_vault::keys::{Deed, KeyEvent};
use splitvault_vault::{KeyLine, KeyState};

/// How far it is, the earliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The new key does not seal yet.
    Pending,
    /// Something is under an older key.
    Encrypting,
    /// Nothing is, and older keys are still there.
    Destroying,
    /// No older key is there, and another rotation has followed.
    Followed,
    /// No older key is there.
    Done,
}

/// How far a ring is with `key`, from what is left of its keys and the whole log; `None` when the log does not know the
/// key, as that of a key database from before it.
pub(super) fn stage<'a>(
    left: impl Iterator<Item = &'a KeyLine> + Clone,
    log: &[KeyEvent],
    key: &str,
) -> Option<Stage> {
    let made = log
        .iter()
        .find(|event| event.deed == Deed::Created && event.key.to_string() == key)?;
    let is_ours = |line: &&KeyLine| line.id == made.key;
    let ours = left.clone().find(is_ours).map(|line| line.state);
    if ours == Some(KeyState::Pending) {
        return Some(Stage::Pending);
    }
    let is_later = |line: &KeyLine| {
        let mut later = log.iter().filter(|event| event.sequence > made.sequence);
        later.any(|event| (event.deed, event.key) == (Deed::Created, line.id))
    };
    let older = left.filter(|line| line.id != made.key && !is_later(line));
    let stages = older.map(|line| match line.state {
        KeyState::Drained | KeyState::Destroyed => Stage::Destroying,
        KeyState::Pending | KeyState::Active | KeyState::Retiring => Stage::Encrypting,
    });
    let rest = match ours {
        Some(KeyState::Active) => Stage::Done,
        Some(KeyState::Pending | KeyState::Retiring | KeyState::Drained | KeyState::Destroyed) | None => {
            Stage::Followed
        }
    };
    Some(stages.min().unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use splitvault_crypto::KeyId;
    use splitvault_vault::{Cause, Ring};

    use super::*;

    /// Keys in the order in which they were made, each with its state, and the log of that.
    fn ring(states: &[KeyState]) -> (Vec<KeyLine>, Vec<KeyEvent>) {
        let (mut lines, mut log) = (Vec::new(), Vec::new());
        for (sequence, state) in (1..).zip(states) {
            let (ring, key) = (Ring::Names, KeyId::make().unwrap());
            log.push(KeyEvent {
                sequence,
                at: 0,
                ring,
                key,
                deed: Deed::Created,
                cause: Cause::Requested,
                mac: [0; 32],
            });
            lines.push(KeyLine {
                ring,
                id: key,
                state: *state,
                // A clock that goes back.
                activated: 1_000 - sequence,
                entered: sequence,
            });
        }
        (lines, log)
    }

    #[test]
    fn what_is_older_than_the_key_decides_and_what_is_newer_does_not() {
        use KeyState::{Active, Destroyed, Drained, Pending, Retiring};
        let cases: [(&[KeyState], usize, Stage); 11] = [
            (&[Active, Pending], 1, Stage::Pending),
            (&[Retiring, Active], 1, Stage::Encrypting),
            (&[Drained, Active], 1, Stage::Destroying),
            (&[Destroyed, Active], 1, Stage::Done),
            (&[Retiring, Drained, Active], 2, Stage::Encrypting),
            // Followed by another rotation, whatever becomes of its own key.
            (&[Retiring, Retiring, Active], 1, Stage::Encrypting),
            (&[Retiring, Destroyed, Active], 1, Stage::Encrypting),
            (&[Drained, Destroyed, Active], 1, Stage::Destroying),
            (&[Destroyed, Retiring, Active], 1, Stage::Followed),
            (&[Destroyed, Destroyed, Active, Pending], 1, Stage::Followed),
            (&[Destroyed, Active, Pending], 1, Stage::Done),
        ];
        for (states, ours, expected) in cases {
            let (lines, log) = ring(states);
            let key = lines[ours].id.to_string();
            let left = lines.iter().filter(|line| line.state != Destroyed);
            assert_eq!(stage(left, &log, &key), Some(expected), "{states:?}");
        }
    }

    #[test]
    fn a_key_from_before_the_log_began_is_older() {
        let (lines, log) = ring(&[KeyState::Retiring, KeyState::Active]);
        let key = lines[1].id.to_string();
        assert_eq!(stage(lines.iter(), &log[1..], &key), Some(Stage::Encrypting));
    }

    #[test]
    fn a_log_that_does_not_know_the_key_tells_nothing() {
        let (lines, log) = ring(&[KeyState::Active]);
        for key in ["", "nonsense", &KeyId::make().unwrap().to_string()] {
            assert_eq!(stage(lines.iter(), &log, key), None, "{key}");
        }
    }
}
