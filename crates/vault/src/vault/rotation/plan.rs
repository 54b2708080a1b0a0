//! What is to be done next about the keys, decided from what the database says. Pure; the database is the only memory, so
//! a leader that takes over goes on where the one before stopped.

use splitvault_crypto::KeyId;

use crate::keys::{KeyState, Ring, WrappedKey};

/// What was found in the database.
#[derive(Debug)]
pub(super) struct Situation<'a> {
    /// All keys.
    pub(super) keys: &'a [WrappedKey],
    /// Up to which event every replica has seen the key log; `None` when no replica is known.
    pub(super) acknowledged: Option<u64>,
    /// Whether anything is left that can be re-encrypted.
    pub(super) is_stale: bool,
    /// Whether something is left that cannot be.
    pub(super) is_quarantined: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// The pending key seals from now on, and the active one retires.
    Activate {
        ring: Ring,
        pending: KeyId,
        active: KeyId,
    },
    /// Re-encrypt a batch.
    Reseal,
    /// Nothing is under the key any more, as far as is known: make sure, and say so.
    Drain { ring: Ring, id: KeyId },
    /// No replica has the key any more: destroy it.
    Destroy { ring: Ring, id: KeyId },
}

/// Decides; `None` when there is nothing to do, or nothing but to wait for a replica. What is short goes before what is
/// long: a key that is out of use does not wait for a re-encryption.
pub(super) fn plan(situation: &Situation<'_>) -> Option<Task> {
    destroy(situation)
        .or_else(|| activate(situation))
        .or_else(|| situation.is_stale.then_some(Task::Reseal))
        .or_else(|| drain(situation))
}

/// What the other replicas have yet to acknowledge is waited for.
pub(super) fn is_waiting(situation: &Situation<'_>) -> bool {
    masters(situation).any(|key| match key.state {
        KeyState::Pending | KeyState::Drained => !is_acknowledged(situation, key),
        KeyState::Active | KeyState::Retiring | KeyState::Destroyed => false,
    })
}

fn destroy(situation: &Situation<'_>) -> Option<Task> {
    let mut drained = in_state(situation, KeyState::Drained);
    let key = drained.find(|key| is_acknowledged(situation, key))?;
    Some(Task::Destroy {
        ring: key.ring,
        id: key.id,
    })
}

fn activate(situation: &Situation<'_>) -> Option<Task> {
    let mut pending = in_state(situation, KeyState::Pending);
    let key = pending.find(|key| is_acknowledged(situation, key))?;
    let active = in_state(situation, KeyState::Active).find(|active| active.ring == key.ring)?;
    Some(Task::Activate {
        ring: key.ring,
        pending: key.id,
        active: active.id,
    })
}

fn drain(situation: &Situation<'_>) -> Option<Task> {
    if situation.is_quarantined {
        return None;
    }
    let key = in_state(situation, KeyState::Retiring).next()?;
    Some(Task::Drain {
        ring: key.ring,
        id: key.id,
    })
}

fn in_state<'a>(situation: &Situation<'a>, state: KeyState) -> impl Iterator<Item = &'a WrappedKey> {
    masters(situation).filter(move |key| key.state == state)
}

fn masters<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a WrappedKey> {
    situation
        .keys
        .iter()
        .filter(|key| Ring::MASTER.contains(&key.ring))
}

fn is_acknowledged(situation: &Situation<'_>, key: &WrappedKey) -> bool {
    situation
        .acknowledged
        .is_some_and(|acknowledged| acknowledged >= key.entered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(ring: Ring, state: KeyState, entered: u64) -> WrappedKey {
        WrappedKey {
            ring,
            id: KeyId::make().unwrap(),
            state,
            wrapped: (state != KeyState::Destroyed).then(|| vec![1]),
            entered,
            activated: 0,
            drawn: 0,
            operations: 0,
        }
    }

    fn planned(
        keys: &[WrappedKey],
        acknowledged: Option<u64>,
        is_stale: bool,
        is_quarantined: bool,
    ) -> Option<Task> {
        plan(&Situation {
            keys,
            acknowledged,
            is_stale,
            is_quarantined,
        })
    }

    #[test]
    fn a_ring_at_rest_asks_for_nothing() {
        let keys = [
            key(Ring::Names, KeyState::Active, 1),
            key(Ring::Names, KeyState::Destroyed, 1),
        ];
        assert_eq!(planned(&keys, Some(9), false, false), None);
    }

    #[test]
    fn a_key_becomes_active_when_every_replica_has_seen_it() {
        let keys = [
            key(Ring::Values, KeyState::Active, 1),
            key(Ring::Names, KeyState::Active, 1),
            key(Ring::Names, KeyState::Pending, 5),
        ];
        assert_eq!(planned(&keys, None, false, false), None);
        assert_eq!(planned(&keys, Some(4), false, false), None);
        let expected = Task::Activate {
            ring: Ring::Names,
            pending: keys[2].id,
            active: keys[1].id,
        };
        assert_eq!(planned(&keys, Some(5), true, false), Some(expected));
    }

    #[test]
    fn a_retiring_key_is_drained_when_nothing_is_left_and_not_while_a_row_is_in_quarantine() {
        let keys = [
            key(Ring::Names, KeyState::Active, 2),
            key(Ring::Names, KeyState::Retiring, 2),
        ];
        assert_eq!(planned(&keys, Some(2), true, false), Some(Task::Reseal));
        assert_eq!(planned(&keys, Some(2), true, true), Some(Task::Reseal));
        assert_eq!(planned(&keys, Some(2), false, true), None);
        let drain = Task::Drain {
            ring: Ring::Names,
            id: keys[1].id,
        };
        assert_eq!(planned(&keys, Some(2), false, false), Some(drain));
    }

    #[test]
    fn a_drained_key_is_destroyed_when_every_replica_is_rid_of_it() {
        let keys = [
            key(Ring::Names, KeyState::Active, 2),
            key(Ring::Names, KeyState::Drained, 3),
        ];
        assert_eq!(planned(&keys, Some(2), false, false), None);
        let destroy = Task::Destroy {
            ring: Ring::Names,
            id: keys[1].id,
        };
        assert_eq!(planned(&keys, Some(3), true, true), Some(destroy));
    }

    #[test]
    fn sealing_keys_are_none_of_its_business() {
        let keys = [
            key(Ring::Sealing, KeyState::Active, 1),
            key(Ring::Sealing, KeyState::Retiring, 1),
        ];
        assert_eq!(planned(&keys, Some(9), false, false), None);
    }
}
