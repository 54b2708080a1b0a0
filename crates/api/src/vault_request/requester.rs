//! Who asked, as the webhook heard it from the API server. Pure; the MAC's key is the operator's.

#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema repeats each struct, with its `pub`, in a function"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Who asked, and a MAC over this, the rest of the spec, and where the request is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requester {
    /// The user's name, as the API server authenticated it.
    #[schemars(length(min = 1, max = 1024))]
    pub username: String,
    /// The user's UID, where the authenticator knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub uid: Option<String>,
    /// The user's groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub groups: Vec<String>,
    /// What else the authenticator said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub extra: Vec<Extra>,
    /// When the webhook saw the request.
    pub time: Time,
    /// Random, so that no two requests have the same MAC: 32 hexadecimal digits.
    #[schemars(length(min = 32, max = 32), regex(pattern = r"^[0-9a-f]{32}$"))]
    pub nonce: String,
    /// The MAC: 64 hexadecimal digits.
    #[schemars(length(min = 64, max = 64), regex(pattern = r"^[0-9a-f]{64}$"))]
    pub mac: String,
}

/// Something that the authenticator said about a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Extra {
    /// What it is.
    #[schemars(length(min = 1, max = 512))]
    pub key: String,
    /// What was said.
    #[schemars(length(max = 32), inner(length(max = 1024)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub values: Vec<String>,
}
