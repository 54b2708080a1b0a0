//! Operator or store is away: pods wait, say why, and start by themselves when it is back.

use anyhow::ensure;
use splitvault_tests::{Kind, Namespace, Workload, eventually};

use crate::installation::Part;

fn sealed(prefix: &str) -> Namespace {
    let namespace = Namespace::make(prefix).unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    namespace
}

#[test]
fn a_pod_made_while_the_store_is_down_waits_and_starts_by_itself() {
    let namespace = sealed("store-down");
    Part::Store.stop();
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    eventually("the log says why", || {
        let logs = namespace.kubectl(&["logs", "app", "--container", "splitvault"])?;
        ensure!(logs.contains("Unavailable"), "{logs}");
        Ok(())
    });
    Part::Store.start();
    workload.ready(&namespace);
    assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");
}

#[test]
fn a_pod_that_runs_keeps_its_variables_and_its_file_while_all_is_down() {
    let namespace = sealed("all-down");
    let workload = Workload::new(Kind::Pod, "app", "web")
        .annotated("mode", "file")
        .annotated("refresh", "1s");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    Part::Operator.stop();
    Part::Store.stop();
    let text = workload.read(&namespace, "/run/splitvault/.env").unwrap();
    assert!(String::from_utf8(text).unwrap().contains("hello"));
    Part::Store.start();
    Part::Operator.start();
    workload.ready(&namespace);
}

#[test]
fn with_the_operator_down_a_plain_pod_starts_and_an_injected_one_comes_later() {
    let namespace = sealed("operator-down");
    Part::Operator.stop();
    let plain = Workload::new(Kind::Pod, "plain", "web").plain();
    plain.apply(&namespace).unwrap();
    plain.ready(&namespace);
    let injected = Workload::new(Kind::Deployment, "injected", "web");
    injected.apply(&namespace).unwrap();
    let refused = Workload::new(Kind::Pod, "bare", "web")
        .apply(&namespace)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("splitvault"),
        "the refusal says who refuses: {refused}"
    );
    eventually("its owner is told why there is no pod", || {
        let events = namespace.kubectl(&["get", "events", "--output=yaml"])?;
        ensure!(events.contains("FailedCreate"), "no event yet");
        Ok(())
    });
    Part::Operator.start();
    injected.ready(&namespace);
    assert_eq!(injected.variable(&namespace, "GREETING").unwrap(), b"hello");
}
