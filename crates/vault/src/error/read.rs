//! Why something cannot be read.

use splitvault_crypto::KeyId;
use splitvault_values::StoreError;

use super::{Breach, Reason};
use crate::keys::KeyStoreError;

/// Why an environment cannot be read. Whatever the cause, nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The value store did not answer.
    #[error(transparent)]
    Values(StoreError),
    /// The key database did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// Something is not as it was written: altered, moved, replaced or missing.
    #[error("not as it was written: {what}")]
    Tampered {
        /// Which part.
        what: &'static str,
    },
    /// The databases are at an earlier revision than was seen before.
    #[error("rolled back: revision {expected} was seen before, revision {got} is stored")]
    RolledBack {
        /// The revision that was seen before.
        expected: u64,
        /// The revision that is there; 0 when there is none.
        got: u64,
    },
    /// Encrypted under a master key that is not here.
    #[error("encrypted under key {0}, which is not here")]
    UnknownKey(KeyId),
}

impl ReadError {
    /// Why, in one word.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Values(error) => Reason::of_values(*error),
            Self::Keys(error) => Reason::of_keys(*error),
            Self::Tampered { .. } => Reason::Tampered,
            Self::RolledBack { .. } => Reason::RolledBack,
            Self::UnknownKey(_) => Reason::UnknownKey,
        }
    }

    /// The master key that was not there.
    pub(crate) const fn missing_key(&self) -> Option<KeyId> {
        match self {
            Self::UnknownKey(id) => Some(*id),
            Self::Values(_) | Self::Keys(_) | Self::Tampered { .. } | Self::RolledBack { .. } => None,
        }
    }

    /// Whether the same request may succeed soon without anyone doing anything.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Values(error) => error.is_transient(),
            Self::Keys(error) => error.is_transient(),
            Self::Tampered { .. } | Self::RolledBack { .. } | Self::UnknownKey(_) => false,
        }
    }
}

impl From<Breach> for ReadError {
    fn from(breach: Breach) -> Self {
        match breach {
            Breach::Tampered(what) => Self::Tampered { what },
            Breach::UnknownKey(id) => Self::UnknownKey(id),
        }
    }
}
