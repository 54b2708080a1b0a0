//! Why a sweep did not happen.

use splitvault_values::StoreError;

use super::{Breach, ReadError, Reason};
use crate::keys::KeyStoreError;

/// Why no value was swept, or not all of them. What was not swept stays for the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SweepError {
    /// What is claimed cannot be told, because something cannot be read.
    #[error("cannot tell which values are claimed: {0}")]
    Claims(#[source] ReadError),
    /// The value store did not answer.
    #[error(transparent)]
    Values(StoreError),
    /// The key database did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// An environment was found rolled back: values that look like orphans may belong to the state that is missing,
    /// and removing them would make it impossible to restore.
    #[error("{environments} environments were found rolled back; nothing is swept until they are restored")]
    Suspended {
        /// How many.
        environments: usize,
    },
}

impl SweepError {
    /// Why, in one word.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Claims(error) => error.reason(),
            Self::Values(error) => Reason::of_values(*error),
            Self::Keys(error) => Reason::of_keys(*error),
            Self::Suspended { .. } => Reason::RolledBack,
        }
    }

    /// Whether the same request may succeed soon without anyone doing anything.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Claims(error) => error.is_transient(),
            Self::Values(error) => error.is_transient(),
            Self::Keys(error) => error.is_transient(),
            Self::Suspended { .. } => false,
        }
    }
}

impl From<ReadError> for SweepError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Values(error) => Self::Values(error),
            ReadError::Keys(error) => Self::Keys(error),
            ReadError::Tampered { .. } | ReadError::RolledBack { .. } | ReadError::UnknownKey(_) => {
                Self::Claims(error)
            }
        }
    }
}

impl From<Breach> for SweepError {
    fn from(breach: Breach) -> Self {
        Self::Claims(breach.into())
    }
}
