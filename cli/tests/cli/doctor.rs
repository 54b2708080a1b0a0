//! `splitvault doctor`: what it asks a cluster for, what it prints, how it ends.

use serde_json::{Value, json};

use crate::operator::Operator;

const POD: &str = "/api/v1/namespaces/shop/pods/web-1";

fn pod(annotations: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "p-1", "annotations": annotations},
        "spec": {"initContainers": [{"name": "splitvault"}], "containers": [{"name": "app",
            "env": [{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "splitvault-env", "path": "kubelet.env", "key": "A"}}}]}]},
        "status": {"phase": "Running", "initContainerStatuses": [{"name": "splitvault", "state": {"running": {}}}]}})
}

fn injected() -> Value {
    pod(json!({"splitvault.dev/inject": "web", "splitvault.dev/injected": "0.1.0"}))
}

fn status() -> Value {
    json!({"revision": 3, "conditions": [{"type": "Ready", "status": "True", "reason": "Synced", "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
}

#[test]
fn a_pod_that_has_its_variables_is_exit_code_0() {
    let operator = Operator::new()
        .object(POD, injected())
        .secret(json!({"generate": [{"name": "A"}]}), status());
    let output = operator.run(&["doctor", "pod", "web-1"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (0, ""),
        "{}",
        output.stdout
    );
    assert!(output.stdout.contains("by kubelet: 1"), "{}", output.stdout);
    assert!(output.stdout.contains("ready, revision 3"), "{}", output.stdout);
    let asked = operator.asked();
    assert!(
        asked.iter().all(|(method, ..)| method == "GET"),
        "it changes nothing: {asked:?}"
    );
}

#[test]
fn one_that_was_missed_is_exit_code_1_for_programs_as_well() {
    let operator = Operator::new().object(POD, pod(json!({"splitvault.dev/inject": "web"})));
    let output = operator.run(&["doctor", "pod", "web-1", "-n", "shop", "-o", "json"]);
    assert_eq!((output.code, output.stderr.as_str()), (1, ""));
    let read: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&read["pod"], &read["well"]), (&json!("web-1"), &json!(false)));
    let levels: Vec<_> = read["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["level"].as_str().unwrap())
        .collect();
    assert!(levels.contains(&"wrong") && levels.contains(&"ok"), "{levels:?}");
}

#[test]
fn what_may_not_be_read_is_a_finding() {
    let operator = Operator::new()
        .object(POD, injected())
        .secret(json!({"generate": [{"name": "A"}]}), status())
        .forbids("/vaultsecrets/")
        .forbids("/events")
        .forbids("/log");
    let output = operator.run(&["doctor", "pod", "web-1"]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (0, ""),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("VaultSecret web: you may not look at it"),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("next: kubectl auth can-i"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_pod_that_is_not_there_or_may_not_be_read_says_what_next() {
    let output = Operator::new().run(&["doctor", "pod", "web-1"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(
        output.stderr.contains("kubectl -n shop get pods"),
        "{}",
        output.stderr
    );
    let output = Operator::new().forbids("/pods/").run(&["doctor", "pod", "web-1"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("can-i get pods"), "{}", output.stderr);
}
