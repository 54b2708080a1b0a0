//! What a running pod's sidecar does after a change, and commands that get the variables besides the container's own.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, Workload, eventually};

fn apply(namespace: &Namespace, dotenv: &str) {
    namespace
        .apply(&namespace.seal("web", dotenv, &[]).unwrap())
        .unwrap();
}

fn scene(prefix: &str) -> Namespace {
    let namespace = Namespace::make(prefix).unwrap();
    apply(&namespace, "GREETING=hello\n");
    namespace.ready("web");
    namespace
}

fn sidecar_says(namespace: &Namespace, text: &str) {
    eventually(text, || {
        let log = namespace.kubectl(&["logs", "app", "--container", "splitvault"])?;
        ensure!(log.contains(text), "{log}");
        Ok(())
    });
}

fn restarts(workload: &Workload, namespace: &Namespace) -> Result<Value> {
    let pod = workload.pod(namespace)?;
    Ok(pod["status"]["containerStatuses"][0]["restartCount"].clone())
}

#[test]
fn a_signal_reaches_the_process() {
    let namespace = scene("signal");
    // SIGHUP ends `sleep`, and kubelet starts the container again.
    let workload = Workload::new(Kind::Pod, "app", "web")
        .annotated("mode", "file")
        .annotated("refresh", "1s")
        .annotated("on-change", "Signal")
        .annotated("signal-process", "sleep")
        .spec("shareProcessNamespace", json!(true));
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    assert_eq!(restarts(&workload, &namespace).unwrap(), 0);
    apply(&namespace, "GREETING=changed\n");
    sidecar_says(&namespace, "sent SIGHUP to 1 process named sleep");
    eventually("the process was ended by it", || {
        ensure!(restarts(&workload, &namespace)? != 0);
        Ok(())
    });
}

#[test]
fn a_call_reaches_the_application() {
    let namespace = scene("call");
    // It reads the request before it answers, and goes on: a first try may be cut off.
    let serve = "mkfifo /tmp/answer; while :; do \
                 nc -l -p 8080 <>/tmp/answer | { read -r head; echo \"$head\"; \
                 printf 'HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n' >/tmp/answer; cat; }; done";
    let workload = Workload::new(Kind::Pod, "app", "web")
        .annotated("mode", "file")
        .annotated("refresh", "1s")
        .annotated("on-change", "HTTP")
        .annotated("on-change-url", "http://127.0.0.1:8080/-/reload")
        .command(&["sh", "-c", serve]);
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    apply(&namespace, "GREETING=changed\n");
    sidecar_says(
        &namespace,
        "POST http://127.0.0.1:8080/-/reload answered with status 200",
    );
    let heard = namespace.kubectl(&["logs", "app", "--container", "app"]).unwrap();
    assert!(
        heard.contains("POST /-/reload") && !heard.contains("changed"),
        "{heard}"
    );
}

#[test]
fn a_call_that_nobody_takes_is_an_event_on_the_pod() {
    let namespace = scene("unheard");
    let workload = Workload::new(Kind::Pod, "app", "web")
        .annotated("mode", "file")
        .annotated("refresh", "1m")
        .annotated("on-change", "HTTP")
        .annotated("on-change-url", "http://127.0.0.1:8080/-/reload");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    apply(&namespace, "GREETING=changed\n");
    eventually("an event tells of it", || {
        let events = namespace.kubectl(&[
            "get",
            "events",
            "--field-selector=involvedObject.name=app,reason=ReactionFailed,type=Warning",
            "--output=json",
        ])?;
        ensure!(
            events.contains("on-change: HTTP") && events.contains("splitvault doctor pod"),
            "{events}"
        );
        ensure!(!events.contains("127.0.0.1"), "a word of the pod's own: {events}");
        Ok(())
    });
    sidecar_says(&namespace, "gave up after 5 tries");
}

#[test]
fn all_containers_restart_in_the_same_pod() {
    let namespace = scene("in-place");
    let workload = Workload::new(Kind::Pod, "app", "web")
        .annotated("refresh", "1s")
        .annotated("on-change", "RestartContainers");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    let uid = workload.pod(&namespace).unwrap()["metadata"]["uid"].clone();
    assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");
    apply(&namespace, "GREETING=changed\n");
    eventually("the process has the new value", || {
        ensure!(workload.variable(&namespace, "GREETING")? == b"changed");
        Ok(())
    });
    workload.ready(&namespace);
    let pod = workload.pod(&namespace).unwrap();
    assert_eq!(pod["metadata"]["uid"], uid, "it is the same pod");
    let count = restarts(&workload, &namespace).unwrap();
    assert_eq!(count, 1, "once per change");
}

#[test]
fn what_cannot_work_is_refused_with_the_remedy() {
    let namespace = scene("unfit");
    let refused = |annotations: &[(&str, &str)]| {
        let app = Workload::new(Kind::Pod, "app", "web");
        let workload = annotations
            .iter()
            .fold(app, |workload, (key, value)| workload.annotated(key, value));
        workload.apply(&namespace).unwrap_err().to_string()
    };
    let signal = refused(&[("on-change", "Signal"), ("signal-process", "sleep")]);
    assert!(signal.contains("shareProcessNamespace: true"), "{signal}");
    let abroad = refused(&[("on-change", "HTTP"), ("on-change-url", "http://10.0.0.1/")]);
    assert!(abroad.contains("127.0.0.1"), "{abroad}");
    let rolling = refused(&[("on-change", "Restart")]);
    assert!(rolling.contains("spec.onChange: Restart"), "{rolling}");
}

#[test]
fn an_exec_probe_gets_the_variables_when_asked_for() {
    let namespace = scene("probes");
    let probe = json!({"exec": {"command": ["sh", "-c", "test \"$GREETING\" = hello"]}, "periodSeconds": 1});
    let with = Workload::new(Kind::Pod, "app", "web")
        .annotated("exec", "probes")
        .container("readinessProbe", probe.clone());
    with.apply(&namespace).unwrap();
    with.ready(&namespace);

    // The same probe without the annotation fails, so it is the annotation that does it.
    let without = Workload::new(Kind::Pod, "without", "web").container("readinessProbe", probe);
    without.apply(&namespace).unwrap();
    eventually("its probe fails", || {
        let events = namespace.kubectl(&[
            "get",
            "events",
            "--field-selector=involvedObject.name=without,reason=Unhealthy",
            "--output=name",
        ])?;
        ensure!(!events.trim().is_empty(), "no failed probe yet");
        Ok(())
    });
}
