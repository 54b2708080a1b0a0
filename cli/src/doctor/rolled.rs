//! Whether `onChange: Restart` of a VaultSecret reaches a pod. Pure.

use serde_json::Value;

use super::diagnose::{owner, text};

/// What the operator rolls to make the pod anew; `None` where it leaves the pod alone.
pub(super) fn by(pod: &Value) -> Option<&'static str> {
    let owner = owner(pod)?;
    let (group, _) = text(&owner["apiVersion"]).split_once('/')?;
    match (group, text(&owner["kind"])) {
        // What is above it stands in the ReplicaSet, which is not looked at.
        ("apps", "ReplicaSet") => {
            Some("the Deployment or Rollout above the pod's ReplicaSet, if there is one")
        }
        ("apps", "StatefulSet") => Some("the pod's StatefulSet"),
        ("apps", "DaemonSet") => Some("the pod's DaemonSet"),
        ("argoproj.io", "Rollout") => Some("the pod's Rollout"),
        _ => None,
    }
}
