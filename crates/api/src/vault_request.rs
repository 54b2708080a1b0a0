//! The VaultRequest as a person or a CI job writes it: something to be done once, in the manner of a
//! CertificateSigningRequest. What is asked for never changes; who asked is written by the webhook alone.

#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema repeats each struct, with its `pub`, in a function"
)]

mod demand;
mod outcome;
mod requester;
mod status;

use std::time::Duration;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use demand::{Demand, DemandError, MASTER_KEYS, Permission};
pub use outcome::{Outcome, Standing};
pub use requester::{Extra, Requester};
pub use status::{Begun, COMPLETE, FAILED, Progress, VaultRequestStatus, request_conditions};

/// How long an answered request stays when nothing else is said.
const TTL: Duration = Duration::from_secs(60);

/// Something to be done once, by whoever may have it done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "splitvault.dev",
    version = "v1alpha1",
    kind = "VaultRequest",
    plural = "vaultrequests",
    shortname = "vr",
    category = "splitvault",
    namespaced,
    status = "VaultRequestStatus",
    derive = "PartialEq",
    doc = "Something to be done once with a VaultSecret or with the installation's keys; deleted a while after it is answered.",
    printcolumn = r#"{"name":"Action","type":"string","jsonPath":".spec.action"}"#,
    printcolumn = r#"{"name":"VaultSecret","type":"string","jsonPath":".spec.vaultSecretName"}"#,
    printcolumn = r#"{"name":"Requester","type":"string","jsonPath":".spec.requester.username"}"#,
    printcolumn = r#"{"name":"Complete","type":"string","jsonPath":".status.conditions[?(@.type==\"Complete\")].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Complete\")].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self == oldSelf")
        .message("what was asked for cannot be changed: delete this VaultRequest and create another"),
    validation = Rule::new("has(self.vaultSecretName) == (self.action in ['Reveal', 'Rotate', 'Rollback', 'Reseal'])")
        .message("Reveal, Rotate, Rollback and Reseal need vaultSecretName, and no other action takes it"),
    validation = Rule::new("!has(self.revision) || self.action in ['Reveal', 'Rollback']")
        .message("only Reveal and Rollback take a revision"),
    validation = Rule::new("self.action != 'Rollback' || has(self.revision)")
        .message("Rollback needs the revision to go back to"),
    validation = Rule::new("has(self.ring) == (self.action == 'RotateMasterKey')")
        .message("RotateMasterKey needs a ring, and no other action takes it"),
    validation = Rule::new("has(self.publicKey) == (self.action in ['Reveal', 'AuditKeys'])")
        .message("Reveal and AuditKeys need the public key that the answer is sealed to, and no other action takes it"),
    validation = Rule::new("!has(self.dryRun) || self.action == 'Prune'")
        .message("only Prune takes dryRun"),
)]
pub struct VaultRequestSpec {
    /// What is to be done.
    pub action: Action,
    /// The VaultSecret of the same namespace that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub vault_secret_name: Option<String>,
    /// Rollback: the revision to go back to. Reveal: the one to show. Absent: the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))]
    pub revision: Option<i64>,
    /// RotateMasterKey: which master keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<RingName>,
    /// Reveal, AuditKeys: an X25519 key made for this request alone, in its text form; the answer is sealed to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^splitvault-sealing-v1:x25519:[A-Za-z0-9+/]{43}=$")
    )]
    pub public_key: Option<String>,
    /// Prune: say what would be removed, and remove nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// How many seconds the request stays once it is answered. Absent: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub ttl_seconds: Option<i32>,
    /// Who asked. Written by the webhook; whatever else stands here is overwritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Requester>,
}

impl VaultRequestSpec {
    /// One without anything but its action.
    #[must_use]
    pub const fn of(action: Action) -> Self {
        Self {
            action,
            vault_secret_name: None,
            revision: None,
            ring: None,
            public_key: None,
            dry_run: None,
            ttl_seconds: None,
            requester: None,
        }
    }

    /// How long the request stays once it is answered.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        let seconds = self.ttl_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        seconds.map_or(TTL, Duration::from_secs)
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Answer the variables of a VaultSecret, sealed to the request's public key.
    Reveal,
    /// Encrypt a VaultSecret and its history anew. Its content and its revision stay.
    Rotate,
    /// Make the content of an older revision the newest one.
    Rollback,
    /// Answer the VaultSecret's own payload, sealed to the newest sealing key.
    Reseal,
    /// Begin the rotation of master keys, and tell how it goes on.
    RotateMasterKey,
    /// Make another key pair to seal to.
    RotateSealingKey,
    /// Make another internal certificate authority.
    RotateCertificateAuthority,
    /// Wrap the master keys under the key-encryption keys of the configured providers.
    Rewrap,
    /// Answer the log of all key events, sealed to the request's public key.
    AuditKeys,
    /// Remove what cannot be opened and whose VaultSecret is gone, so that it keeps no old master key any longer.
    Prune,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 10] = [
        Self::Reveal,
        Self::Rotate,
        Self::Rollback,
        Self::Reseal,
        Self::RotateMasterKey,
        Self::RotateSealingKey,
        Self::RotateCertificateAuthority,
        Self::Rewrap,
        Self::AuditKeys,
        Self::Prune,
    ];

    /// As it stands in a spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reveal => "Reveal",
            Self::Rotate => "Rotate",
            Self::Rollback => "Rollback",
            Self::Reseal => "Reseal",
            Self::RotateMasterKey => "RotateMasterKey",
            Self::RotateSealingKey => "RotateSealingKey",
            Self::RotateCertificateAuthority => "RotateCertificateAuthority",
            Self::Rewrap => "Rewrap",
            Self::AuditKeys => "AuditKeys",
            Self::Prune => "Prune",
        }
    }

    /// Whether it is about the whole installation, and so belongs into the operator's own namespace.
    #[must_use]
    pub const fn is_cluster_wide(self) -> bool {
        match self {
            Self::Reveal | Self::Rotate | Self::Rollback | Self::Reseal => false,
            Self::RotateMasterKey
            | Self::RotateSealingKey
            | Self::RotateCertificateAuthority
            | Self::Rewrap
            | Self::AuditKeys
            | Self::Prune => true,
        }
    }
}

/// Which master keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RingName {
    /// Those that names of variables are encrypted under.
    Names,
    /// Those that values are encrypted under.
    Values,
    /// Both.
    All,
}

impl RingName {
    /// As it stands in a spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Names => "Names",
            Self::Values => "Values",
            Self::All => "All",
        }
    }
}
