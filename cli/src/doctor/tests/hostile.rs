//! What a cluster may say.

use serde_json::{Value, json};

use super::*;
use crate::doctor::finding::{json as as_json, text};

#[test]
fn what_a_cluster_says_cannot_forge_a_line_or_move_a_cursor() {
    let findings = found(|e| {
        e.pod["spec"]["containers"][0]["name"] = json!(HOSTILE);
        e.log = Looked::Found(HOSTILE.to_owned());
    });
    let printed = text("shop", "web-1", &findings);
    assert!(
        !printed.contains('\u{1b}') && !printed.lines().any(|line| line.starts_with("forged")),
        "{printed}"
    );
    let read: Value = serde_json::from_str(&as_json("shop", "web-1", &findings)).unwrap();
    assert_eq!(read["findings"].as_array().unwrap().len(), findings.len());
}

#[test]
fn no_pod_makes_it_panic() {
    for pod in [
        Value::Null,
        json!({}),
        json!([]),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": 7}}}),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": "web", "splitvault.dev/injected": "1"}},
            "spec": {"initContainers": {"a": 1}, "containers": [7, null, {"name": []}]}, "status": 3}),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": "web", "splitvault.dev/injected": "1"}},
            "spec": {"initContainers": [{"name": "splitvault"}], "containers": [7, null, {"name": [], "env": 1, "command": "x"}]},
            "status": {"initContainerStatuses": [{"name": "splitvault", "state": []}], "containerStatuses": "x"}}),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": "a,".repeat(100_000)}}}),
    ] {
        let findings = found(|e| e.pod = pod);
        assert!(!findings.is_empty());
    }
}
