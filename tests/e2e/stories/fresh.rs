//! Changes reach running pods long before their refresh, and access ends as quickly.

use anyhow::{Result, ensure};
use splitvault_tests::{Kind, Namespace, Workload, eventually};

/// Longer than any test waits.
const HOURLY: &str = "1h";

fn seal(namespace: &Namespace, dotenv: &str, options: &[&str]) {
    namespace
        .apply(&namespace.seal("web", dotenv, options).unwrap())
        .unwrap();
    namespace.ready("web");
}

fn follower(name: &str) -> Workload {
    Workload::new(Kind::Pod, name, "web")
        .annotated("mode", "file")
        .annotated("refresh", HOURLY)
}

fn log(namespace: &Namespace, pod: &str) -> Result<String> {
    namespace.kubectl(&["logs", pod, "--container", "splitvault"])
}

#[test]
fn a_change_reaches_running_pods_long_before_their_refresh() {
    let namespace = Namespace::make("fresh").unwrap();
    seal(&namespace, "GREETING=hello\n", &[]);
    let workload = follower("app");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    for greeting in ["world", "again"] {
        seal(&namespace, &format!("GREETING={greeting}\n"), &[]);
        eventually("the file has the change", || {
            let file = workload.read(&namespace, "/run/splitvault/.env")?;
            let file = String::from_utf8_lossy(&file).into_owned();
            ensure!(file.contains(greeting), "{file}");
            Ok(())
        });
    }
    let restarts = &workload.pod(&namespace).unwrap()["status"]["initContainerStatuses"][0]["restartCount"];
    assert_eq!(*restarts, 0, "the sidecar never ended");
}

#[test]
fn access_that_ends_is_noticed_long_before_the_next_refresh() {
    let namespace = Namespace::make("revoked").unwrap();
    seal(&namespace, "GREETING=hello\n", &["--service-account", "default"]);
    let workload = follower("app");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    seal(&namespace, "GREETING=later\n", &["--service-account", "other"]);
    eventually("the sidecar is told", || {
        let log = log(&namespace, "app")?;
        ensure!(log.contains("NotAllowed"), "{log}");
        Ok(())
    });
    let file = workload.read(&namespace, "/run/splitvault/.env").unwrap();
    assert!(
        String::from_utf8_lossy(&file).contains("hello"),
        "it keeps what it has"
    );
}
