//! A change of keys: made whole or not at all, by the leader alone, and only from the state that it was planned for.

use splitvault_crypto::{Id, KeyId};

use super::{KeyEvent, KeyState, Ring, WrappedKey};

/// What becomes of keys, in one transaction, with the events that tell of it.
#[derive(Debug, Clone)]
pub struct KeyChange {
    /// The fencing token of whoever does it; `None` for what needs no leader, because it happens before there is one.
    pub epoch: Option<u64>,
    /// The number of the last event when it was planned.
    pub expected: u64,
    /// What becomes of which key, in this order.
    pub steps: Vec<Step>,
    /// Events to append; they continue the log without a gap.
    pub events: Vec<KeyEvent>,
}

/// One step of a [`KeyChange`].
#[derive(Debug, Clone)]
pub enum Step {
    /// A new key.
    Insert(WrappedKey),
    /// A key goes on in its life. Into `Destroyed` it goes only when nothing in this database is encrypted under it or
    /// belongs to a value that is.
    Move {
        /// Which.
        id: KeyId,
        /// From here,
        from: KeyState,
        /// to here.
        to: KeyState,
        /// When it became active, if it does now.
        activated: Option<u64>,
    },
    /// A key is wrapped under another key-encryption key.
    Rewrap {
        /// Which.
        id: KeyId,
        /// As it was wrapped.
        from: Vec<u8>,
        /// As it is wrapped now.
        to: Vec<u8>,
    },
    /// A key is kept for the offline recipient.
    Escrow(Escrowed),
    /// The draw for a key is claimed: see [`super::KeyStore::claim`].
    Draw {
        /// Which.
        id: KeyId,
        /// Up to when it had been drawn.
        from: u64,
        /// Up to when it is now.
        to: u64,
    },
}

/// A master key that was sealed to an offline recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escrowed {
    /// Whose key.
    pub ring: Ring,
    /// Which.
    pub id: KeyId,
    /// Sealed to the recipient (HPKE, context `escrow`).
    pub sealed: Vec<u8>,
}

/// A process that has the keys in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// Random, for the life of the process.
    pub id: Id,
    /// Up to which event of the key log its keys are those of the database, with none besides.
    pub acknowledged: u64,
    /// When it was last there, in milliseconds of Unix time, by its own clock.
    pub seen: u64,
}

/// Who leads, as the database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// Which replica.
    pub holder: Id,
    /// The fencing token: goes up whenever the holder changes.
    pub epoch: u64,
    /// When it was last renewed, in milliseconds of Unix time.
    pub renewed: u64,
}

/// An environment with revisions that are not under the keys that are active, or that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The UID of the object.
    pub uid: String,
    /// Which revision.
    pub revision: u64,
}
