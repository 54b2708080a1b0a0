//! A rotation of all master keys that is interrupted: by SIGKILL at its steps, by a store that is away, by an older key
//! database that is put back.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl, splitvault};

use crate::installation::Part;
use crate::tamper::{backup, copy, restore};

/// A few of them, because each restart waits for the lease of the process that was killed, half a minute; every step is
/// in `crates/vault/tests/vault/rotation_crash.rs`, on processes without a cluster.
const STEPS: [&str; 3] = [
    "rotation::before-activate",
    "vault::after-put",
    "rotation::after-drain",
];

fn begin() {
    splitvault(&["rotate", "--master", "all", "--wait=false"], b"").unwrap();
}

/// Waits until each ring has one key that is active and none on its way.
fn over() {
    eventually("the rotation is over", || {
        let audited = splitvault(&["audit", "keys", "--output", "json", "--timeout", "20s"], b"")?;
        let trail: Value = serde_json::from_str(&audited)?;
        let events = trail["events"].as_array().context("no events")?;
        let count = |kind: &str| {
            let of = |event: &&Value| {
                event["event"] == kind && (event["ring"] == "names" || event["ring"] == "values")
            };
            events.iter().filter(of).count()
        };
        let (created, activated, destroyed) = (count("created"), count("activated"), count("destroyed"));
        ensure!(
            created == activated && destroyed + 2 == created,
            "{created} created, {activated} activated, {destroyed} destroyed"
        );
        Ok(())
    });
}

fn status(namespace: &Namespace, name: &str) -> Result<(Value, Value)> {
    let status = &namespace.get("vaultsecret", name)?["status"];
    Ok((status["revision"].clone(), status["digest"].clone()))
}

#[test]
fn an_operator_killed_at_the_steps_of_a_rotation_finishes_it_and_loses_nothing() {
    let namespace = Namespace::make("rotation-crash").unwrap();
    for number in 0..3 {
        let sealed = namespace.seal(&format!("web-{number}"), &format!("NUMBER={number}\n"), &[]);
        namespace.apply(&sealed.unwrap()).unwrap();
        namespace.ready(&format!("web-{number}"));
    }
    let workload = Workload::new(Kind::Pod, "app", "web-1")
        .annotated("mode", "file")
        .annotated("refresh", "1s");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    let before = status(&namespace, "web-1").unwrap();
    for step in STEPS {
        Part::Operator.arm(step);
        begin();
        Part::Operator.killed(step);
        Part::Operator.disarm();
        over();
        for number in 0..3 {
            namespace.ready(&format!("web-{number}"));
        }
        assert_eq!(status(&namespace, "web-1").unwrap(), before, "after {step}");
        let file = workload.read(&namespace, "/run/splitvault/.env").unwrap();
        assert!(
            String::from_utf8(file).unwrap().contains("NUMBER"),
            "after {step}"
        );
    }
    let late = Workload::new(Kind::Pod, "late", "web-2");
    late.apply(&namespace).unwrap();
    late.ready(&namespace);
    assert_eq!(late.variable(&namespace, "NUMBER").unwrap(), b"2");
}

#[test]
fn a_rotation_waits_for_a_store_that_is_away() {
    let namespace = Namespace::make("rotation-store").unwrap();
    namespace
        .apply(&namespace.seal("web", "A=1\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    Part::Store.stop();
    begin();
    eventually("the log says what the rotation waits for", || {
        let logs = kubectl(&["--namespace", SYSTEM, "logs", "deployment/splitvault-operator"])?;
        ensure!(logs.contains("the rotation of keys waits"), "not yet");
        Ok(())
    });
    Part::Store.start();
    over();
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    assert_eq!(workload.variable(&namespace, "A").unwrap(), b"1");
}

#[test]
fn an_older_key_database_that_is_put_back_after_a_rotation_is_not_served_from() {
    let (volume, older, newer) = (Part::Operator.volume(), backup("older"), backup("newer"));
    Part::Operator.stop();
    copy(&volume, &older);
    Part::Operator.start();
    splitvault(&["rotate", "--master", "all", "--timeout", "2m"], b"").unwrap();
    Part::Operator.stop();
    copy(&volume, &newer);
    put_back(&older, &volume);
    kubectl(&[
        "--namespace",
        SYSTEM,
        "scale",
        "deployment/splitvault-operator",
        "--replicas=1",
    ])
    .unwrap();
    eventually("the operator says why it does not serve", || {
        let logs = kubectl(&["--namespace", SYSTEM, "logs", "deployment/splitvault-operator"])?;
        ensure!(
            logs.contains("delete the ConfigMap splitvault-key-log"),
            "not yet"
        );
        Ok(())
    });
    Part::Operator.stop();
    put_back(&newer, &volume);
    Part::Operator.start();
    over();
}

/// The whole database: a write-ahead log of another one must not stay beside it.
fn put_back(backup: &Path, volume: &Path) {
    for file in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        drop(fs::remove_file(volume.join(file)));
    }
    restore(backup, volume);
}
