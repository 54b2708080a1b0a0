//! What of our volumes a container sees. From the pod as received: k8s-openapi does not know `fileKeyRef` (KEP-3721).

use serde_json::Value;

/// A pod's containers, init containers first.
pub(super) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| items(&pod["spec"], list))
}

/// Whether it sees the volume, either way.
pub(super) fn sees(container: &Value, volume: &str) -> bool {
    mounts(container, volume) || reads(container, volume)
}

pub(super) fn mounts(container: &Value, volume: &str) -> bool {
    items(container, "volumeMounts").any(|mount| mount["name"] == volume)
}

/// Whether kubelet sets a variable of it from a file of the volume, which takes no mount.
pub(super) fn reads(container: &Value, volume: &str) -> bool {
    items(container, "env").any(|variable| is_from(variable, volume))
}

pub(super) fn is_from(variable: &Value, volume: &str) -> bool {
    variable["valueFrom"]["fileKeyRef"]["volumeName"] == volume
}

pub(super) fn items<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    object[field].as_array().into_iter().flatten()
}
