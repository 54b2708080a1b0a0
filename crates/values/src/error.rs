//! What can go wrong between a caller and a value store.

use std::fmt;

/// Why a value store did not do what it was asked. No variant carries a byte of an envelope or of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is busy or stopping, or did not answer in time. Worth another try soon.
    #[error("the value store is unavailable")]
    Unavailable,
    /// The request is beyond a limit; asking again does not help.
    #[error("{what} beyond the value store's limit: {got}, at most {limit}")]
    TooLarge {
        /// Which limit.
        what: Limit,
        /// The most that is taken, in the unit of `what`.
        limit: u64,
        /// What was offered; 0 where the other side did not say.
        got: u64,
    },
    /// The store does not serve this caller: its certificate or identity is not the operator's.
    #[error("the value store refuses this client")]
    Refused,
    /// The database is damaged; a person must restore it.
    #[error("the value store's database is damaged")]
    Corrupt,
    /// No room is left on the store's volume.
    #[error("the value store's volume is full")]
    Full,
    /// The two sides do not speak the same protocol (versions too far apart, or something in between).
    #[error("the value store and its client do not understand each other")]
    Protocol,
    /// The operating system gave no random bytes.
    #[error("no randomness from the operating system")]
    Random,
    /// A fault in the store itself; its log says more.
    #[error("internal error of the value store")]
    Internal,
}

impl StoreError {
    /// Whether the same request may succeed soon without anyone doing anything.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Unavailable => true,
            Self::TooLarge { .. }
            | Self::Refused
            | Self::Corrupt
            | Self::Full
            | Self::Protocol
            | Self::Random
            | Self::Internal => false,
        }
    }

    /// A fixed word for metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::TooLarge { .. } => "too_large",
            Self::Refused => "refused",
            Self::Corrupt => "corrupt",
            Self::Full => "full",
            Self::Protocol => "protocol",
            Self::Random => "random",
            Self::Internal => "internal",
        }
    }
}

/// The limits of [`crate::limits`], by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Envelopes or tokens in one request.
    Batch,
    /// Bytes of one envelope.
    Envelope,
    /// Bytes of one request.
    Message,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "items in a batch",
            Self::Envelope => "bytes of an envelope",
            Self::Message => "bytes of a request",
        })
    }
}
