//! The installation and its keys at rest.

use splitvault_crypto::{Id, KeyId};

/// Which keys a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ring {
    /// Master keys of names.
    Names,
    /// Master keys of values.
    Values,
    /// Key pairs that payloads are sealed to.
    Sealing,
}

impl Ring {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Names, Self::Values, Self::Sealing];

    /// As it stands in the database.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Values => "values",
            Self::Sealing => "sealing",
        }
    }
}

/// The life of a key, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// A key as it is kept.
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
}

/// What the first start makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Random; bound into every envelope, so a backup can be restored onto another cluster.
    pub installation: Id,
    /// All keys, in no particular order.
    pub keys: Vec<WrappedKey>,
}
