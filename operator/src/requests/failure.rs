//! Why a request is not answered: what people are told, and whether it is tried again. Total, without a `_` arm.

use splitvault_api::{DemandError, Outcome, Permission, SpecError};
use splitvault_vault::{ReadError, Reason, RotationError, TrailError, WriteError};

use super::stamp::Unstamped;
use crate::fault::Fault;

/// Why a reconcile did not reach its goal. Carries names of objects and users, never of variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The stamp is not believed.
    #[error("{0}; nothing was done")]
    Unstamped(Unstamped),
    /// Another object had the stamp.
    #[error("the stamp of who asked was taken by another request; nothing was done")]
    StampTaken,
    /// RBAC does not let the requester have that done.
    #[error("{who} may not {verb} {resource} in namespace {namespace}")]
    Denied {
        /// Who.
        who: String,
        /// The verb.
        verb: &'static str,
        /// The resource, with the object's name where it is about one.
        resource: String,
        /// Where.
        namespace: String,
    },
    /// Not in the operator's namespace.
    #[error("this is about the whole installation: ask in namespace {0}")]
    WrongNamespace(String),
    /// The spec asks for nothing that can be done.
    #[error(transparent)]
    Demand(DemandError),
    /// The public key is none that answers are sealed to.
    #[error("spec.publicKey is no X25519 key in its text form; `splitvault` makes one for each request")]
    PublicKey,
    /// There is no such VaultSecret, or it is on its way out.
    #[error("there is no VaultSecret {0} in this namespace")]
    NotFound(String),
    /// Nothing is stored for it.
    #[error("nothing is stored for VaultSecret {0} yet")]
    NothingStored(String),
    /// Not kept.
    #[error("revision {0} is not kept; `splitvault history` shows those that are")]
    UnknownRevision(u64),
    /// Its source is no sealed payload.
    #[error("VaultSecret {0} has no sealed payload")]
    NotSealed(String),
    /// Its payload has no header as it should be.
    #[error(transparent)]
    Payload(SpecError),
    /// Its payload does not open.
    #[error("the payload of VaultSecret {0} does not open; seal it again from the .env")]
    SealedInvalid(String),
    /// Its content is not to be changed.
    #[error("spec.suspend of VaultSecret {0} is set: its content stays as it is; remove it first")]
    Suspended(String),
    /// Its content changed since the request was taken up.
    #[error("the content changed meanwhile, to revision {0}; look at it and ask again")]
    Conflict(u64),
    /// The answer does not fit into an object.
    #[error("the answer does not fit into one object of the API server")]
    TooLarge,
    /// A value has no spelling.
    #[error("a value has no spelling in a .env")]
    Unwritable,
    /// This version does not do that.
    #[error("this version of the operator does not do that yet")]
    NotSupported,
    /// Not answered in time.
    #[error("it was not answered within {minutes} minutes{because}; nothing was done: ask again")]
    Expired {
        /// How long it was tried.
        minutes: i64,
        /// What stood in the way last.
        because: String,
    },
    /// What is stored was changed by someone else.
    #[error("{0}; the VaultSecret's condition says what to do")]
    Tampered(String),
    /// What is stored is older than the VaultSecret's status.
    #[error("{0}; the VaultSecret's condition says what to do")]
    RolledBack(String),
    /// The key database is older than it was.
    #[error(
        "the key database was put back to an older state; the operator's log and docs/recovery.md say what to do"
    )]
    KeysRolledBack,
    /// A store does not do what it is asked; it may soon.
    #[error("{0}; will try again")]
    Store(String),
    /// The API server does not do what it is asked.
    #[error("{0}; will try again")]
    Cluster(Fault),
    /// The answer could not be written.
    #[error("the API server does not take the answer: {0}")]
    Unwritten(Fault),
    /// Another writer was faster, or a fault in this program or the operating system.
    #[error("{0}; will try again")]
    Internal(String),
}

impl Failure {
    /// A permission that is missing.
    pub(super) fn denied(who: &str, permission: Permission<'_>, namespace: &str) -> Self {
        let name = permission.name.map(|name| format!("/{name}")).unwrap_or_default();
        Self::Denied {
            who: who.to_owned(),
            verb: permission.verb,
            resource: format!("{}.splitvault.dev{name}", permission.resource),
            namespace: namespace.to_owned(),
        }
    }

    /// The word for conditions, events, metrics and the audit trail; an open one is tried again.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unstamped(_) | Self::StampTaken => Outcome::NotStamped,
            Self::Denied { .. } => Outcome::Denied,
            Self::WrongNamespace(_) => Outcome::WrongNamespace,
            Self::Demand(_) | Self::PublicKey => Outcome::Invalid,
            Self::NotFound(_) => Outcome::NotFound,
            Self::NothingStored(_) => Outcome::NothingStored,
            Self::UnknownRevision(_) => Outcome::UnknownRevision,
            Self::NotSealed(_) => Outcome::NotSealed,
            Self::Payload(_) | Self::SealedInvalid(_) => Outcome::SealedInvalid,
            Self::Suspended(_) => Outcome::Suspended,
            Self::Conflict(_) => Outcome::Conflict,
            Self::TooLarge | Self::Unwritten(_) => Outcome::TooLarge,
            Self::NotSupported | Self::Unwritable => Outcome::NotSupported,
            Self::Expired { .. } => Outcome::Expired,
            Self::Tampered(_) => Outcome::Tampered,
            Self::RolledBack(_) | Self::KeysRolledBack => Outcome::RolledBack,
            Self::Store(_) | Self::Cluster(_) | Self::Internal(_) => Outcome::Unavailable,
        }
    }

    fn of_vault(reason: Reason, text: String) -> Self {
        match reason {
            Reason::StoreUnavailable | Reason::KekUnavailable => Self::Store(text),
            Reason::Tampered | Reason::UnknownKey => Self::Tampered(text),
            Reason::RolledBack => Self::RolledBack(text),
            Reason::TooLarge => Self::TooLarge,
            // The revision itself is told where the error is at hand.
            Reason::Conflict | Reason::NoSuchRevision | Reason::Internal => Self::Internal(text),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::of_vault(error.reason(), error.to_string())
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        if let WriteError::NoSuchRevision { revision } = error {
            return Self::UnknownRevision(revision);
        }
        Self::of_vault(error.reason(), error.to_string())
    }
}

impl From<RotationError> for Failure {
    fn from(error: RotationError) -> Self {
        if error == RotationError::RolledBack {
            return Self::KeysRolledBack;
        }
        Self::of_vault(error.reason(), error.to_string())
    }
}

impl From<TrailError> for Failure {
    fn from(error: TrailError) -> Self {
        match error {
            TrailError::Keys(_) => Self::Store(error.to_string()),
            TrailError::Broken { .. } => Self::Tampered(error.to_string()),
        }
    }
}
