//! Containers that may not read the files.

use serde_json::{Value, json};

use super::*;

const ABOUT: &str = "container app";

/// In mode file, with files of this mode; the UIDs of the pod, the sidecar and the container.
fn reading(mode: &str, pod: Value, sidecar: Value, app: Value) -> Evidence {
    evidence(|e| {
        annotate(
            e,
            json!({"splitvault.dev/inject": "web", "splitvault.dev/injected": "0.1.0", "splitvault.dev/mode": "file"}),
        );
        let spec = &mut e.pod["spec"];
        spec["securityContext"]["runAsUser"] = pod;
        spec["initContainers"][0]["env"] = json!([{"name": "SPLITVAULT_FILE_MODE", "value": mode}]);
        spec["initContainers"][0]["securityContext"]["runAsUser"] = sidecar;
        spec["containers"][0] = json!({"name": "app", "securityContext": {"runAsUser": app},
            "volumeMounts": [{"name": "splitvault-env", "mountPath": "/run/splitvault"}]});
    })
}

fn refused(evidence: &Evidence) -> String {
    said(&diagnose(evidence), Level::Wrong, ABOUT).concat()
}

#[test]
fn one_of_another_uid_than_the_files_is_told_how_to_read_them() {
    for (pod, sidecar, app) in [
        (json!(1000), Value::Null, json!(1001)),
        (json!(1000), json!(65532), Value::Null),
        (Value::Null, json!(1000), json!(1001)),
    ] {
        let told = refused(&reading("0400", pod, sidecar, app));
        for part in [
            "cannot read",
            "splitvault.dev/file-mode: 0400",
            "0440",
            "fsGroup",
            "0444",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("has the variables"));
    }
}

#[test]
fn what_is_not_certain_is_not_said() {
    for (mode, pod, sidecar, app) in [
        ("0400", json!(1000), Value::Null, Value::Null),
        ("0400", json!(1000), json!(1001), json!(1001)),
        ("0400", Value::Null, json!(1000), Value::Null),
        ("0400", Value::Null, Value::Null, json!(1000)),
        ("0400", json!(1000), Value::Null, json!("1001")),
        // Root reads everything.
        ("0400", json!(1000), Value::Null, json!(0)),
        ("0440", json!(1000), Value::Null, json!(1001)),
        ("0444", json!(1000), Value::Null, json!(1001)),
        ("", json!(1000), Value::Null, json!(1001)),
    ] {
        let evidence = reading(mode, pod.clone(), sidecar.clone(), app.clone());
        assert_eq!(refused(&evidence), "", "{mode} {pod} {sidecar} {app}");
        assert_eq!(said(&diagnose(&evidence), Level::Well, ABOUT).len(), 1);
    }
}

#[test]
fn where_the_spec_is_silent_kubelet_tells_who_runs() {
    let mut evidence = reading("0400", Value::Null, Value::Null, json!(1001));
    let sidecar = &mut evidence.pod["status"]["initContainerStatuses"][0];
    sidecar["user"] = json!({"linux": {"uid": 65532}});
    assert!(refused(&evidence).contains("of UID 65532"));
}

#[test]
fn kubelet_reads_for_a_container_and_a_command_does_so_itself() {
    let mut evidence = reading("0400", json!(1000), Value::Null, json!(1001));
    evidence.pod["metadata"]["annotations"]["splitvault.dev/mode"] = json!("env");
    let app = &mut evidence.pod["spec"]["containers"][0];
    app["volumeMounts"] = Value::Null;
    app["env"] =
        json!([{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "splitvault-env", "key": "A"}}}]);
    assert_eq!(refused(&evidence), "");
    let app = &mut evidence.pod["spec"]["containers"][0];
    app["command"] = json!(["/splitvault/splitvault-sidecar", "exec", "--", "server"]);
    assert!(refused(&evidence).contains("UID 1001"));
}
