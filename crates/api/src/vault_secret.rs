//! The VaultSecret as a person writes it.
//!
//! Every rule that the API server can hold is in the schema. Nothing has a default there: what is absent stays
//! absent in the object, and the accessors say what absence means.

#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema repeats each struct, with its `pub`, in a function"
)]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Access, Asker, VaultSecretStatus};

/// An environment whose names and values the operator keeps apart, each encrypted under a key of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "splitvault.dev",
    version = "v1alpha1",
    kind = "VaultSecret",
    plural = "vaultsecrets",
    shortname = "vs",
    category = "splitvault",
    namespaced,
    status = "VaultSecretStatus",
    derive = "PartialEq",
    doc = "An environment whose names and values are encrypted under different keys and kept in two separate stores.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Revision","type":"integer","jsonPath":".status.revision"}"#,
    printcolumn = r#"{"name":"Entries","type":"integer","jsonPath":".status.entries"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.source) || (has(self.generate) && size(self.generate) > 0)")
    .message("give a source (sealed or secretRef), or variables to generate, or both").reason(Reason::FieldValueRequired))]
pub struct VaultSecretSpec {
    /// Where the variables come from. May be absent when `generate` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Variables that the operator fills with random values, once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub generate: Vec<Generate>,
    /// Whether names of variables may stand in pod specs, which kubelet-native variables need. Absent: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose_names: Option<bool>,
    /// Who may have the variables. Absent: every pod of the namespace, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// What happens to the workloads that use it when the content changes. Absent: None.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_change: Option<OnChange>,
    /// How many earlier revisions are kept. Absent: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub history_limit: Option<i32>,
    /// A Kubernetes Secret that is maintained as well, in clear. An administrator allows it for the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// What becomes of the stored content when the object is deleted. Absent: Delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Leaves the stored content as it is until this is false again. Absent: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

impl VaultSecretSpec {
    /// Whether names of variables may stand in pod specs.
    #[must_use]
    pub fn exposes_names(&self) -> bool {
        self.expose_names.unwrap_or(false)
    }

    /// Whether the owner of this VaultSecret, which is in the namespace `home`, lets a pod have the variables. For a
    /// pod of another namespace the installation has to consent too.
    #[must_use]
    pub fn allows(&self, home: &str, asker: &Asker<'_>) -> bool {
        match &self.access {
            Some(access) => access.allows(home, asker),
            None => asker.namespace == home,
        }
    }
}

/// Where the variables come from: one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.sealed) != has(self.secretRef)")
    .message("give exactly one of sealed and secretRef"))]
pub struct Source {
    /// A payload that `splitvault seal` made; safe in Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
    /// A Secret of the same namespace, followed when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

/// A payload that `splitvault seal` made, for one namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Sealed {
    /// The sealing key that it is sealed to: 16 hexadecimal digits.
    #[serde(rename = "keyID")]
    #[schemars(length(min = 16, max = 16), regex(pattern = r"^[0-9a-f]{16}$"))]
    pub key_id: String,
    /// The sealed bytes in base64.
    #[schemars(length(min = 1, max = 1_500_000))]
    pub payload: String,
}

/// A Secret of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct SecretRef {
    /// The Secret's name.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: String,
}

/// A variable that the operator fills with a random value, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Generate {
    /// The variable's name. It stands here in clear.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,
    /// How many characters. Absent: 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8, max = 1024))]
    pub length: Option<i32>,
    /// Which characters. Absent: base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alphabet: Option<Alphabet>,
}

impl Generate {
    /// How many characters.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
            .map_or(32, |length| usize::try_from(length).unwrap_or(0))
    }

    /// Which characters.
    #[must_use]
    pub fn alphabet(&self) -> Alphabet {
        self.alphabet.unwrap_or_default()
    }
}

/// The characters of a generated value. Absent: base64url.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// Letters, digits, `-` and `_` (RFC 4648 §5): 6 bits a character.
    #[default]
    Base64Url,
    /// `0` to `9` and `a` to `f`: 4 bits a character.
    Hex,
    /// Letters and digits: some 5.95 bits a character.
    Alphanumeric,
}

impl Alphabet {
    /// Its characters, each once.
    #[must_use]
    pub const fn characters(self) -> &'static [u8] {
        match self {
            Self::Base64Url => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
            Self::Hex => b"0123456789abcdef",
            Self::Alphanumeric => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        }
    }
}

/// What happens to the workloads that use a VaultSecret when its content changes. Absent: None.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnChange {
    /// Files are refreshed; processes keep what they started with.
    #[default]
    None,
    /// A rolling restart of Deployments, StatefulSets, DaemonSets and Argo Rollouts, once for each change.
    Restart,
}

/// What becomes of the stored content when a VaultSecret is deleted. Absent: Delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// It is removed from both stores.
    #[default]
    Delete,
    /// It stays, encrypted, in both stores.
    Retain,
}

/// A Kubernetes Secret that is maintained as well. It belongs to the VaultSecret and goes with it; a Secret of that name
/// that does not is never touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The Secret's name.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub secret_name: String,
}
