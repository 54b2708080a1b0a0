//! How often the sidecar was restarted, and why it was the last time. Pure.

use serde_json::Value;

use super::marker;

/// With this code it ends to have kubelet restart all containers of the pod.
const REACTION: i64 = 90;

/// Goes after what the sidecar does; empty when it was never restarted.
pub(super) fn told(pod: &Value, sidecar: &Value) -> String {
    let times = match sidecar["restartCount"].as_i64().unwrap_or(0) {
        ..=0 => return String::new(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    let reacts = marker::setting(pod, marker::ON_CHANGE) == Some("RestartContainers");
    let why = match sidecar["lastState"]["terminated"]["exitCode"].as_i64() {
        None => String::new(),
        Some(0) => {
            " (the last time after it delivered late, or because it was asked to end: code 0)".to_owned()
        }
        Some(REACTION) if reacts => format!(
            " (the last time for changed variables, as splitvault.dev/on-change: RestartContainers asks for: code {REACTION})"
        ),
        Some(code) => format!(" (the last time it ended with {code})"),
    };
    format!(", restarted {times}{why}")
}
