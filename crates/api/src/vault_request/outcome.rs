//! What became of a VaultRequest, in one word.

use std::fmt;

/// A closed set, the same in conditions, events, metrics and the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It is done; what was asked for stands in the status.
    Done,
    /// The operator is at it.
    Progressing,
    /// A store or the API server does not answer; tried again until the request expires.
    Unavailable,
    /// Nobody vouches for who asked.
    NotStamped,
    /// The requester may not have this done.
    Denied,
    /// About the whole installation, but not in the operator's namespace.
    WrongNamespace,
    /// The spec cannot be processed.
    Invalid,
    /// There is no such VaultSecret.
    NotFound,
    /// Nothing is stored for the VaultSecret yet.
    NothingStored,
    /// The revision is not kept.
    UnknownRevision,
    /// The VaultSecret's source is not a sealed payload.
    NotSealed,
    /// The VaultSecret's payload does not open.
    SealedInvalid,
    /// `spec.suspend` of the VaultSecret forbids to change its content.
    Suspended,
    /// Somebody else changed the content meanwhile.
    Conflict,
    /// A stored row was changed, moved or removed.
    Tampered,
    /// A store holds an older revision than the VaultSecret's status.
    RolledBack,
    /// The answer does not fit into an object.
    TooLarge,
    /// This version does not do that.
    NotSupported,
    /// It was not answered in time.
    Expired,
}

/// What an [`Outcome`] means for a person who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Wait.
    Open,
    /// It was done.
    Done,
    /// It will not be done.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 19] = [
        Self::Done,
        Self::Progressing,
        Self::Unavailable,
        Self::NotStamped,
        Self::Denied,
        Self::WrongNamespace,
        Self::Invalid,
        Self::NotFound,
        Self::NothingStored,
        Self::UnknownRevision,
        Self::NotSealed,
        Self::SealedInvalid,
        Self::Suspended,
        Self::Conflict,
        Self::Tampered,
        Self::RolledBack,
        Self::TooLarge,
        Self::NotSupported,
        Self::Expired,
    ];

    /// As it stands in conditions, events, metrics and the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Progressing => "Progressing",
            Self::Unavailable => "Unavailable",
            Self::NotStamped => "NotStamped",
            Self::Denied => "Denied",
            Self::WrongNamespace => "WrongNamespace",
            Self::Invalid => "Invalid",
            Self::NotFound => "NotFound",
            Self::NothingStored => "NothingStored",
            Self::UnknownRevision => "UnknownRevision",
            Self::NotSealed => "NotSealed",
            Self::SealedInvalid => "SealedInvalid",
            Self::Suspended => "Suspended",
            Self::Conflict => "Conflict",
            Self::Tampered => "Tampered",
            Self::RolledBack => "RolledBack",
            Self::TooLarge => "TooLarge",
            Self::NotSupported => "NotSupported",
            Self::Expired => "Expired",
        }
    }

    /// What it means for a person who waits.
    #[must_use]
    pub const fn standing(self) -> Standing {
        match self {
            Self::Done => Standing::Done,
            Self::Progressing | Self::Unavailable => Standing::Open,
            Self::NotStamped
            | Self::Denied
            | Self::WrongNamespace
            | Self::Invalid
            | Self::NotFound
            | Self::NothingStored
            | Self::UnknownRevision
            | Self::NotSealed
            | Self::SealedInvalid
            | Self::Suspended
            | Self::Conflict
            | Self::Tampered
            | Self::RolledBack
            | Self::TooLarge
            | Self::NotSupported
            | Self::Expired => Standing::Failed,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
