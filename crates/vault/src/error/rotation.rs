//! Why keys were not rotated, or their log not read.

use splitvault_crypto::{KeyId, Random, SealError};
use splitvault_values::StoreError;

use super::{OpenError, ReadError, Reason, SweepError, WriteError};
use crate::keys::KeyStoreError;

/// Why a step in the life of keys was not taken. Whatever the cause, no key was lost and none is in two states; the next
/// look begins where this one stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Another replica leads, or led meanwhile.
    #[error("another replica leads the rotation of keys")]
    NotLeader,
    /// The key database did not answer, or somebody else was faster.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The value store did not answer.
    #[error(transparent)]
    Values(StoreError),
    /// A key cannot be wrapped or unwrapped.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An environment that was read again to be sure cannot be read.
    #[error("a key is not destroyed: an environment cannot be read: {0}")]
    Read(#[from] ReadError),
    /// An environment was not re-encrypted.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Values that nothing claims are in the way and are not swept.
    #[error("a key is not destroyed: {0}")]
    Sweep(#[from] SweepError),
    /// Values are still encrypted under a key, though nothing that is known claims them.
    #[error("key {key} is not destroyed: {count} values are still encrypted under it")]
    InUse {
        /// Which key.
        key: KeyId,
        /// How many.
        count: u64,
    },
    /// The key database is older than it was.
    #[error("the key database was rolled back: its key log ends before what was seen of it")]
    RolledBack,
    /// There is no such key, or it is not in a state for that.
    #[error("key {0} is not in a state for that")]
    NoSuchKey(KeyId),
    /// The operating system gave no random bytes, or the cipher failed.
    #[error("no randomness from the operating system")]
    Random,
}

impl RotationError {
    /// Why, in one word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotLeader => Reason::Conflict,
            Self::Keys(error) => Reason::of_keys(*error),
            Self::Values(error) => Reason::of_values(*error),
            Self::Open(error) => error.reason(),
            Self::Read(error) => error.reason(),
            Self::Write(error) => error.reason(),
            Self::Sweep(error) => error.reason(),
            Self::InUse { .. } | Self::NoSuchKey(_) => Reason::Conflict,
            Self::RolledBack => Reason::RolledBack,
            Self::Random => Reason::Internal,
        }
    }
}

impl From<Random> for RotationError {
    fn from(_: Random) -> Self {
        Self::Random
    }
}

impl From<SealError> for RotationError {
    fn from(_: SealError) -> Self {
        Self::Random
    }
}

/// Why the key log cannot be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrailError {
    /// The key database did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// An event was altered, put in or taken out.
    #[error("the key log is broken at event {sequence}: it was altered, or one before it is missing")]
    Broken {
        /// Its number.
        sequence: u64,
    },
}
