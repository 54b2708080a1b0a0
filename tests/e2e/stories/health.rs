//! The sidecar's health: on the pod's own loopback, and only where a pod asks for it.

use anyhow::{Result, ensure};
use splitvault_tests::{Kind, Namespace, Output, Workload, eventually};

const PORT: &str = "8089";
/// What the application listens on, for everybody.
const APP: &str = "8080";

/// What a request from a pod to a host and path comes to, as busybox's wget tells it.
fn ask(namespace: &Namespace, pod: &Workload, url: &str) -> Result<Output> {
    pod.try_exec(namespace, &["wget", "-q", "-O", "-", &format!("http://{url}")])
}

/// Where anybody in a pod listens, as `/proc/net/tcp` writes it.
fn listeners(namespace: &Namespace, pod: &Workload) -> Vec<String> {
    let tables = pod
        .exec(namespace, &["cat", "/proc/net/tcp", "/proc/net/tcp6"])
        .unwrap();
    let text = String::from_utf8(tables).unwrap();
    let fields = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = fields.filter(|fields| fields.get(3) == Some(&"0A"));
    listening.map(|fields| fields[1].to_owned()).collect()
}

fn seal(namespace: &Namespace, dotenv: &str) {
    let manifest = namespace.seal("web", dotenv, &["--expose-names"]).unwrap();
    namespace.apply(&manifest).unwrap();
    namespace.ready("web");
}

#[test]
fn a_container_of_the_pod_may_ask_and_nobody_else() {
    let namespace = Namespace::make("health").unwrap();
    seal(&namespace, "CANARY_NAME=hello\n");
    let asked = Workload::new(Kind::Pod, "asked", "web")
        .annotated("health-port", PORT)
        .command(&["httpd", "-f", "-p", APP, "-h", "/etc"]);
    let other = Workload::new(Kind::Pod, "other", "web");
    for workload in [&asked, &other] {
        workload.apply(&namespace).unwrap();
    }
    for workload in [&asked, &other] {
        workload.ready(&namespace);
    }

    for path in ["healthz", "readyz"] {
        let said = ask(&namespace, &asked, &format!("127.0.0.1:{PORT}/{path}")).unwrap();
        assert_eq!(
            (said.code, &*said.stdout),
            (Some(0), &b"ok\n"[..]),
            "{path}: {}",
            said.stderr
        );
    }
    let pod = asked.pod(&namespace).unwrap();
    let address = pod["status"]["podIP"].as_str().unwrap();
    let reached = eventually("the application answers another pod", || {
        let said = ask(&namespace, &other, &format!("{address}:{APP}/passwd"))?;
        ensure!(said.code == Some(0), "{}", said.stderr);
        Ok(said)
    });
    assert!(reached.stdout.starts_with(b"root:"), "the positive control");
    let refused = ask(&namespace, &other, &format!("{address}:{PORT}/healthz")).unwrap();
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.stderr.contains("Connection refused"),
        "{}",
        refused.stderr
    );

    assert_eq!(
        listeners(&namespace, &other),
        Vec::<String>::new(),
        "without the annotation"
    );
    let mut there = listeners(&namespace, &asked);
    there.retain(|place| !place.ends_with(":1F90"));
    assert_eq!(there, ["0100007F:1F99"], "besides the application's 8080");

    readiness_follows_what_is_written(&namespace, &asked);
}

fn readiness_follows_what_is_written(namespace: &Namespace, asked: &Workload) {
    let ready = format!("127.0.0.1:{PORT}/readyz");
    // Kubelet cannot set a value with a single quote, so the sidecar cannot write it.
    seal(namespace, "CANARY_NAME=\"it's\"\n");
    eventually("it is not ready", || {
        let said = ask(namespace, asked, &ready)?;
        ensure!(said.stderr.contains("503"), "{said:?}");
        assert!(
            !said.stderr.contains("CANARY") && said.stdout.is_empty(),
            "{said:?}"
        );
        Ok(())
    });
    let alive = ask(namespace, asked, &format!("127.0.0.1:{PORT}/healthz")).unwrap();
    assert_eq!(alive.code, Some(0), "{}", alive.stderr);
    seal(namespace, "CANARY_NAME=mended\n");
    eventually("it is ready again", || {
        let said = ask(namespace, asked, &ready)?;
        ensure!(said.code == Some(0), "{}", said.stderr);
        Ok(())
    });
}
