//! The closed set of reasons.

use std::fmt;

use splitvault_values::StoreError;

use crate::keys::KeyStoreError;

/// Why, in one word: for conditions, metrics and the choice of what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// One of the two databases does not answer, refuses, is full or damaged. Nothing is wrong with the environment.
    StoreUnavailable,
    /// What is stored is not what was written.
    Tampered,
    /// An older state was put back.
    RolledBack,
    /// Encrypted under a key that is not here.
    UnknownKey,
    /// The revision that was asked for is not kept.
    NoSuchRevision,
    /// The provider of a key-encryption key does not answer.
    KekUnavailable,
    /// Beyond a limit.
    TooLarge,
    /// Another writer was faster; begin again.
    Conflict,
    /// A fault in this program or in the operating system.
    Internal,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::StoreUnavailable,
        Self::Tampered,
        Self::RolledBack,
        Self::UnknownKey,
        Self::NoSuchRevision,
        Self::KekUnavailable,
        Self::TooLarge,
        Self::Conflict,
        Self::Internal,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StoreUnavailable => "StoreUnavailable",
            Self::Tampered => "Tampered",
            Self::RolledBack => "RolledBack",
            Self::UnknownKey => "UnknownKey",
            Self::NoSuchRevision => "NoSuchRevision",
            Self::KekUnavailable => "KekUnavailable",
            Self::TooLarge => "TooLarge",
            Self::Conflict => "Conflict",
            Self::Internal => "Internal",
        }
    }

    pub(super) const fn of_values(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable
            | StoreError::Refused
            | StoreError::Corrupt
            | StoreError::Full
            | StoreError::Protocol
            | StoreError::Internal => Self::StoreUnavailable,
            StoreError::TooLarge { .. } => Self::TooLarge,
            StoreError::Random => Self::Internal,
        }
    }

    pub(super) const fn of_keys(error: KeyStoreError) -> Self {
        match error {
            KeyStoreError::Unavailable | KeyStoreError::Corrupt | KeyStoreError::Full => {
                Self::StoreUnavailable
            }
            KeyStoreError::Conflict
            | KeyStoreError::Fenced
            | KeyStoreError::Rotated
            | KeyStoreError::InUse => Self::Conflict,
            KeyStoreError::Internal => Self::Internal,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
