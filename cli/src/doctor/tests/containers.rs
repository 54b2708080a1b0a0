//! Which container got the variables, which way.

use serde_json::json;

use super::*;

#[test]
fn each_container_says_which_way() {
    let findings = found(|e| {
        let from = |name: &str| json!({"name": name, "valueFrom": {"fileKeyRef": {"volumeName": "splitvault-env", "key": name}}});
        e.pod["spec"]["containers"] = json!([
            {"name": "kubelet", "env": [from("SPLITVAULT_REVISION"), from("A"), from("B"), {"name": "C", "value": "1"}]},
            {"name": "exec", "command": ["/splitvault/splitvault-sidecar", "exec", "--", "x"]},
            {"name": "late"},
        ]);
        e.pod["spec"]["initContainers"] = json!([{"name": "splitvault"}, {"name": "setup"}]);
    });
    assert!(said(&findings, Level::Well, "container kubelet")[0].ends_with("by kubelet: 2"));
    assert!(said(&findings, Level::Well, "container exec")[0].contains("exec"));
    assert_eq!(said(&findings, Level::Wrong, "container late").len(), 1);
    assert!(said(&findings, Level::Note, "container setup")[0].contains("init container"));
    let findings = found(|e| {
        annotate(
            e,
            json!({"splitvault.dev/inject": "web", "splitvault.dev/injected": "0.1.0",
            "splitvault.dev/mode": "file", "splitvault.dev/containers": "app,gone"}),
        );
        e.pod["spec"]["containers"] = json!([
            {"name": "app", "volumeMounts": [{"name": "splitvault-env", "mountPath": "/run/splitvault"}]},
            {"name": "proxy"},
        ]);
    });
    assert!(said(&findings, Level::Well, "container app")[0].contains("a file, /run/splitvault/.env"));
    assert!(said(&findings, Level::Note, "container proxy")[0].contains("does not name it"));
    assert!(said(&findings, Level::Wrong, "container gone")[0].contains("no such container"));
}
