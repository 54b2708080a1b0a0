//! What kubelet says of a pod whose files are not there yet. Pure.

use serde_json::Value;

use super::diagnose::text;

/// Kubelet reads the gate, a file for the environment, before it makes a container: `couldn't parse env file`.
const WORDING: &str = "parse env file";

/// For who reads that.
pub(super) const MEANING: &str = "that is kubelet's wording for files that are not there yet";

/// Whether kubelet speaks of a file for the environment.
pub(super) fn is_about_files(said: &str) -> bool {
    said.contains(WORDING)
}

/// Whether a container waits for such a file.
pub(super) fn waits_for_files(status: &Value) -> bool {
    is_about_files(text(&status["state"]["waiting"]["message"]))
}
