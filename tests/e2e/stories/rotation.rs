//! Rotation on demand, as the person who asks for it and the pods that run meanwhile meet it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl, splitvault};

/// The key log as the auditor sees it.
fn audit() -> Value {
    let audited = splitvault(&["audit", "keys", "--output", "json"], b"").unwrap();
    serde_json::from_str(&audited).unwrap()
}

fn events(trail: &Value, key: &str) -> Vec<String> {
    let events = trail["events"].as_array().unwrap().iter();
    events
        .filter(|event| event["keyID"] == key)
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect()
}

/// The keys of both rings that were activated and not retired.
fn active(trail: &Value) -> Vec<String> {
    let events = trail["events"].as_array().unwrap().iter();
    let master = events.filter(|event| ["names", "values"].contains(&event["ring"].as_str().unwrap()));
    let mut keys: Vec<String> = Vec::new();
    for event in master {
        let key = event["keyID"].as_str().unwrap().to_owned();
        match event["event"].as_str().unwrap() {
            "activated" => keys.push(key),
            "retired" => keys.retain(|other| *other != key),
            _ => {}
        }
    }
    keys
}

fn witnessed() -> u64 {
    let path = "--output=jsonpath={.data.sequence}";
    let text = kubectl(&[
        "--namespace",
        SYSTEM,
        "get",
        "configmap",
        "splitvault-key-log",
        path,
    ]);
    text.unwrap().parse().unwrap()
}

#[test]
fn master_keys_rotate_while_pods_refresh_and_people_write() {
    let namespace = Namespace::make("rotation").unwrap();
    for number in 0..4 {
        let dotenv = format!("GREETING=hello\nNUMBER={number}\n");
        let sealed = namespace.seal(&format!("web-{number}"), &dotenv, &[]).unwrap();
        namespace.apply(&sealed).unwrap();
    }
    (0..4).for_each(|number| namespace.ready(&format!("web-{number}")));
    let workload = Workload::new(Kind::Pod, "app", "web-0")
        .annotated("mode", "file")
        .annotated("refresh", "1s");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    let status = |name: &str| {
        let status = &namespace.get("vaultsecret", name).unwrap()["status"];
        (status["revision"].clone(), status["digest"].clone())
    };
    let (before, kept, sequence) = (audit(), status("web-0"), witnessed());
    let old = active(&before);
    assert_eq!(old.len(), 2, "one for each ring");

    let told = rotate_meanwhile(&namespace, &workload);
    assert!(told.contains("destroyed"), "{told}");

    let after = audit();
    for key in &old {
        let told = events(&after, key);
        assert_eq!(
            told[told.len() - 3..],
            ["retired", "drained", "destroyed"],
            "{told:?}"
        );
    }
    let new = active(&after);
    assert!(new.len() == 2 && new.iter().all(|key| !old.contains(key)));
    assert_eq!(status("web-0"), kept, "its content is the same");
    eventually("the end of the key log is remembered outside", || {
        ensure!(witnessed() > sequence, "still {sequence}");
        Ok(())
    });
    let pod = workload.pod(&namespace).unwrap();
    let restarts = pod["status"]["initContainerStatuses"][0]["restartCount"].as_u64();
    assert_eq!(restarts, Some(0), "nothing restarted");
    let late = Workload::new(Kind::Pod, "late", "web-3");
    late.apply(&namespace).unwrap();
    late.ready(&namespace);
    assert_eq!(late.variable(&namespace, "NUMBER").unwrap(), b"4");
    let back = splitvault(
        &["rollback", "web-3", "--to", "1", "--namespace", namespace.name()],
        b"",
    );
    back.context("history from before the rotation").unwrap();
}

/// What the person who asks is told; meanwhile the file is read and another object written, again and again.
fn rotate_meanwhile(namespace: &Namespace, workload: &Workload) -> String {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !over.load(Ordering::Relaxed) {
                let file = workload.read(namespace, "/run/splitvault/.env").unwrap();
                let file = String::from_utf8(file).unwrap();
                assert!(file.contains("hello") && file.contains("NUMBER"), "torn: {file}");
                reads += 1;
            }
            reads
        });
        let writer = scope.spawn(|| {
            for number in 0..5 {
                let sealed = namespace
                    .seal("web-3", &format!("NUMBER={number}\n"), &[])
                    .unwrap();
                namespace.apply(&sealed).unwrap();
                namespace.ready("web-3");
            }
        });
        let told = splitvault(&["rotate", "--master", "all"], b"");
        writer.join().unwrap();
        over.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
        told.unwrap()
    })
}
