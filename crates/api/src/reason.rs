//! Why a VaultSecret is as it is.

use std::fmt;

/// A closed set, the same in conditions, events and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The content of the source is in both stores.
    Synced,
    /// The operator is at it.
    Progressing,
    /// The Secret that is to be imported does not exist.
    SourceMissing,
    /// The operator may not read the Secret that is to be imported.
    SourceForbidden,
    /// The source holds what is no environment.
    SourceInvalid,
    /// The sealed payload is damaged, or was sealed for another namespace or name.
    SealedInvalid,
    /// The payload is sealed to a key that this installation does not have.
    UnknownSealingKey,
    /// A store does not answer.
    StoreUnavailable,
    /// A stored row was changed, moved or removed.
    Tampered,
    /// A store holds an older revision than the status.
    RolledBack,
    /// The environment is beyond a limit.
    TooLarge,
    /// The operator may not maintain the Secret that is to be written as well.
    OutputForbidden,
    /// There is a Secret of that name which is somebody else's.
    OutputForeign,
    /// The variables do not fit into a Secret.
    OutputInvalid,
    /// `spec.suspend` is set.
    Suspended,
    /// The object is being deleted.
    Deleting,
}

/// What a [`Reason`] means for a person who waits (kstatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing to wait for.
    Ready,
    /// Not ready; heals by itself.
    Reconciling,
    /// Not ready; a person must do something.
    Stalled,
    /// Not ready, by request.
    Paused,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::Synced,
        Self::Progressing,
        Self::SourceMissing,
        Self::SourceForbidden,
        Self::SourceInvalid,
        Self::SealedInvalid,
        Self::UnknownSealingKey,
        Self::StoreUnavailable,
        Self::Tampered,
        Self::RolledBack,
        Self::TooLarge,
        Self::OutputForbidden,
        Self::OutputForeign,
        Self::OutputInvalid,
        Self::Suspended,
        Self::Deleting,
    ];

    /// The reason as it stands in conditions, events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::Progressing => "Progressing",
            Self::SourceMissing => "SourceMissing",
            Self::SourceForbidden => "SourceForbidden",
            Self::SourceInvalid => "SourceInvalid",
            Self::SealedInvalid => "SealedInvalid",
            Self::UnknownSealingKey => "UnknownSealingKey",
            Self::StoreUnavailable => "StoreUnavailable",
            Self::Tampered => "Tampered",
            Self::RolledBack => "RolledBack",
            Self::TooLarge => "TooLarge",
            Self::OutputForbidden => "OutputForbidden",
            Self::OutputForeign => "OutputForeign",
            Self::OutputInvalid => "OutputInvalid",
            Self::Suspended => "Suspended",
            Self::Deleting => "Deleting",
        }
    }

    /// What it means for a person who waits.
    #[must_use]
    pub const fn state(self) -> State {
        match self {
            Self::Synced => State::Ready,
            Self::Progressing | Self::SourceMissing | Self::StoreUnavailable | Self::Deleting => {
                State::Reconciling
            }
            Self::SourceForbidden
            | Self::SourceInvalid
            | Self::SealedInvalid
            | Self::UnknownSealingKey
            | Self::Tampered
            | Self::RolledBack
            | Self::TooLarge
            | Self::OutputForbidden
            | Self::OutputForeign
            | Self::OutputInvalid => State::Stalled,
            Self::Suspended => State::Paused,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
