//! The operator's memory does not grow with what is stored.

use std::fs;

use serde_json::{Value, json};
use splitvault_tests::{Namespace, eventually, run};

use crate::installation::Part;

const OBJECTS: usize = 200;
const KIB: usize = 256;

/// Resident memory of the operator's process, in KiB, read on the node.
fn resident() -> usize {
    let pid = run("pgrep", &["--exact", "splitvault-oper"], b"").unwrap().text();
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn objects(namespace: &Namespace, prefix: &str, dotenv: &str) -> Value {
    let sealed = |number: usize| {
        let name = format!("{prefix}-{number}");
        let text = namespace.seal(&name, dotenv, &["--output", "json"]).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let items: Vec<_> = (0..OBJECTS).map(sealed).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn apply_and_wait(namespace: &Namespace, prefix: &str, dotenv: &str) {
    let list = objects(namespace, prefix, dotenv).to_string();
    let arguments = ["--namespace", namespace.name(), "create", "--filename", "-"];
    splitvault_tests::command::kubectl_with(&arguments, list.as_bytes()).unwrap();
    eventually("all are Ready", || {
        let path = "--output=jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}{end}";
        let text = namespace.kubectl(&["get", "vaultsecrets", path])?;
        let ready = |line: &&str| line.starts_with(prefix) && line.ends_with("True");
        anyhow::ensure!(text.lines().filter(ready).count() == OBJECTS, "not all");
        Ok(())
    });
}

#[test]
fn fifty_mebibytes_of_payload_do_not_stay_in_memory() {
    Part::Operator.stop();
    Part::Operator.start();
    let namespace = Namespace::make("memory").unwrap();
    apply_and_wait(&namespace, "small", "A=1\n");
    let small = resident();
    let value = "x".repeat(31 * 1024);
    let large: String = (0..8).map(|number| format!("A{number}={value}\n")).collect();
    apply_and_wait(&namespace, "large", &large);
    let grown = resident().saturating_sub(small);
    let stored = OBJECTS * KIB;
    assert!(grown < stored / 2, "{grown} KiB more for {stored} KiB of payload");
}
