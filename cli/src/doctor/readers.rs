//! Whether a container may read the files, as far as that can be told: by the UIDs of the pod's spec, and where that has
//! none by those that kubelet tells. Pure.

use serde_json::Value;
use splitvault_api::annotations;

use super::containers::status;
use super::marker;

/// Only the owner reads.
const OWNER_ONLY: &str = "0400";

/// Why a container that reads the files itself certainly may not; nothing when it may, and when that cannot be told.
pub(super) fn refused(pod: &Value, container: &Value) -> Option<String> {
    marker::setting(pod, marker::FILE_MODE).filter(|mode| *mode == OWNER_ONLY)?;
    let own = uid(pod, marker::sidecar(pod)?)?;
    // Root reads everything, unless its capabilities were taken away.
    let reader = uid(pod, container).filter(|reader| *reader != own && *reader != 0)?;
    Some(format!(
        "runs as UID {reader} and cannot read its variables, as the files are of UID {own}, the sidecar's, with \
         {}: {OWNER_ONLY}. In the pod template, set runAsUser to the same for all containers that get variables; or that \
         annotation to 0440, with an fsGroup, or to 0444",
        annotations::FILE_MODE
    ))
}

fn uid(pod: &Value, container: &Value) -> Option<i64> {
    let of = |holder: &Value| holder["securityContext"]["runAsUser"].as_i64();
    of(container)
        .or_else(|| of(&pod["spec"]))
        .or_else(|| status(pod, container)?["user"]["linux"]["uid"].as_i64())
}
