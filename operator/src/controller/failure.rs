//! Why a VaultSecret is not as it should be: what people are told, and when to look again. Total, without a `_` arm.

use splitvault_api::{Reason, SpecError};

use crate::fault::Fault;

/// Why a reconcile did not reach its goal. Carries names of objects, never of variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The spec cannot be processed.
    #[error(transparent)]
    Spec(SpecError),
    /// There is no Secret of that name.
    #[error("there is no Secret {secret} in this namespace; it is followed as soon as there is one")]
    SourceMissing {
        /// Its name.
        secret: String,
    },
    /// The operator may not read the Secret.
    #[error(
        "the operator may not read Secret {secret}; allow it with: kubectl create role splitvault-source-{secret} \
         -n {namespace} --verb=get --resource=secrets --resource-name={secret} && kubectl create rolebinding \
         splitvault-source-{secret} -n {namespace} --role=splitvault-source-{secret} --serviceaccount={grantee}"
    )]
    SourceForbidden {
        /// Where the Secret is.
        namespace: String,
        /// Its name.
        secret: String,
        /// The operator's ServiceAccount, `NAMESPACE:NAME`.
        grantee: String,
    },
    /// The source was read but is not a set of variables.
    #[error("{0}")]
    SourceInvalid(String),
    /// The sealed payload does not open.
    #[error("{0}")]
    SealedInvalid(&'static str),
    /// The payload was sealed to a key that the operator does not have.
    #[error(
        "sealed to key {key}, which this operator does not have; seal again with the key that it publishes"
    )]
    UnknownSealingKey {
        /// Its id.
        key: String,
    },
    /// More than fits.
    #[error("{0}")]
    TooLarge(String),
    /// The operator may not maintain the Secret.
    #[error(
        "the operator may not maintain Secret {secret}: an administrator allows it by the chart's value output.namespaces, \
         which has to list {namespace} (when it does, a quota or a policy refuses the Secret); or remove spec.output"
    )]
    OutputForbidden {
        /// Where the Secret is to be.
        namespace: String,
        /// Its name.
        secret: String,
    },
    /// There is a Secret of that name which is not the object's.
    #[error(
        "there is a Secret {secret} that does not belong to this object, and it is left as it is: delete it, or give \
         another spec.output.secretName"
    )]
    OutputForeign {
        /// Its name.
        secret: String,
    },
    /// The variables do not fit into a Secret.
    #[error("{0}")]
    OutputInvalid(String),
    /// A store does not do what it is asked; it may soon.
    #[error("{0}; will try again")]
    StoreUnavailable(String),
    /// What is stored was changed by someone else.
    #[error(
        "{0}; nothing is overwritten: restore the databases from a backup, or delete and make this object again"
    )]
    Tampered(String),
    /// What is stored is older than what this object's status remembers.
    #[error("{0}; nothing is overwritten: restore the newer database, or delete and make this object again")]
    RolledBack(String),
    /// The API server does not do what it is asked.
    #[error("{0}; will try again")]
    Cluster(Fault),
    /// Another writer was faster, or a fault in this program or the operating system.
    #[error("{0}; will try again")]
    Internal(String),
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It may heal by itself: soon, and less often the longer it lasts.
    Soon,
    /// At the pace at which a Secret is followed.
    Poll,
    /// Somebody has to do something that may not show in this object: less often the longer it lasts.
    Later,
    /// Only a change of this object helps.
    OnChange,
}

impl Failure {
    /// The reason in conditions, events and metrics.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Spec(error) => error.reason(),
            Self::SourceMissing { .. } => Reason::SourceMissing,
            Self::SourceForbidden { .. } => Reason::SourceForbidden,
            Self::SourceInvalid(_) => Reason::SourceInvalid,
            Self::SealedInvalid(_) => Reason::SealedInvalid,
            Self::UnknownSealingKey { .. } => Reason::UnknownSealingKey,
            Self::TooLarge(_) => Reason::TooLarge,
            Self::OutputForbidden { .. } => Reason::OutputForbidden,
            Self::OutputForeign { .. } => Reason::OutputForeign,
            Self::OutputInvalid(_) => Reason::OutputInvalid,
            Self::StoreUnavailable(_) => Reason::StoreUnavailable,
            Self::Tampered(_) => Reason::Tampered,
            Self::RolledBack(_) => Reason::RolledBack,
            Self::Cluster(_) | Self::Internal(_) => Reason::Progressing,
        }
    }

    /// When to look again; `followed` when the source is a Secret, whose change nothing announces.
    pub fn next(&self, followed: bool) -> Next {
        match self {
            Self::StoreUnavailable(_) | Self::Cluster(_) | Self::Internal(_) => Next::Soon,
            Self::SourceMissing { .. }
            | Self::SourceForbidden { .. }
            | Self::OutputForbidden { .. }
            | Self::OutputForeign { .. } => Next::Poll,
            Self::SourceInvalid(_) | Self::TooLarge(_) if followed => Next::Poll,
            Self::SourceInvalid(_)
            | Self::TooLarge(_)
            | Self::Spec(_)
            | Self::SealedInvalid(_)
            | Self::UnknownSealingKey { .. } => Next::OnChange,
            Self::Tampered(_) | Self::RolledBack(_) | Self::OutputInvalid(_) => Next::Later,
        }
    }
}
