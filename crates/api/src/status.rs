//! What the operator says about a VaultSecret.

#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema repeats each struct, with its `pub`, in a function"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What the operator says about a VaultSecret. Holds no name and no value of a variable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultSecretStatus {
    /// The generation of the spec that the rest of the status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// The revision of the content; it goes up by one when the content changes, and at no other time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub revision: Option<i64>,
    /// The earlier revision whose content this one has, when it came by a rollback: content and source differ then, until
    /// the source changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub restored_from: Option<i64>,
    /// A keyed digest (hex) of the content: the same as long as the content is, and of no use to anybody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub digest: Option<String>,
    /// How many variables there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub entries: Option<i64>,
    /// The Kubernetes Secret that is, or may be, there because of `spec.output`; it is removed under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub output_secret_name: Option<String>,
    /// With `onChange: Restart`, the revision for which the workloads that use the object were restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub restarted_revision: Option<i64>,
    /// Earlier revisions that are kept, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub history: Vec<HistoryEntry>,
}

/// An earlier revision that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The revision.
    #[schemars(range(min = 0))]
    pub revision: i64,
    /// How many variables it has.
    #[schemars(range(min = 0))]
    pub entries: i64,
}
