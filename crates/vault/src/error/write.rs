//! Why something cannot be written.

use splitvault_crypto::{KeyId, Random, SealError};
use splitvault_values::StoreError;

use super::{Breach, ReadError, Reason};
use crate::keys::KeyStoreError;

/// Why an environment was not written, re-encrypted or removed. It is then as it was before, or, when a database
/// did not answer at the very end, as it should become; never anything between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// What is there cannot be read, so it was not overwritten.
    #[error("what is stored cannot be read: {0}")]
    Current(#[source] ReadError),
    /// The value store did not take the values.
    #[error(transparent)]
    Values(StoreError),
    /// The key database did not answer, or another writer was faster.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The revision to go back to is not kept.
    #[error("there is no revision {revision} any more")]
    NoSuchRevision {
        /// Its number.
        revision: u64,
    },
    /// Beyond what an envelope holds.
    #[error("{got} bytes to encrypt, at most {limit}")]
    TooLarge {
        /// The most bytes that are taken.
        limit: usize,
        /// How many there were.
        got: usize,
    },
    /// The operating system gave no random bytes.
    #[error("no randomness from the operating system")]
    Random,
    /// The cipher itself reported an error, or the revision counter is at its end.
    #[error("internal error of the vault")]
    Internal,
}

impl WriteError {
    /// Why, in one word.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Current(error) => error.reason(),
            Self::Values(error) => Reason::of_values(*error),
            Self::Keys(error) => Reason::of_keys(*error),
            Self::NoSuchRevision { .. } => Reason::NoSuchRevision,
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::Random | Self::Internal => Reason::Internal,
        }
    }

    /// The master key that was not there, or that is not the active one any more, which is told without its id.
    pub(crate) const fn missing_key(&self) -> Option<KeyId> {
        match self {
            Self::Current(error) => error.missing_key(),
            Self::Keys(KeyStoreError::Rotated) => Some(KeyId::from_bytes([0; KeyId::LEN])),
            Self::Values(_)
            | Self::Keys(_)
            | Self::NoSuchRevision { .. }
            | Self::TooLarge { .. }
            | Self::Random
            | Self::Internal => None,
        }
    }

    /// Whether the same request may succeed soon without anyone doing anything.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Current(error) => error.is_transient(),
            Self::Values(error) => error.is_transient(),
            Self::Keys(error) => error.is_transient(),
            Self::NoSuchRevision { .. } | Self::TooLarge { .. } | Self::Random | Self::Internal => false,
        }
    }
}

impl From<ReadError> for WriteError {
    fn from(error: ReadError) -> Self {
        Self::Current(error)
    }
}

impl From<Breach> for WriteError {
    fn from(breach: Breach) -> Self {
        Self::Current(breach.into())
    }
}

impl From<SealError> for WriteError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::TooLarge { limit, got } => Self::TooLarge { limit, got },
            SealError::Random => Self::Random,
            SealError::Cipher => Self::Internal,
        }
    }
}

impl From<Random> for WriteError {
    fn from(_: Random) -> Self {
        Self::Random
    }
}
