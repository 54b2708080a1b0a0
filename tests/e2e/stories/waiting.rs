//! A pod that comes too early waits, says why, and starts by itself.

use anyhow::{Result, ensure};
use splitvault_tests::{Kind, Namespace, Workload, eventually};

/// What an owner sees of a pod: the sidecar's log and the pod's events.
fn seen(namespace: &Namespace, pod: &str) -> Result<(String, String)> {
    let logs = namespace.kubectl(&["logs", pod, "--container", "splitvault"])?;
    let selector = format!("--field-selector=involvedObject.name={pod}");
    let events = namespace.kubectl(&["get", "events", &selector, "--output=yaml"])?;
    Ok((logs, events))
}

#[test]
fn a_pod_before_its_secret_waits_says_why_and_starts_by_itself() {
    let namespace = Namespace::make("early").unwrap();
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    eventually("log and event say why", || {
        let (logs, events) = seen(&namespace, "app")?;
        ensure!(
            logs.contains("web"),
            "the log does not name the VaultSecret: {logs}"
        );
        ensure!(
            events.contains("NotReady") && events.contains("web"),
            "no event yet: {events}"
        );
        Ok(())
    });
    let pod = workload.pod(&namespace).unwrap();
    let started = &pod["status"]["containerStatuses"][0]["state"]["running"];
    assert!(started.is_null(), "the application waits");

    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    workload.ready(&namespace);
    assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");
}

#[test]
fn a_waiting_pod_is_deleted_at_once() {
    let namespace = Namespace::make("impatient").unwrap();
    let workload = Workload::new(Kind::Pod, "app", "never-made");
    workload.apply(&namespace).unwrap();
    eventually("it waits", || {
        let (logs, _) = seen(&namespace, "app")?;
        ensure!(logs.contains("never-made"), "{logs}");
        Ok(())
    });
    namespace
        .kubectl(&["delete", "pod", "app", "--timeout=60s"])
        .unwrap();
}

#[test]
fn a_service_account_that_access_does_not_list_is_told_so() {
    let namespace = Namespace::make("access").unwrap();
    let sealed = namespace
        .seal("web", "GREETING=hello\n", &["--service-account", "web"])
        .unwrap();
    namespace.apply(&sealed).unwrap();
    namespace.ready("web");
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    eventually("the refusal is seen", || {
        let (logs, events) = seen(&namespace, "app")?;
        ensure!(events.contains("NotAllowed"), "{events}");
        ensure!(
            !logs.contains("hello") && !events.contains("hello"),
            "a value is in log or event"
        );
        Ok(())
    });
    namespace.kubectl(&["create", "serviceaccount", "web"]).unwrap();
    let allowed = Workload::new(Kind::Pod, "allowed", "web").spec("serviceAccountName", "web".into());
    allowed.apply(&namespace).unwrap();
    allowed.ready(&namespace);
    assert_eq!(allowed.variable(&namespace, "GREETING").unwrap(), b"hello");

    // The pod that was refused starts by itself once its owner lets it have the VaultSecret.
    let patch = r#"--patch={"spec":{"access":{"serviceAccounts":["web","default"]}}}"#;
    namespace
        .kubectl(&["patch", "vaultsecret", "web", "--type=merge", patch])
        .unwrap();
    workload.ready(&namespace);
    assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");
}
