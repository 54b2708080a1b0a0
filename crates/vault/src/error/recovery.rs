//! Why the keys of a backup were not recovered.

use splitvault_crypto::{Id, KeyId, Random};

use super::OpenError;
use crate::keys::{KeyStoreError, Ring};

/// Why the keys of a copy of a key database were not recovered. Whatever the cause, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// A key database did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// A key cannot be wrapped.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no installation in it.
    #[error("the {which} key database is empty: no installation ever used it")]
    Empty {
        /// `older` or `newer`.
        which: &'static str,
    },
    /// The two databases are not of the same installation, so neither helps the other.
    #[error("the key databases are of two installations: {older} and {newer}")]
    OtherInstallation {
        /// That of the copy.
        older: Id,
        /// That of the newer one.
        newer: Id,
    },
    /// Master keys that something is encrypted under are nowhere to be found.
    #[error("{} of its master keys cannot be had: {}", .0.len(), told(.0))]
    Lost(Vec<(Ring, KeyId)>),
}

fn told(lost: &[(Ring, KeyId)]) -> String {
    let told = lost.iter().map(|(ring, key)| format!("{key} ({})", ring.label()));
    told.collect::<Vec<_>>().join(", ")
}

impl From<Random> for RecoveryError {
    fn from(_: Random) -> Self {
        Self::Open(OpenError::Random)
    }
}
