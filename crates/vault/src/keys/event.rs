//! The key log: what happened to keys. Each event carries a MAC over itself and the MAC before it, so nothing can be
//! altered, put in or taken out; that its end is not cut off is seen by whoever remembers where it was.

use splitvault_crypto::KeyId;

use super::Ring;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    /// Its number, from 1, without gaps.
    pub sequence: u64,
    /// When, in milliseconds of Unix time, by the clock of whoever did it.
    pub at: u64,
    /// Whose key.
    pub ring: Ring,
    /// Which key.
    pub key: KeyId,
    /// What happened.
    pub deed: Deed,
    /// Why.
    pub cause: Cause,
    /// HMAC-SHA-256 over the installation, the MAC before, and all of the above.
    pub mac: [u8; 32],
}

/// What happens to keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// It was made, and opens.
    Created,
    /// It seals from now on.
    Activated,
    /// It does not seal any more.
    Retired,
    /// Nothing is encrypted under it any more.
    Drained,
    /// It was destroyed.
    Destroyed,
    /// It was wrapped under another key-encryption key.
    Rewrapped,
    /// It was sealed to the offline recipient, to be opened by nobody else.
    Escrowed,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Activated,
        Self::Retired,
        Self::Drained,
        Self::Destroyed,
        Self::Rewrapped,
        Self::Escrowed,
    ];

    /// As it stands in the database.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Activated => "activated",
            Self::Retired => "retired",
            Self::Drained => "drained",
            Self::Destroyed => "destroyed",
            Self::Rewrapped => "rewrapped",
            Self::Escrowed => "escrowed",
        }
    }
}

/// Why something happens to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The first start, or the first start of a version that keeps this log.
    Founded,
    /// Drawn at random.
    Drawn,
    /// It reached the greatest age.
    Age,
    /// It reached the greatest number of operations.
    Operations,
    /// It seemed to come from the future, so its age was not known.
    Clock,
    /// Somebody asked for it.
    Requested,
    /// It follows from what happened before.
    Rotation,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Founded,
        Self::Drawn,
        Self::Age,
        Self::Operations,
        Self::Clock,
        Self::Requested,
        Self::Rotation,
    ];

    /// As it stands in the database.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Founded => "founded",
            Self::Drawn => "drawn",
            Self::Age => "age",
            Self::Operations => "operations",
            Self::Clock => "clock",
            Self::Requested => "requested",
            Self::Rotation => "rotation",
        }
    }
}
