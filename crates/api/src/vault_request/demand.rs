//! From what a person wrote to what is to be done and who may have it done: the one conversion of webhook,
//! controller and CLI.

use crate::{Action, RingName, VaultRequestSpec};

/// What the permission to do something to the installation's keys is about: a resource that exists in RBAC only.
pub const MASTER_KEYS: &str = "masterkeys";

/// Something to be done, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Answer the variables.
    Reveal {
        /// Of this VaultSecret.
        vault_secret: String,
        /// Of this revision, else of the current one.
        revision: Option<u64>,
        /// Sealed to this key, in its text form.
        public_key: String,
    },
    /// Encrypt anew.
    Rotate {
        /// This VaultSecret.
        vault_secret: String,
    },
    /// Go back.
    Rollback {
        /// This VaultSecret.
        vault_secret: String,
        /// To this revision.
        revision: u64,
    },
    /// Seal the payload to the newest key.
    Reseal {
        /// Of this VaultSecret.
        vault_secret: String,
    },
    /// Rotate master keys.
    RotateMasterKey(RingName),
    /// Make another key pair to seal to.
    RotateSealingKey,
    /// Make another certificate authority.
    RotateCertificateAuthority,
    /// Wrap the master keys anew.
    Rewrap,
    /// Answer the key log.
    AuditKeys {
        /// Sealed to this key, in its text form.
        public_key: String,
    },
    /// Remove what cannot be opened and whose VaultSecret is gone.
    Prune {
        /// Only say what would be removed.
        dry_run: bool,
    },
}

/// What RBAC must allow in group `splitvault.dev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission<'a> {
    /// The verb.
    pub verb: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// The object's name; `None` is any.
    pub name: Option<&'a str>,
}

/// Why a spec asks for nothing that can be done: what the schema's rules refuse as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DemandError {
    /// A field that the action needs is not there.
    #[error("{} needs spec.{field}", action.as_str())]
    Missing {
        /// The action.
        action: Action,
        /// The field, below `spec`.
        field: &'static str,
    },
    /// A number that the schema does not let through.
    #[error("spec.{field} is out of range")]
    OutOfRange {
        /// The field, below `spec`.
        field: &'static str,
    },
}

impl TryFrom<&VaultRequestSpec> for Demand {
    type Error = DemandError;

    fn try_from(spec: &VaultRequestSpec) -> Result<Self, DemandError> {
        let action = spec.action;
        let missing = |field| DemandError::Missing { action, field };
        let vault_secret = || spec.vault_secret_name.clone().ok_or(missing("vaultSecretName"));
        let public_key = || spec.public_key.clone().ok_or(missing("publicKey"));
        let number = |revision: i64| match u64::try_from(revision) {
            Ok(revision @ 1..) => Ok(revision),
            _ => Err(DemandError::OutOfRange { field: "revision" }),
        };
        if spec.ttl_seconds.is_some_and(|ttl| !(1..=3600).contains(&ttl)) {
            return Err(DemandError::OutOfRange { field: "ttlSeconds" });
        }
        Ok(match action {
            Action::Reveal => Self::Reveal {
                vault_secret: vault_secret()?,
                revision: spec.revision.map(number).transpose()?,
                public_key: public_key()?,
            },
            Action::Rotate => Self::Rotate {
                vault_secret: vault_secret()?,
            },
            Action::Rollback => Self::Rollback {
                vault_secret: vault_secret()?,
                revision: number(spec.revision.ok_or(missing("revision"))?)?,
            },
            Action::Reseal => Self::Reseal {
                vault_secret: vault_secret()?,
            },
            Action::RotateMasterKey => Self::RotateMasterKey(spec.ring.ok_or(missing("ring"))?),
            Action::RotateSealingKey => Self::RotateSealingKey,
            Action::RotateCertificateAuthority => Self::RotateCertificateAuthority,
            Action::Rewrap => Self::Rewrap,
            Action::AuditKeys => Self::AuditKeys {
                public_key: public_key()?,
            },
            Action::Prune => Self::Prune {
                dry_run: spec.dry_run == Some(true),
            },
        })
    }
}

impl Demand {
    /// The VaultSecret that it is about, if it is about one.
    #[must_use]
    pub fn vault_secret(&self) -> Option<&str> {
        match self {
            Self::Reveal { vault_secret, .. }
            | Self::Rotate { vault_secret }
            | Self::Rollback { vault_secret, .. }
            | Self::Reseal { vault_secret } => Some(vault_secret),
            Self::RotateMasterKey(_)
            | Self::RotateSealingKey
            | Self::RotateCertificateAuthority
            | Self::Rewrap
            | Self::AuditKeys { .. }
            | Self::Prune { .. } => None,
        }
    }

    /// What whoever asks must be allowed to do. A resealed payload opens nowhere else and tells no more than the one in the
    /// object: whoever may read the object may have it.
    #[must_use]
    pub fn permission(&self) -> Permission<'_> {
        let vault_secrets = |verb| (verb, "vaultsecrets");
        let (verb, resource) = match self {
            Self::Reveal { .. } => vault_secrets("reveal"),
            Self::Rotate { .. } => vault_secrets("rotate"),
            Self::Rollback { .. } => vault_secrets("rollback"),
            Self::Reseal { .. } => vault_secrets("get"),
            Self::RotateMasterKey(_) | Self::RotateSealingKey | Self::RotateCertificateAuthority => {
                ("rotate", MASTER_KEYS)
            }
            Self::Rewrap => ("rewrap", MASTER_KEYS),
            Self::AuditKeys { .. } => ("audit", MASTER_KEYS),
            Self::Prune { .. } => ("prune", MASTER_KEYS),
        };
        Permission {
            verb,
            resource,
            name: self.vault_secret(),
        }
    }
}
