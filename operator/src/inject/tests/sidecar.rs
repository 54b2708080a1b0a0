//! The injected container and its volumes.

use serde_json::{Value, json};

use crate::inject::Names;
use crate::inject::fixture::*;

fn sidecar(pod: &Value, names: &Names) -> Value {
    admitted(pod, names)["spec"]["initContainers"][0].clone()
}

fn variable(container: &Value, name: &str) -> Value {
    named(&container["env"], name)["value"].clone()
}

#[test]
fn it_is_a_native_sidecar_that_comes_first_and_holds_back_what_follows() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["initContainers"] = json!([{"name": "own", "image": "i", "command": ["c"]}]);
    let got = admitted(&pod, &Names::Hidden);
    let container = &got["spec"]["initContainers"][0];
    assert_eq!(container["name"], "splitvault");
    assert_eq!(container["restartPolicy"], "Always");
    assert_eq!(
        container["lifecycle"]["postStart"]["exec"]["command"],
        json!(["/splitvault-sidecar", "wait"])
    );
    assert_eq!(container["startupProbe"], Value::Null);
    assert_eq!(got["spec"]["initContainers"][1]["name"], "own");
}

#[test]
fn it_passes_the_restricted_standard_and_asks_for_little() {
    let container = sidecar(&pod(json!([app()])), &Names::Hidden);
    assert_eq!(
        container["securityContext"],
        json!({
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "privileged": false,
            "readOnlyRootFilesystem": true, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"},
        })
    );
    assert_eq!(
        container["resources"],
        json!({"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "32Mi"}})
    );
}

#[test]
fn it_is_told_what_to_ask_for_and_where() {
    let pod = annotated(
        annotated(pod(json!([app()])), "inject", "web, db"),
        "refresh",
        "5m",
    );
    let container = sidecar(&pod, &Names::Hidden);
    for (name, value) in [
        (
            "SPLITVAULT_OPERATOR",
            "https://splitvault-operator.splitvault-system.svc:8443",
        ),
        ("SPLITVAULT_CA", "PEM"),
        ("SPLITVAULT_VAULTSECRETS", "web,db"),
        ("SPLITVAULT_MODE", "env"),
        ("SPLITVAULT_REFRESH", "300"),
        ("SPLITVAULT_FILE_MODE", "0444"),
        ("SPLITVAULT_LOG", "info"),
    ] {
        assert_eq!(variable(&container, name), value, "{name}");
    }
    for (name, path) in [("UID", "uid"), ("NAME", "name"), ("NAMESPACE", "namespace")] {
        let entry = named(&container["env"], &format!("SPLITVAULT_POD_{name}"));
        assert_eq!(
            entry["valueFrom"]["fieldRef"]["fieldPath"],
            format!("metadata.{path}")
        );
    }
    assert_eq!(variable(&container, "SPLITVAULT_KUBELET"), Value::Null);
    let kubelet = sidecar(&pod, &exposed(&["A"]));
    assert_eq!(variable(&kubelet, "SPLITVAULT_KUBELET"), "1");
    let file = sidecar(&annotated(pod, "mode", "file"), &Names::Hidden);
    assert_eq!(variable(&file, "SPLITVAULT_MODE"), "file");
}

#[test]
fn its_volumes_are_memory_and_its_token_is_of_no_use_elsewhere() {
    let volumes = |names: &Names| admitted(&pod(json!([app()])), names)["spec"]["volumes"].clone();
    let token = json!({"name": "splitvault-token", "projected": {"sources": [
        {"serviceAccountToken": {"audience": "splitvault", "expirationSeconds": 600, "path": "token"}}]}});
    let memory =
        |name: &str, limit: &str| json!({"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": limit}});
    let (env, bin) = (memory("splitvault-env", "8Mi"), memory("splitvault-bin", "16Mi"));
    assert_eq!(volumes(&Names::Hidden), json!([env, bin, token]));
    assert_eq!(
        volumes(&exposed(&["A"])),
        json!([env, token]),
        "no binary where none is started"
    );
}

#[test]
fn it_mounts_what_it_writes_and_its_token() {
    let mounts = |names: &Names| sidecar(&pod(json!([app()])), names)["volumeMounts"].clone();
    let env = json!({"name": "splitvault-env", "mountPath": "/run/splitvault"});
    let token =
        json!({"name": "splitvault-token", "mountPath": "/var/run/secrets/splitvault", "readOnly": true});
    let bin = json!({"name": "splitvault-bin", "mountPath": "/splitvault"});
    assert_eq!(mounts(&Names::Hidden), json!([env, token, bin]));
    assert_eq!(mounts(&exposed(&["A"])), json!([env, token]));
}

#[test]
fn volumes_and_mounts_of_the_pod_stay_in_front() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    let got = admitted(&pod, &Names::Hidden);
    assert_eq!(got["spec"]["volumes"][0]["name"], "data");
    assert_eq!(got["spec"]["volumes"].as_array().unwrap().len(), 4);
    assert_eq!(got["spec"]["containers"][0]["volumeMounts"][0]["name"], "data");
}

#[test]
fn without_refresh_it_is_a_plain_init_container() {
    let container = sidecar(
        &annotated(pod(json!([app()])), "refresh", "false"),
        &Names::Hidden,
    );
    for field in ["restartPolicy", "lifecycle", "startupProbe"] {
        assert_eq!(container[field], Value::Null, "{field}");
    }
    assert_eq!(variable(&container, "SPLITVAULT_REFRESH"), "0");
}

#[test]
fn without_environment_files_a_startup_probe_is_the_gate() {
    let pod = pod(json!([app()]));
    let got = patched(&pod, &plan(&pod, &exposed(&["A"]), false).unwrap());
    let probe = &got["spec"]["initContainers"][0]["startupProbe"];
    assert_eq!(probe["exec"]["command"], json!(["/splitvault-sidecar", "ready"]));
    assert_eq!(got["spec"]["containers"][0]["command"][1], "exec");
    assert!(!got.to_string().contains("fileKeyRef"));
}

#[test]
fn files_are_for_their_readers_alone_when_their_uid_is_known() {
    let identity = |pod: &Value| {
        let container = sidecar(pod, &Names::Hidden);
        (
            variable(&container, "SPLITVAULT_FILE_MODE"),
            container["securityContext"]["runAsUser"].clone(),
        )
    };
    let second = json!({"name": "second", "image": "i", "command": ["c"]});
    let base = pod(json!([app(), second]));
    let with = |pod: Option<i64>, first: Option<i64>, second: Option<i64>| {
        let mut changed = base.clone();
        for (uid, place) in [
            (pod, "/spec"),
            (first, "/spec/containers/0"),
            (second, "/spec/containers/1"),
        ] {
            if let Some(uid) = uid {
                changed.pointer_mut(place).unwrap()["securityContext"] = json!({"runAsUser": uid});
            }
        }
        changed
    };
    let cases = [
        (with(None, None, None), ("0444", Value::Null)),
        (with(Some(1000), None, None), ("0400", json!(1000))),
        (with(None, Some(7), Some(7)), ("0400", json!(7))),
        (with(Some(1000), None, Some(7)), ("0444", Value::Null)),
        (with(None, Some(7), None), ("0444", Value::Null)),
        (with(Some(0), None, None), ("0444", json!(65532))),
        (with(Some(0), Some(7), Some(7)), ("0400", json!(7))),
    ];
    for (pod, (mode, uid)) in cases {
        assert_eq!(identity(&pod), (json!(mode), uid), "{pod}");
    }
    let asked = annotated(with(Some(1000), None, None), "file-mode", "0440");
    assert_eq!(identity(&asked), (json!("0440"), json!(1000)));
    let kubelet = sidecar(&base, &exposed(&["A"]));
    assert_eq!(
        variable(&kubelet, "SPLITVAULT_FILE_MODE"),
        "0400",
        "kubelet reads as root"
    );
}

#[test]
fn a_guaranteed_pod_stays_guaranteed() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["containers"][0]["resources"] =
        json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}});
    let resources = sidecar(&pod, &Names::Hidden)["resources"].clone();
    assert_eq!(resources["limits"], resources["requests"]);
    pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("500m");
    assert_eq!(
        sidecar(&pod, &Names::Hidden)["resources"]["limits"]["cpu"],
        Value::Null
    );
}
