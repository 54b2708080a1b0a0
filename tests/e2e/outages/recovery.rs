//! Backup and restore by the commands of docs/operations.md and docs/recovery.md, as they stand there: everything is lost
//! but the backup.

#[path = "recovery/guide.rs"]
mod guide;

use std::fs;

use anyhow::ensure;
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl, run, splitvault};

use crate::installation::Part;
use guide::Guide;

/// What is stored, in a namespace of its own: sealed and generated.
fn scene() -> Namespace {
    let namespace = Namespace::make("recovery").unwrap();
    let sealed = namespace.seal("web", "GREETING=hello\n", &[]).unwrap();
    namespace.apply(&sealed).unwrap();
    let generated = r#"{"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret", "metadata": {"name": "made"},
        "spec": {"generate": [{"name": "SESSION_KEY"}]}}"#;
    namespace.apply(generated).unwrap();
    namespace.ready("web");
    namespace.ready("made");
    namespace
}

/// What a pod that starts now gets of it.
fn delivered(namespace: &Namespace, pod: &str) -> (Vec<u8>, Vec<u8>) {
    let workload = Workload::new(Kind::Pod, pod, "web,made");
    workload.apply(namespace).unwrap();
    workload.ready(namespace);
    let value = |name| workload.variable(namespace, name).unwrap();
    (value("GREETING"), value("SESSION_KEY"))
}

#[test]
fn a_backup_comes_back_on_a_cluster_that_has_nothing_and_again_after_a_rotation() {
    let namespace = scene();
    let before = delivered(&namespace, "before");
    // In Git, and never applied before the cluster is lost.
    let from_git = namespace.seal("late", "GREETING=from git\n", &[]).unwrap();
    let values = run(
        "helm",
        &["get", "values", "splitvault", "-n", SYSTEM, "-o", "json"],
        b"",
    )
    .unwrap();
    let guide = Guide::in_a_directory_with_values(&values.stdout);

    guide.follow("operations.md", "### Backup", |guide| {
        Part::Store.stop();
        guide.follow(
            "recovery.md",
            "### Files out of the volumes and into them",
            |_| {},
        );
        Part::Store.start();
    });
    assert!(fs::metadata(guide.file("backup/keys/keys.db")).unwrap().len() > 0);
    assert!(fs::metadata(guide.file("backup/values/values.db")).unwrap().len() > 0);

    lose_everything();
    guide.follow("recovery.md", "### Another cluster", put_back);
    for name in ["web", "made"] {
        namespace.ready(name);
    }
    assert_eq!(delivered(&namespace, "after"), before);
    namespace.apply(&from_git).unwrap();
    namespace.ready("late");

    // A restore onto an installation that has rotated since looks like an attack until somebody says that it is none.
    splitvault(&["rotate", "--master", "all", "--timeout", "2m"], b"").unwrap();
    guide.follow("operations.md", "### Restore", put_back);
    eventually("the operator says why it does not serve", || {
        let logs = kubectl(&["-n", SYSTEM, "logs", "deployment/splitvault-operator"])?;
        ensure!(
            logs.contains("delete the ConfigMap splitvault-key-log"),
            "not yet"
        );
        Ok(())
    });
    guide.follow("recovery.md", "### The same cluster, the last backup", |_| {});
    namespace.ready("web");
    assert_eq!(delivered(&namespace, "again"), before);
    assert!(
        namespace.unready("late", "RolledBack").contains('1'),
        "it came after the backup"
    );
    splitvault(&["rotate", "--master", "all", "--timeout", "2m"], b"").unwrap();
    splitvault(&["audit", "keys"], b"").unwrap();
    namespace.ready("web");
}

/// The second block of that section.
fn put_back(guide: &Guide) {
    guide.follow_block("recovery.md", "### Files out of the volumes and into them", 1);
}

/// The installation, its namespace, its volumes. What the API server has of VaultSecrets stays, as in an etcd that was
/// restored too.
fn lose_everything() {
    let uninstalled = run("helm", &["uninstall", "splitvault", "-n", SYSTEM, "--wait"], b"").unwrap();
    assert_eq!(uninstalled.code, Some(0), "{}", uninstalled.stderr);
    kubectl(&["delete", "namespace", SYSTEM, "--wait=true", "--timeout=120s"]).unwrap();
}
