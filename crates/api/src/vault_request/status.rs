//! What the operator says about a VaultRequest.

#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema repeats each struct, with its `pub`, in a function"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::conditions::{RECONCILING, STALLED};
use crate::{Outcome, RingName, Sealed, Standing};

/// True: it was done.
pub const COMPLETE: &str = "Complete";
/// True: it will not be done.
pub const FAILED: &str = "Failed";

/// What the operator says about a VaultRequest. Holds no name and no value of a variable, but sealed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultRequestStatus {
    /// The generation of the spec that the rest of the status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Complete and Failed, as a Job has them; Reconciling and Stalled, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The revision of the content, or the number of the last key event, when the work began; tells after a crash whether it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub base_revision: Option<i64>,
    /// The revision of the content now, or the one that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub revision: Option<i64>,
    /// The keys that were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub begun: Vec<Begun>,
    /// The answer, sealed to the request's public key, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1_500_000))]
    pub answer: Option<String>,
    /// The VaultSecret's payload, sealed to the newest key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Sealed>,
    /// When it was done, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// When the request will be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

impl VaultRequestStatus {
    /// Whether the request is answered, one way or the other.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let over = |condition: &Condition| {
            [COMPLETE, FAILED].contains(&&*condition.type_) && condition.status == "True"
        };
        self.conditions.iter().any(over)
    }
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is done: environments, or revisions of one.
    #[schemars(range(min = 0))]
    pub done: i64,
    /// How many there are.
    #[schemars(range(min = 0))]
    pub total: i64,
    /// What is going on, in one word.
    #[schemars(length(max = 64))]
    pub state: String,
}

/// A key that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Begun {
    /// Its ring.
    pub ring: RingName,
    /// Its id: 16 hexadecimal digits.
    #[serde(rename = "keyID")]
    #[schemars(length(max = 64))]
    pub key_id: String,
}

/// The conditions for `outcome`. Each keeps the time of its last transition from `previous` when its status is the
/// same as there.
#[must_use]
pub fn request_conditions(
    previous: &[Condition],
    outcome: Outcome,
    message: &str,
    generation: Option<i64>,
    now: &Time,
) -> Vec<Condition> {
    let standing = outcome.standing();
    let is = [
        (COMPLETE, standing == Standing::Done),
        (FAILED, standing == Standing::Failed),
        (RECONCILING, standing == Standing::Open),
        (STALLED, standing == Standing::Failed),
    ];
    crate::conditions::build(previous, &is, outcome.as_str(), message, generation, now)
}
