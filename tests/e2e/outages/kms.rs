//! Keys that are wrapped by a KMS v2 plugin beside the operator: they move to it and back, the plugin goes away and comes
//! back, and somebody writes and reads all the while.

#[path = "kms/client.rs"]
mod client;
#[path = "kms/keys.rs"]
mod keys;
#[path = "kms/plugin.rs"]
mod plugin;

use anyhow::ensure;
use serde_json::Value;
use splitvault_tests::{SYSTEM, eventually, kubectl, splitvault};

use client::Client;
use keys::{all_by, created, rows, wrapped_by};
use plugin::Plugin;

/// `keyEncryption` and what belongs to it, on top of what is set.
const NAMES_BY_KMS: [&str; 2] = [
    "keyEncryption.values.provider=\"file\"",
    "keyEncryption.values.former=[]",
];
const BOTH_BY_KMS: [&str; 2] = [
    "keyEncryption.values.provider=\"kms\"",
    "keyEncryption.values.former=[\"file\"]",
];
const BACK_TO_FILES: [&str; 4] = [
    "keyEncryption.names.provider=\"file\"",
    "keyEncryption.names.former=[\"kms:example=unix:///run/kms/kms.sock\"]",
    "keyEncryption.values.provider=\"file\"",
    "keyEncryption.values.former=[\"kms:example=unix:///run/kms/kms.sock\"]",
];

#[test]
fn keys_move_to_a_kms_and_back_and_while_it_is_away_nothing_stops_and_nothing_new_is_made() {
    let plugin = Plugin::install();
    let client = Client::start();
    let quiet = rows(client.quiet());

    // docs/operations.md: name the new one, the old one as former, and upgrade.
    plugin.upgrade(&NAMES_BY_KMS);
    eventually("the keys of names are moved", || {
        wrapped_by("names", "kms")?;
        wrapped_by("values", "file")
    });
    plugin.upgrade(&BOTH_BY_KMS);
    eventually("the keys of values are moved", || all_by("kms"));
    let told = splitvault(&["keys", "rewrap"], b"").unwrap();
    assert!(told.contains("already"), "{told}");
    assert_eq!(rows(client.quiet()), quiet, "no row is touched");
    client.goes_on();

    away(&plugin, &client);

    // A fresh process has nothing but what the plugin unwraps.
    plugin.upgrade(&["keyEncryption.names.former=[]", "keyEncryption.values.former=[]"]);
    client.goes_on();
    plugin.upgrade(&BACK_TO_FILES);
    eventually("the keys are moved back", || all_by("file"));
    plugin.uninstall();
    client.goes_on();
    client.finish();
}

/// The plugin hangs, and refuses, and is killed: what is unwrapped stays in use, and what needs a new key waits for it.
fn away(plugin: &Plugin, client: &Client) {
    let before = created();
    plugin.whim("hang");
    splitvault(&["rotate", "--master", "all", "--wait=false"], b"").unwrap();
    eventually("the metric and the log say so", || {
        let metrics = operator_metrics()?;
        for ring in ["names", "values"] {
            let line = format!("splitvault_kek_up{{ring=\"{ring}\",provider=\"example\"}} 0");
            ensure!(metrics.contains(&line), "{ring} is up");
        }
        let logs = kubectl(&["--namespace", SYSTEM, "logs", "deployment/splitvault-operator"])?;
        ensure!(logs.contains("the KMS plugin is of no use"), "no word in the log");
        Ok(())
    });
    eventually("whoever asked for a rotation is told what it waits for", || {
        let (reason, message) = request()?;
        ensure!(
            reason == "Unavailable" && message.contains("names"),
            "{reason}: {message}"
        );
        Ok(())
    });
    client.goes_on();
    client.starts_a_pod();
    assert_eq!(created(), before, "no key is made without it");
    assert!(operator_is_ready(), "it serves");

    // Meanwhile it has another key; and it refuses before it works again.
    plugin.add_key("key-2");
    plugin.whim("refuse");
    client.goes_on();
    assert_eq!(created(), before);
    plugin.kill();
    plugin.behave();
    eventually("the rotation that was asked for is done", || {
        let now = created();
        ensure!(now == before + 2, "{} keys are made", now - before);
        let (reason, message) = request()?;
        ensure!(reason == "Done", "{reason}: {message}");
        Ok(())
    });
    eventually("everything is wrapped under its new key", || all_by("kms"));
    client.goes_on();
}

fn operator_metrics() -> anyhow::Result<String> {
    let path = format!("/api/v1/namespaces/{SYSTEM}/services/splitvault-operator:metrics/proxy/metrics");
    kubectl(&["get", "--raw", &path])
}

fn operator_is_ready() -> bool {
    let path = "--output=jsonpath={.status.readyReplicas}";
    kubectl(&[
        "--namespace",
        SYSTEM,
        "get",
        "deployment/splitvault-operator",
        path,
    ])
    .is_ok_and(|ready| ready == "1")
}

/// Reason and message of the newest request.
fn request() -> anyhow::Result<(String, String)> {
    let order = "--sort-by=.metadata.creationTimestamp";
    let text = kubectl(&[
        "--namespace",
        SYSTEM,
        "get",
        "vaultrequests",
        order,
        "--output=json",
    ])?;
    let list: Value = serde_json::from_str(&text)?;
    let newest = list["items"].as_array().and_then(|items| items.last()).cloned();
    let conditions = newest.unwrap_or_default()["status"]["conditions"].clone();
    let all = conditions.as_array().cloned().unwrap_or_default();
    let complete = all.iter().find(|condition| condition["type"] == "Complete");
    let word = |field: &str| {
        complete
            .and_then(|c| c[field].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    Ok((word("reason"), word("message")))
}
