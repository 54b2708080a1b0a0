//! What the pod says of how it was injected.

use serde_json::{Value, json};

use crate::inject::Names;
use crate::inject::fixture::*;

fn told(pod: &Value, names: &Names, environment_files: bool) -> String {
    let injection = plan(pod, names, environment_files).unwrap();
    let annotations = &patched(pod, &injection)["metadata"]["annotations"];
    annotations["splitvault.dev/injected-as"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn each_way_is_told_with_its_reason() {
    let pod = pod(json!([app()]));
    for (names, files, told_as) in [
        (
            exposed(&["A"]),
            true,
            "app=kubelet (names exposed; environment files)",
        ),
        (Names::Hidden, true, "app=exec (command; names hidden)"),
        (missing(), true, "app=exec (command; names not known yet)"),
        (
            exposed(&["A"]),
            false,
            "app=exec (command; no environment files in this cluster)",
        ),
        (
            Names::Unwritable("A".to_owned()),
            true,
            "app=exec (command; a value does not fit environment files)",
        ),
    ] {
        assert_eq!(told(&pod, &names, files), told_as);
    }
    let file = annotated(pod, "mode", "file");
    assert_eq!(told(&file, &Names::Hidden, true), "app=file (mode file)");
}

#[test]
fn init_containers_are_told_of_and_those_that_are_left_out_on_purpose_are_not() {
    let mut pod = pod(json!([app(), {"name": "other", "image": "example/other:1", "command": ["x"]}]));
    pod["spec"]["initContainers"] = json!([
        {"name": "network", "image": "example/network:1"},
        {"name": "migrate", "image": "example/app:1", "command": ["/bin/migrate"]},
    ]);
    assert_eq!(
        told(&pod, &Names::Hidden, true),
        "migrate=exec (command; names hidden), app=exec (command; names hidden), \
         other=exec (command; names hidden), network=none (init container without command)"
    );
    let chosen = annotated(pod, "containers", "app");
    assert_eq!(
        told(&chosen, &Names::Hidden, true),
        "app=exec (command; names hidden)"
    );
}

#[test]
fn no_name_of_a_variable_is_told() {
    let names = [exposed(&["CANARY"]), Names::Unwritable("CANARY".to_owned())];
    for names in names {
        assert!(!told(&pod(json!([app()])), &names, true).contains("CANARY"));
    }
}

#[test]
fn what_somebody_else_wrote_there_is_replaced() {
    let pod = annotated(pod(json!([app()])), "injected-as", "app=kubelet (believe me)");
    assert_eq!(
        told(&pod, &Names::Hidden, true),
        "app=exec (command; names hidden)"
    );
}

#[test]
fn a_pod_of_very_many_containers_is_told_of_in_short() {
    let many = (0..1000).map(|number| {
        let mut container = app();
        container["name"] = json!(format!("{number:0>63}"));
        container
    });
    let told = told(&pod(many.collect()), &Names::Hidden, true);
    assert!(told.len() < 64 * 1024 && told.ends_with("and 936 more"));
}
