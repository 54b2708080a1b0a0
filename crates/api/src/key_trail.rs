//! The answer to an AuditKeys request: the log of key events, and whether it is whole.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};

/// The log of key events. It is sealed to the request's public key, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyTrail {
    /// The first event whose MAC does not follow from the one before; absent when all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<u64>,
    /// Seconds that a key may seal at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling_seconds: Option<u64>,
    /// When the operator answered.
    pub time: Time,
    /// The events, in their order; none when the log is broken.
    pub events: Vec<TrailEvent>,
}

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrailEvent {
    /// Its number, from 1, without gaps.
    pub sequence: u64,
    /// When.
    pub time: Time,
    /// The key's ring: `names`, `values`, `sealing`, `mac`.
    pub ring: String,
    /// The key's id.
    #[serde(rename = "keyID")]
    pub key_id: String,
    /// What happened: `created`, `activated`, `retired`, `drained`, `destroyed`, `rewrapped`, `escrowed`.
    pub event: String,
    /// Why.
    pub cause: String,
}
