//! What somebody who may make pods tries in order to get a VaultSecret that these pods may not have.

use anyhow::ensure;
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, Workload, eventually};

const CANARY: &str = "canary-3c1f77";

/// A namespace whose VaultSecret `payroll` is for the ServiceAccount `payroll` alone, and `web` for everybody.
fn scene(prefix: &str) -> Namespace {
    let namespace = Namespace::make(prefix).unwrap();
    let payroll = namespace
        .seal(
            "payroll",
            &format!("SALARY={CANARY}\n"),
            &["--service-account", "payroll"],
        )
        .unwrap();
    namespace.apply(&payroll).unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("payroll");
    namespace.ready("web");
    namespace
        .kubectl(&["create", "serviceaccount", "payroll"])
        .unwrap();
    namespace
}

/// What the API server would make of an honest pod: it has the sidecar's image, settings and volumes to copy.
fn injected(namespace: &Namespace) -> Value {
    let workload = Workload::new(Kind::Pod, "honest", "web");
    workload.apply(namespace).unwrap();
    workload.ready(namespace);
    workload.pod(namespace).unwrap()
}

#[test]
fn a_forged_injection_gets_nothing_that_its_service_account_may_not_have() {
    let namespace = scene("forged");
    let honest = injected(&namespace);
    let mut forged = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "forged",
        "labels": {"app": "forged"},
        // The marker and the container are there already, so the webhook leaves the pod as it is.
        "annotations": {"splitvault.dev/inject": "payroll", "splitvault.dev/injected": "0.1.0"},
    }, "spec": honest["spec"]});
    let spec = forged["spec"].as_object_mut().unwrap();
    for field in ["nodeName", "serviceAccount", "serviceAccountName", "tolerations"] {
        spec.remove(field);
    }
    for variable in spec["initContainers"][0]["env"].as_array_mut().unwrap() {
        if variable["name"] == "SPLITVAULT_VAULTSECRETS" {
            variable["value"] = "payroll".into();
        }
    }
    namespace.create(&forged.to_string()).unwrap();
    let seen = eventually("the sidecar is refused", || {
        let logs = namespace.kubectl(&["logs", "forged", "--container", "splitvault"])?;
        ensure!(logs.contains("NotAllowed"), "{logs}");
        Ok(logs)
    });
    assert!(!seen.contains(CANARY));
    let pod = namespace.get("pod", "forged").unwrap();
    let running = &pod["status"]["containerStatuses"][0]["state"]["running"];
    assert!(running.is_null(), "its application does not start");

    // The positive control: the same pod under the ServiceAccount that may.
    forged["metadata"]["name"] = "allowed".into();
    forged["spec"]["serviceAccountName"] = "payroll".into();
    namespace.create(&forged.to_string()).unwrap();
    eventually("the one that may have it starts", || {
        let environ = namespace.kubectl(&[
            "exec",
            "allowed",
            "--container",
            "app",
            "--",
            "cat",
            "/proc/1/environ",
        ])?;
        ensure!(environ.contains(CANARY), "not yet");
        Ok(())
    });
}

#[test]
fn an_annotation_that_is_changed_later_gets_nothing_that_was_not_allowed() {
    let namespace = scene("changed");
    injected(&namespace);
    let more = [
        "annotate",
        "pod",
        "honest",
        "--overwrite",
        "splitvault.dev/inject=web,payroll",
    ];
    namespace.kubectl(&more).unwrap();
    // The sidecar asks for what it was told at admission; a pod that asks for more is refused the more.
    let token = [
        "exec",
        "honest",
        "--container",
        "app",
        "--",
        "sh",
        "-c",
        "cat /proc/1/environ; ls /run/splitvault /var/run/secrets/splitvault 2>&1",
    ];
    let seen = namespace
        .kubectl(&token)
        .unwrap_or_else(|error| error.to_string());
    assert!(!seen.contains(CANARY), "no byte of the other one");
    assert!(
        !seen.contains("splitvault/token"),
        "the application does not have the sidecar's token: {seen}"
    );
}
