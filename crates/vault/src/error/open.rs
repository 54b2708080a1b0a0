//! Why the vault cannot be opened.

use splitvault_crypto::{KeyId, Random, SealError};

use super::Reason;
use crate::keys::KeyStoreError;

/// Why the vault cannot be opened. Whatever the cause, nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key database did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The key-encryption key is not the one that the keys were wrapped with: restore it from its backup.
    #[error("the key-encryption key of {ring} is {got}, but the keys are wrapped under {needed}")]
    KekWrong {
        /// Whose keys: `names`, `values` or `sealing`.
        ring: &'static str,
        /// The id of the key-encryption key that they are wrapped under.
        needed: KeyId,
        /// The id of the one that was given.
        got: KeyId,
    },
    /// A wrapped key is altered, or does not belong here: restore the key database from its backup.
    #[error("a wrapped key of {ring} is damaged")]
    Damaged {
        /// Whose key.
        ring: &'static str,
    },
    /// There is no active key: restore the key database from its backup.
    #[error("there is no active key of {ring}")]
    Missing {
        /// Whose key.
        ring: &'static str,
    },
    /// The operating system gave no random bytes, or the cipher failed.
    #[error("no randomness from the operating system")]
    Random,
}

impl OpenError {
    /// Why, in one word.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Keys(error) => Reason::of_keys(*error),
            Self::KekWrong { .. } => Reason::UnknownKey,
            Self::Damaged { .. } | Self::Missing { .. } => Reason::Tampered,
            Self::Random => Reason::Internal,
        }
    }
}

impl From<Random> for OpenError {
    fn from(_: Random) -> Self {
        Self::Random
    }
}

impl From<SealError> for OpenError {
    fn from(_: SealError) -> Self {
        Self::Random
    }
}
