//! Why a key was not wrapped or unwrapped.

use splitvault_crypto::{OpenError, SealError};

use super::file;

/// Why a key-encryption key's provider did not do what it was asked. Says nothing of any key but its id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KekFault {
    /// The provider does not answer. Worth another try.
    #[error("the provider of the key-encryption key does not answer: {why}")]
    Unavailable {
        /// What it said, or did not; holds nothing secret.
        why: String,
    },
    /// It was wrapped by another provider, or under a key that the provider does not have.
    #[error("wrapped under {needed}, which is not here")]
    Unknown {
        /// Which provider and key made it.
        needed: String,
    },
    /// It was altered, moved, or is no wrapped key.
    #[error("refused: altered, moved, or no wrapped key")]
    Refused,
    /// The provider does what the protocol does not allow.
    #[error("the provider of the key-encryption key breaks its protocol: {why}")]
    Protocol {
        /// What it did; holds nothing secret.
        why: String,
    },
    /// The operating system gave no random bytes, or the cipher failed.
    #[error("no randomness from the operating system")]
    Random,
}

impl From<OpenError> for KekFault {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownKey(needed) => Self::Unknown { needed: file(needed) },
            OpenError::Malformed | OpenError::Refused => Self::Refused,
        }
    }
}

impl From<SealError> for KekFault {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Random => Self::Random,
            SealError::TooLarge { .. } | SealError::Cipher => Self::Refused,
        }
    }
}
