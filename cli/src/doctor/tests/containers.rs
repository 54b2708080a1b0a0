//! Which container got the variables, which way.

use serde_json::{Value, json};

use super::*;

fn run(evidence: &mut Evidence, names: &[&str]) {
    let status = |name: &&str| json!({"name": name, "state": {"running": {}}});
    evidence.pod["status"]["containerStatuses"] = names.iter().map(status).collect();
}

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
        run(e, &["kubelet", "exec"]);
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
        run(e, &["app", "proxy"]);
    });
    assert!(said(&findings, Level::Well, "container app")[0].contains("a file, /run/splitvault/.env"));
    assert!(said(&findings, Level::Note, "container proxy")[0].contains("does not name it"));
    assert!(said(&findings, Level::Wrong, "container gone")[0].contains("no such container"));
}

#[test]
fn a_container_that_does_not_run_is_not_said_to_have_anything() {
    let crashing = json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}});
    let failed = json!({"state": {"terminated": {"exitCode": 128, "reason": "StartError"}}});
    let waiting = json!({"state": {"waiting": {"reason": "PodInitializing"}}, "lastState": {}});
    for (status, expected) in [
        (waiting, "has not started"),
        (json!({}), "has not started"),
        (crashing, "does not run now"),
        (failed, "does not run now"),
    ] {
        let findings = found(|e| {
            let mut status = status.clone();
            status["name"] = json!("app");
            e.pod["status"]["containerStatuses"] = json!([status]);
        });
        assert_eq!(said(&findings, Level::Well, "container app"), [""; 0], "{status}");
        let told = said(&findings, Level::Note, "container app");
        assert!(told[0].contains(expected) && told[0].contains("exec"), "{told:?}");
    }
    let unknown = found(|e| e.pod["status"]["containerStatuses"] = Value::Null);
    assert_eq!(said(&unknown, Level::Well, "container app"), [""; 0]);
}

#[test]
fn one_that_has_done_its_work_had_them() {
    let findings = found(|e| {
        e.pod["status"]["containerStatuses"][0]["state"] = json!({"terminated": {"exitCode": 0}});
    });
    assert!(is_well(&findings));
    let told = said(&findings, Level::Well, "container app");
    assert!(
        told[0].starts_with("has ended well; it had the variables"),
        "{told:?}"
    );
}
