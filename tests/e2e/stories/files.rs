//! Files of each format, on tmpfs, kept fresh.

use anyhow::ensure;
use splitvault_tests::{Kind, Namespace, Workload, eventually};

fn apply(namespace: &Namespace, dotenv: &str) {
    namespace
        .apply(&namespace.seal("web", dotenv, &[]).unwrap())
        .unwrap();
}

/// A Ready pod that has `web` in a file of this format.
fn pod(namespace: &Namespace, name: &str, annotations: &[(&str, &str)]) -> Workload {
    let file = Workload::new(Kind::Pod, name, "web").annotated("mode", "file");
    let workload = annotations
        .iter()
        .fold(file, |workload, (key, value)| workload.annotated(key, value));
    workload.apply(namespace).unwrap();
    workload.ready(namespace);
    workload
}

#[test]
fn each_format_is_there_from_the_start_and_follows_a_change() {
    let namespace = Namespace::make("formats").unwrap();
    apply(&namespace, "A=one\nB=\"two lines\\nof text\"\n");
    namespace.ready("web");
    let cases = [
        (
            "dotenv",
            "/run/splitvault/.env",
            "A='one'\nB='two lines\nof text'\n",
        ),
        (
            "json",
            "/run/splitvault/env.json",
            "{\"A\":\"one\",\"B\":\"two lines\\nof text\"}\n",
        ),
        (
            "yaml",
            "/run/splitvault/env.yaml",
            "\"A\": \"one\"\n\"B\": \"two lines\\nof text\"\n",
        ),
        ("files", "/run/splitvault/env/B", "two lines\nof text"),
    ];
    let pods = cases.map(|(format, path, first)| {
        let workload = pod(&namespace, format, &[("format", format), ("refresh", "1s")]);
        assert_eq!(
            String::from_utf8(workload.read(&namespace, path).unwrap()).unwrap(),
            first
        );
        (workload, path)
    });
    apply(&namespace, "A=one\nB=changed\nC=new\n");
    for (workload, path) in &pods {
        eventually(&format!("{path} follows"), || {
            let content = String::from_utf8(workload.read(&namespace, path)?)?;
            ensure!(
                content.contains("changed") && !content.contains("two lines"),
                "{content}"
            );
            Ok(())
        });
    }
    let (files, _) = &pods[3];
    eventually("a new variable is a new file", || {
        ensure!(files.read(&namespace, "/run/splitvault/env/C")? == b"new");
        Ok(())
    });
}

#[test]
fn a_path_may_be_anywhere() {
    let namespace = Namespace::make("paths").unwrap();
    apply(&namespace, "A=one\n");
    namespace.ready("web");
    for (name, path, once, read) in [
        ("kept", "/etc/app/settings.json", false, "/etc/app/settings.json"),
        ("once", "/app/settings.json", true, "/app/settings.json"),
    ] {
        let refresh = if once { "false" } else { "1s" };
        let annotations = [("format", "json"), ("path", path), ("refresh", refresh)];
        let workload = pod(&namespace, name, &annotations);
        assert_eq!(workload.read(&namespace, read).unwrap(), b"{\"A\":\"one\"}\n");
    }
    for (name, refresh) in [("set-kept", "1s"), ("set-once", "false")] {
        let annotations = [
            ("format", "files"),
            ("path", "/etc/app/secrets"),
            ("refresh", refresh),
        ];
        let workload = pod(&namespace, name, &annotations);
        assert_eq!(workload.read(&namespace, "/etc/app/secrets/A").unwrap(), b"one");
    }
}

#[test]
fn a_name_that_the_sidecar_needs_is_refused_with_the_remedy() {
    let namespace = Namespace::make("taken").unwrap();
    let workload = Workload::new(Kind::Pod, "app", "web")
        .annotated("mode", "file")
        .annotated("path", "/etc/app/gate.env");
    let refusal = workload.apply(&namespace).unwrap_err().to_string();
    assert!(
        refusal.contains("gate.env") && refusal.contains("take another"),
        "{refusal}"
    );
}
