//! The installation and its keys at rest.

use splitvault_crypto::{Id, KeyId};

use super::event::KeyEvent;

/// Which keys a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ring {
    /// Master keys of names.
    Names,
    /// Master keys of values.
    Values,
    /// Key pairs that payloads are sealed to.
    Sealing,
    /// Keys of HMACs over what this installation vouches for: the key log, requests.
    Mac,
}

impl Ring {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Names, Self::Values, Self::Sealing, Self::Mac];
    /// Those of master keys, which rotate by re-encryption.
    pub const MASTER: [Self; 2] = [Self::Names, Self::Values];

    /// As it stands in the database.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Values => "values",
            Self::Sealing => "sealing",
            Self::Mac => "mac",
        }
    }
}

/// The life of a key, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyState {
    /// Opens, does not seal yet.
    Pending,
    /// Seals; the only one of its ring.
    Active,
    /// Opens what is not re-encrypted yet.
    Retiring,
    /// Nothing is encrypted under it any more.
    Drained,
    /// Gone; only its id is left.
    Destroyed,
}

impl KeyState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Active,
        Self::Retiring,
        Self::Drained,
        Self::Destroyed,
    ];

    /// As it stands in the database.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Drained => "drained",
            Self::Destroyed => "destroyed",
        }
    }
}

/// A key as it is kept. Times are milliseconds of Unix time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// What it is for.
    pub ring: Ring,
    /// Its id.
    pub id: KeyId,
    /// Where it is in its life.
    pub state: KeyState,
    /// The key, encrypted under a key-encryption key; `None` exactly when it is destroyed.
    pub wrapped: Option<Vec<u8>>,
    /// The event in the key log that brought it into this state: what a process must have seen to know of it.
    pub entered: u64,
    /// When it became active; 0 before.
    pub activated: u64,
    /// Up to when it was drawn whether to rotate it (see [`crate::Schedule`]); 0 when that does not apply.
    pub drawn: u64,
    /// Messages that may have been sealed under it: reserved in blocks, so never fewer than there were.
    pub operations: u64,
}

/// The installation, its keys, and the end of the key log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Random; bound into every envelope, so a backup can be restored onto another cluster.
    pub installation: Id,
    /// All keys, in no particular order.
    pub keys: Vec<WrappedKey>,
    /// The last event of the key log; `None` in a database from before there was one.
    pub last: Option<KeyEvent>,
}

impl Root {
    /// The number of the last event of the key log. Every change of a key raises it.
    pub fn sequence(&self) -> u64 {
        self.last.as_ref().map_or(0, |event| event.sequence)
    }

    /// The key of a ring that seals.
    pub fn active(&self, ring: Ring) -> Option<&WrappedKey> {
        let active = |key: &&WrappedKey| key.ring == ring && key.state == KeyState::Active;
        self.keys.iter().find(active)
    }
}
