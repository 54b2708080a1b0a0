//! From pods as a cluster has them to findings.

mod access;
mod asks;
mod containers;
mod gate;
mod hostile;
mod lag;
mod marker;
mod reaction;
mod readers;
mod restarts;
mod stuck;
mod waits;

use serde_json::{Value, json};
use splitvault_api::VaultSecret;

use super::diagnose::diagnose;
use super::evidence::{Evidence, Looked, Told};
use super::finding::{Finding, Level, is_well, text};

const HOSTILE: &str = "\u{1b}[2Jnothing\nforged: line";

/// An injected pod that runs, mode env by command.
fn pod() -> Value {
    json!({
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "p-1", "creationTimestamp": "2026-01-02T00:00:00Z",
            "annotations": {"splitvault.dev/inject": "web", "splitvault.dev/injected": "0.1.0"},
            "labels": {"pod-template-hash": "7d4b9"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d4b9", "controller": true}]},
        "spec": {"serviceAccountName": "web",
            "initContainers": [{"name": "splitvault"}],
            "containers": [{"name": "app", "command": ["/splitvault/splitvault-sidecar", "exec", "--", "server"]}]},
        "status": {"phase": "Running",
            "initContainerStatuses": [{"name": "splitvault", "restartCount": 0, "state": {"running": {}}}],
            "containerStatuses": [{"name": "app", "state": {"running": {}}}]},
    })
}

fn secret() -> VaultSecret {
    let ready = json!({"type": "Ready", "status": "True", "reason": "Synced", "message": "revision 3 with 1 variable",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let object = json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
        "metadata": {"name": "web", "namespace": "shop", "generation": 1},
        "spec": {"generate": [{"name": "A"}]},
        "status": {"observedGeneration": 1, "revision": 3, "conditions": [ready]}});
    serde_json::from_value(object).unwrap()
}

fn config() -> Value {
    json!({"metadata": {"name": "splitvault", "creationTimestamp": "2026-01-01T00:00:00Z"}, "webhooks": [
        {"name": "pods.splitvault.dev", "failurePolicy": "Fail", "clientConfig": {"caBundle": "UEVN"}}]})
}

fn evidence(change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = Evidence {
        pod: pod(),
        secrets: vec![("web".to_owned(), Looked::Found(secret()))],
        webhook: Looked::Found(config()),
        events: Looked::Found(Vec::new()),
        log: Looked::Found(String::new()),
        operator_namespace: "splitvault-system".to_owned(),
    };
    change(&mut evidence);
    evidence
}

fn found(change: impl FnOnce(&mut Evidence)) -> Vec<Finding> {
    diagnose(&evidence(change))
}

/// A change, and what it has said.
type Case<T> = (fn(&mut T), &'static str);

/// The messages of one level about this.
fn said(findings: &[Finding], level: Level, about: &str) -> Vec<String> {
    let found = findings
        .iter()
        .filter(|one| one.level == level && one.about == about);
    found.map(|one| one.message.clone()).collect()
}

fn annotate(evidence: &mut Evidence, annotations: Value) {
    evidence.pod["metadata"]["annotations"] = annotations;
}

/// The command to go on with after the first finding about this that has one.
fn next(findings: &[Finding], about: &str) -> String {
    let mut about = findings.iter().filter(|one| one.about == about);
    about.find_map(|one| one.next.clone()).unwrap()
}

/// As if the webhook had told the sidecar to do this after a change.
fn sidecar_does(evidence: &mut Evidence, on_change: &str) {
    evidence.pod["spec"]["initContainers"][0]["env"] =
        json!([{"name": "SPLITVAULT_ON_CHANGE", "value": on_change}]);
}

fn warning(reason: &str, message: &str) -> Told {
    Told {
        warning: true,
        reason: reason.to_owned(),
        message: message.to_owned(),
    }
}

/// As if kubelet waited with the application for the gate.
fn app_waits(evidence: &mut Evidence) {
    evidence.pod["status"]["containerStatuses"][0]["state"] =
        json!({"waiting": {"reason": "CreateContainerConfigError", "message": "couldn't parse env file"}});
}
