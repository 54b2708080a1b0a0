//! The operator's memory does not grow with what is stored.

use anyhow::Context;
use serde_json::{Value, json};
use splitvault_tests::{Namespace, eventually, kubectl};

use crate::installation::Part;

const OBJECTS: usize = 200;
const KIB: u64 = 248;

/// Anonymous memory of the operator in KiB, as kubelet sees it, in a sample that is newer than the one now.
fn resident() -> u64 {
    let seen = sample().unwrap().0;
    eventually("kubelet takes a new sample", || {
        let (time, kib) = sample()?;
        anyhow::ensure!(time > seen, "still the one of {time}");
        Ok(kib)
    })
}

/// When kubelet looked, and what it saw.
fn sample() -> anyhow::Result<(String, u64)> {
    let node = kubectl(&["get", "nodes", "--output=jsonpath={.items[0].metadata.name}"])?;
    let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
    let summary: Value = serde_json::from_str(&kubectl(&["get", "--raw", &path])?)?;
    let pods = summary["pods"].as_array().into_iter().flatten();
    let containers = pods.flat_map(|pod| pod["containers"].as_array().into_iter().flatten());
    let operator = containers.filter(|container| container["name"] == "operator");
    let memory = operator
        .map(|container| &container["memory"])
        .next_back()
        .context("no sample yet")?;
    let bytes = memory["rssBytes"].as_u64().context("no memory in the sample")?;
    Ok((
        memory["time"].as_str().unwrap_or_default().to_owned(),
        bytes / 1024,
    ))
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
    let value = "x".repeat(31 * 1024);
    let dotenv: String = (0..8).map(|number| format!("A{number}={value}\n")).collect();
    // The first ones fill the buffers that any load needs.
    apply_and_wait(&namespace, "first", &dotenv);
    let filled = resident();
    apply_and_wait(&namespace, "more", &dotenv);
    let grown = resident().saturating_sub(filled);
    let stored = OBJECTS as u64 * KIB;
    assert!(grown < stored / 2, "{grown} KiB more for {stored} KiB of payload");
}
