//! `splitvault doctor`, as somebody calls it whose pod has no variables, or those of before.

use anyhow::ensure;
use serde_json::Value;
use splitvault_tests::{Kind, Namespace, Workload, eventually, run};

/// The exit code, and what it found.
fn doctor(namespace: &Namespace, pod: &str) -> (Option<i32>, Value) {
    let arguments = [
        "doctor",
        "pod",
        pod,
        "--namespace",
        namespace.name(),
        "--output",
        "json",
    ];
    let output = run("splitvault", &arguments, b"").unwrap();
    (output.code, serde_json::from_slice(&output.stdout).unwrap())
}

/// What is said of this at this level.
fn said(read: &Value, level: &str, about: &str) -> String {
    let findings = read["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .filter(|one| one["level"] == level && one["about"] == about);
    found
        .filter_map(|one| one["message"].as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn it_tells_a_pod_that_has_its_variables_from_one_that_waits_and_one_that_never_asked() {
    let namespace = Namespace::make("doctor").unwrap();
    namespace
        .apply(
            &namespace
                .seal("web", "GREETING=hello\n", &["--expose-names"])
                .unwrap(),
        )
        .unwrap();
    namespace.ready("web");
    let workload = Workload::new(Kind::Deployment, "well", "web");
    workload.apply(&namespace).unwrap();
    let (code, read) = doctor(&namespace, &workload.ready(&namespace));
    assert_eq!(code, Some(0), "{read}");
    assert!(
        said(&read, "ok", "container app").contains("has the variables"),
        "{read}"
    );
    assert!(
        said(&read, "ok", "VaultSecret web").contains("revision 1"),
        "{read}"
    );

    let workload = Workload::new(Kind::Pod, "waits", "missing");
    workload.apply(&namespace).unwrap();
    eventually("the pod that waits is explained", || {
        let (code, read) = doctor(&namespace, "waits");
        let gone = said(&read, "wrong", "VaultSecret missing");
        ensure!(code == Some(1) && gone.contains("not there"), "{read}");
        ensure!(
            said(&read, "ok", "container app").is_empty(),
            "it has nothing: {read}"
        );
        let app = said(&read, "note", "container app");
        ensure!(app.contains("has not started"), "{read}");
        let sidecar = said(&read, "wrong", "container splitvault");
        ensure!(sidecar.contains("kubelet's wording for files"), "{read}");
        let next = format!("kubectl -n {} get vaultsecret missing", namespace.name());
        ensure!(read.to_string().contains(&format!("\"{next}\"")), "{read}");
        Ok(())
    });

    let workload = Workload::new(Kind::Pod, "plain", "web").plain();
    workload.apply(&namespace).unwrap();
    let (code, read) = doctor(&namespace, "plain");
    assert_eq!(code, Some(0), "{read}");
    assert!(
        said(&read, "note", "splitvault.dev/inject").contains("asks for nothing"),
        "{read}"
    );
}

#[test]
fn a_misspelt_annotation_is_found_where_nobody_else_looks() {
    let namespace = Namespace::make("misspelt").unwrap();
    let mut pod: Value =
        serde_json::from_str(&Workload::new(Kind::Pod, "web", "web").plain().manifest()).unwrap();
    pod["metadata"]["annotations"]["splitvault.dev/injects"] = "web".into();
    namespace.apply(&pod.to_string()).unwrap();
    let (code, read) = doctor(&namespace, "web");
    assert_eq!(code, Some(1), "{read}");
    assert!(
        said(&read, "wrong", "splitvault.dev/injects").contains("splitvault.dev/inject"),
        "{read}"
    );
}

#[test]
fn after_a_change_it_finds_an_application_that_was_not_told_and_a_process_that_is_behind() {
    let namespace = Namespace::make("untold").unwrap();
    let apply = |dotenv| {
        let sealed = namespace.seal("web", dotenv, &[]).unwrap();
        namespace.apply(&sealed).unwrap();
    };
    apply("GREETING=hello\n");
    namespace.ready("web");
    let behind = Workload::new(Kind::Deployment, "behind", "web").annotated("refresh", "1s");
    behind.apply(&namespace).unwrap();
    let behind = behind.ready(&namespace);
    // Nobody listens on the port for discarding (RFC 863).
    let deaf = Workload::new(Kind::Pod, "deaf", "web")
        .annotated("mode", "file")
        .annotated("refresh", "1s")
        .annotated("on-change", "HTTP")
        .annotated("on-change-url", "http://127.0.0.1:9/reload");
    deaf.apply(&namespace).unwrap();
    let deaf = deaf.ready(&namespace);
    for pod in [&behind, &deaf] {
        let (code, read) = doctor(&namespace, pod);
        assert_eq!(code, Some(0), "{read}");
        assert_eq!(
            said(&read, "note", "container app"),
            "",
            "the first delivery: {read}"
        );
    }

    apply("GREETING=changed\n");
    eventually("the process is found to be behind", || {
        let (code, read) = doctor(&namespace, &behind);
        let told = said(&read, "note", "container app");
        ensure!(code == Some(0) && told.contains("revision web:2"), "{read}");
        ensure!(
            read.to_string().contains("rollout restart deployment/behind"),
            "{read}"
        );
        Ok(())
    });
    eventually("the application is found not to have been told", || {
        let (code, read) = doctor(&namespace, &deaf);
        let told = said(&read, "wrong", "splitvault.dev/on-change");
        ensure!(
            code == Some(1) && told.contains("POST http://127.0.0.1:9/reload failed"),
            "{read}"
        );
        ensure!(
            said(&read, "note", "container app").is_empty(),
            "it reads a file: {read}"
        );
        Ok(())
    });
}

#[test]
fn it_finds_a_pod_that_keeps_what_it_has_because_a_change_cannot_be_written() {
    let namespace = Namespace::make("stuck").unwrap();
    let apply = |dotenv| {
        let sealed = namespace.seal("web", dotenv, &["--expose-names"]).unwrap();
        namespace.apply(&sealed).unwrap();
    };
    apply("GREETING=hello\n");
    namespace.ready("web");
    let stuck = Workload::new(Kind::Pod, "stuck", "web").annotated("refresh", "1s");
    stuck.apply(&namespace).unwrap();
    let stuck = stuck.ready(&namespace);
    assert_eq!(doctor(&namespace, &stuck).0, Some(0));

    apply("GREETING=\"it's\"\n");
    eventually("what cannot be written is found", || {
        let (code, read) = doctor(&namespace, &stuck);
        let told = said(&read, "wrong", "log of container splitvault");
        ensure!(
            code == Some(1) && told.contains("stays at web:1: kubelet cannot set"),
            "{read}"
        );
        let event = said(&read, "note", "event ValueNotForKubelet");
        ensure!(event.contains("single quote"), "{read}");
        Ok(())
    });
    apply("GREETING=mended\n");
    eventually("nothing is wrong any more", || {
        let (code, read) = doctor(&namespace, &stuck);
        ensure!(code == Some(0), "{read}");
        Ok(())
    });
}
