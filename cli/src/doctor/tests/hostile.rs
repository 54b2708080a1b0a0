//! What a cluster may say.

use serde_json::{Value, json};

use super::*;
use crate::doctor::finding::json as as_json;

/// A change that the application was not told of.
const LOG: &str = "2026-01-02T00:00:03Z splitvault: delivered: web:1\n2026-01-02T00:00:09Z splitvault: delivered: web:2\n\
    2026-01-02T00:00:20Z splitvault: changed variables are in place: POST failed; gave up after 5 tries\n";

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
fn no_more_of_a_line_is_shown_than_the_sidecar_writes() {
    let findings =
        found(|e| e.log = Looked::Found(format!("splitvault: stays at web:1: {}", "é".repeat(9000))));
    let told = said(&findings, Level::Note, "log of container splitvault");
    assert_eq!(told[0].chars().count(), 1012);
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
        json!({"metadata": {"ownerReferences": [7, {"controller": true, "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": []}],
                "annotations": {"splitvault.dev/inject": "web", "splitvault.dev/injected": "1"}},
            "spec": {"initContainers": [{"name": "splitvault", "env": [7, {"name": "SPLITVAULT_ON_CHANGE", "value": "HTTP"}]}],
                "containers": [{"name": [], "command": ["/splitvault/splitvault-sidecar", "exec"]}]},
            "status": {"containerStatuses": [3, {"name": [], "state": {"running": {"startedAt": "-9999-01-01T00:00:00Z"}}}]}}),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": "a,".repeat(100_000)}}}),
    ] {
        let findings = found(|e| {
            e.pod = pod;
            e.log = Looked::Found(LOG.to_owned());
        });
        assert!(!findings.is_empty());
    }
}
