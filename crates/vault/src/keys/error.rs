//! What can go wrong between a caller and a key database.

use splitvault_values::StoreError;

/// Why a key database did not do what it was asked. No variant carries a byte of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyStoreError {
    /// It cannot be reached, is busy or stopping. Worth another try soon.
    #[error("the key database is unavailable")]
    Unavailable,
    /// Somebody else changed the environment first; nothing was changed.
    #[error("the environment was changed by another writer")]
    Conflict,
    /// A sweep went by between the beginning of a write and its commit; nothing was changed.
    #[error("the write was begun before a sweep and must begin again")]
    Fenced,
    /// It was sealed under a key that is not the active one any more; nothing was changed.
    #[error("the write was sealed under a key that has been rotated and must begin again")]
    Rotated,
    /// Something is still encrypted under a key that was to be destroyed; nothing was changed.
    #[error("the key is still in use")]
    InUse,
    /// The database is damaged; a person must restore it.
    #[error("the key database is damaged")]
    Corrupt,
    /// No room is left on its volume.
    #[error("the key database's volume is full")]
    Full,
    /// A fault in the database or in this program; the log says more.
    #[error("internal error of the key database")]
    Internal,
}

impl KeyStoreError {
    /// Whether the same request may succeed soon without anyone doing anything.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Unavailable | Self::Conflict | Self::Fenced | Self::Rotated | Self::InUse => true,
            Self::Corrupt | Self::Full | Self::Internal => false,
        }
    }

    /// A fixed word for metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Conflict => "conflict",
            Self::Fenced => "fenced",
            Self::Rotated => "rotated",
            Self::InUse => "in use",
            Self::Corrupt => "corrupt",
            Self::Full => "full",
            Self::Internal => "internal",
        }
    }

    /// The same fault of a database, told of this one.
    pub(crate) const fn of(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable => Self::Unavailable,
            StoreError::Corrupt => Self::Corrupt,
            StoreError::Full => Self::Full,
            StoreError::TooLarge { .. }
            | StoreError::Refused
            | StoreError::Protocol
            | StoreError::Random
            | StoreError::Internal => Self::Internal,
        }
    }
}
