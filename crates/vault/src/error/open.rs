//! Why the vault cannot be opened.

use splitvault_crypto::Random;

use super::Reason;
use crate::kek::KekFault;
use crate::keys::KeyStoreError;

/// Why the vault cannot be opened. Whatever the cause, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key database did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The key-encryption key is not the one that the keys were wrapped with: restore it from its backup.
    #[error("the key-encryption key of {ring} is {got}, but the keys are wrapped under {needed}")]
    KekWrong {
        /// Whose keys: `names`, `values` or `sealing`.
        ring: &'static str,
        /// The provider and key that they are wrapped under.
        needed: String,
        /// The one that was given.
        got: String,
    },
    /// The provider of the key-encryption key did not do what it was asked.
    #[error("the keys of {ring}: {fault}")]
    Kek {
        /// Whose keys.
        ring: &'static str,
        /// What the provider came back with.
        fault: KekFault,
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
    pub fn reason(&self) -> Reason {
        match self {
            Self::Keys(error) => Reason::of_keys(*error),
            Self::KekWrong { .. } => Reason::UnknownKey,
            Self::Damaged { .. } | Self::Missing { .. } => Reason::Tampered,
            Self::Kek { fault, .. } => match fault {
                KekFault::Unavailable { .. } | KekFault::Protocol { .. } => Reason::KekUnavailable,
                KekFault::Unknown { .. } => Reason::UnknownKey,
                KekFault::Refused => Reason::Tampered,
                KekFault::Random => Reason::Internal,
            },
            Self::Random => Reason::Internal,
        }
    }
}

impl From<Random> for OpenError {
    fn from(_: Random) -> Self {
        Self::Random
    }
}
