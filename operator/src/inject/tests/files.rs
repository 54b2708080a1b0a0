//! Where the file is, and how it is written.

use serde_json::{Value, json};

use crate::inject::fixture::*;
use crate::inject::{Names, Refusal};

fn file(annotations: &[(&str, &str)]) -> Value {
    let pod = annotated(pod(json!([bare()])), "mode", "file");
    annotations
        .iter()
        .fold(pod, |pod, (name, value)| annotated(pod, name, value))
}

/// The application's mount, and what the sidecar is told of format and name.
fn told(annotations: &[(&str, &str)]) -> (Value, Value, Value) {
    let pod = admitted(&file(annotations), &Names::Hidden);
    let env = &pod["spec"]["initContainers"][0]["env"];
    (
        pod["spec"]["containers"][0]["volumeMounts"][0].clone(),
        named(env, "SPLITVAULT_FORMAT")["value"].clone(),
        named(env, "SPLITVAULT_FILE")["value"].clone(),
    )
}

fn mount(path: &str) -> Value {
    json!({"name": "splitvault-env", "mountPath": path, "readOnly": true})
}

#[test]
fn each_format_has_its_usual_name() {
    assert_eq!(told(&[]), (mount("/run/splitvault"), Value::Null, Value::Null));
    let dotenv = told(&[("format", "dotenv")]);
    assert_eq!(dotenv, (mount("/run/splitvault"), Value::Null, Value::Null));
    for format in ["json", "yaml", "files"] {
        assert_eq!(
            told(&[("format", format)]),
            (mount("/run/splitvault"), json!(format), Value::Null)
        );
    }
}

#[test]
fn a_path_mounts_its_directory_and_names_the_file_in_it() {
    for (format, path, name) in [
        ("dotenv", "/etc/app/.env", Value::Null),
        ("dotenv", "/etc/app/app.env", json!("app.env")),
        ("json", "/etc/app/env.json", Value::Null),
        ("json", "/etc/app/settings", json!("settings")),
        ("files", "/etc/app/secrets", json!("secrets")),
    ] {
        let (got, _, file) = told(&[("format", format), ("path", path)]);
        assert_eq!((got, file), (mount("/etc/app"), name), "{path}");
    }
}

#[test]
fn what_is_never_refreshed_is_mounted_by_itself() {
    for (format, usual) in [
        ("dotenv", ".env"),
        ("json", "env.json"),
        ("yaml", "env.yaml"),
        ("files", "env"),
    ] {
        let (got, _, file) = told(&[
            ("format", format),
            ("refresh", "false"),
            ("path", "/app/settings"),
        ]);
        let mut expected = mount("/app/settings");
        expected["subPath"] = json!(usual);
        assert_eq!((got, file), (expected, Value::Null));
    }
}

#[test]
fn a_name_that_the_sidecar_needs_is_refused() {
    for name in [
        "gate.env",
        "env.bin",
        "kubelet.env",
        "ca.crt",
        "..data",
        ".changed",
        ".x.new",
    ] {
        let pod = file(&[("path", &format!("/etc/app/{name}"))]);
        let expected = Refusal::FileTaken {
            name: name.to_owned(),
        };
        assert_eq!(refused(&pod, &Names::Hidden), expected);
        admitted(&annotated(pod, "refresh", "false"), &Names::Hidden);
    }
}

#[test]
fn there_is_room_for_the_set_before() {
    for (format, limit) in [
        ("dotenv", "8Mi"),
        ("json", "20Mi"),
        ("yaml", "20Mi"),
        ("files", "20Mi"),
    ] {
        let pod = admitted(&file(&[("format", format)]), &Names::Hidden);
        let volume = named(&pod["spec"]["volumes"], "splitvault-env");
        assert_eq!(volume["emptyDir"]["sizeLimit"], limit);
        assert_eq!(volume["emptyDir"]["medium"], "Memory");
    }
}
