//! Exec probes and hooks of containers that are started by `exec`.

use serde_json::{Value, json};

use crate::inject::Names;
use crate::inject::fixture::*;

fn warned(pod: &Value, names: &Names) -> Option<String> {
    let warnings = plan(pod, names, true).unwrap().warnings;
    warnings
        .into_iter()
        .find(|warning| warning.contains("splitvault.dev/exec"))
}

/// With each kind of probe and hook, and one that has no command.
fn whole() -> Value {
    let mut container = app();
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        container[probe] = json!({"exec": {"command": ["check", probe]}, "periodSeconds": 5});
    }
    container["lifecycle"] = json!({
        "postStart": {"exec": {"command": ["begin"]}},
        "preStop": {"exec": {"command": ["end"]}},
    });
    let mut other = app();
    other["name"] = json!("other");
    other["livenessProbe"] = json!({"httpGet": {"port": 80}});
    other["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 1}}});
    pod(json!([container, other]))
}

fn commands(pod: &Value) -> Vec<Value> {
    let places = [
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle/postStart",
        "lifecycle/preStop",
    ];
    let command = |place| {
        pod.pointer(&format!("/spec/containers/0/{place}/exec/command"))
            .unwrap()
    };
    places.into_iter().map(|place| command(place).clone()).collect()
}

#[test]
fn what_does_not_see_the_variables_is_named_with_the_remedy() {
    let mut pod = pod(json!([app()]));
    assert_eq!(warned(&pod, &Names::Hidden), None);
    pod["spec"]["containers"][0]["livenessProbe"] = json!({"exec": {"command": ["check"]}});
    let warning = warned(&pod, &Names::Hidden).unwrap();
    assert!(
        warning.contains("app") && warning.contains("\"probes\""),
        "{warning}"
    );
    assert_eq!(
        warned(&pod, &exposed(&["A"])),
        None,
        "kubelet's variables are in every process"
    );
    assert_eq!(
        warned(&annotated(pod.clone(), "exec", "probes"), &Names::Hidden),
        None
    );
    pod["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"exec": {"command": ["end"]}}});
    assert!(warned(&pod, &Names::Hidden).unwrap().contains("\"probes,hooks\""));
    let hooks = warned(&annotated(pod.clone(), "exec", "probes"), &Names::Hidden).unwrap();
    assert!(hooks.contains("\"hooks\""), "{hooks}");
    pod["spec"]["containers"][0]["livenessProbe"] = json!({"httpGet": {"port": 80}});
    assert!(warned(&pod, &Names::Hidden).unwrap().contains("\"hooks\""));
}

#[test]
fn they_are_started_by_exec_when_asked_for() {
    let by_exec =
        |command: &[&str]| json!([&["/splitvault/splitvault-sidecar", "exec", "--"], command].concat());
    let before = commands(&whole());
    let probes = [
        by_exec(&["check", "livenessProbe"]),
        by_exec(&["check", "readinessProbe"]),
        by_exec(&["check", "startupProbe"]),
    ];
    let hooks = [by_exec(&["begin"]), by_exec(&["end"])];
    for (asked, expected) in [
        ("probes", [&probes[..], &before[3..]].concat()),
        ("hooks", [&before[..3], &hooks[..]].concat()),
        ("probes,hooks", [&probes[..], &hooks[..]].concat()),
    ] {
        let got = admitted(&annotated(whole(), "exec", asked), &Names::Hidden);
        assert_eq!(commands(&got), expected, "{asked}");
        assert_eq!(got["spec"]["containers"][0]["livenessProbe"]["periodSeconds"], 5);
        let other = &got["spec"]["containers"][1];
        assert_eq!(other["livenessProbe"], json!({"httpGet": {"port": 80}}));
        assert_eq!(other["lifecycle"], json!({"preStop": {"sleep": {"seconds": 1}}}));
    }
}

#[test]
fn where_kubelet_sets_the_variables_nothing_has_to_be_done() {
    let got = admitted(&annotated(whole(), "exec", "probes,hooks"), &exposed(&["A"]));
    assert_eq!(commands(&got), commands(&whole()));
}

#[test]
fn a_native_sidecar_of_the_pods_own_has_probes_too() {
    let mut pod = annotated(pod(json!([app()])), "exec", "probes");
    pod["spec"]["initContainers"] = json!([{"name": "proxy", "image": "i", "command": ["proxy"], "restartPolicy": "Always",
        "startupProbe": {"exec": {"command": ["check"]}}}]);
    let got = admitted(&pod, &Names::Hidden);
    let proxy = named(&got["spec"]["initContainers"], "proxy");
    assert_eq!(proxy["startupProbe"]["exec"]["command"][3], "check");
}

#[test]
fn a_command_that_is_none_is_left_to_the_api_server() {
    let mut pod = annotated(pod(json!([app()])), "exec", "probes,hooks");
    for nothing in [json!({}), json!({"command": null}), json!({"command": []})] {
        pod["spec"]["containers"][0]["livenessProbe"] = json!({"exec": nothing});
        let got = admitted(&pod, &Names::Hidden);
        assert_eq!(got["spec"]["containers"][0]["livenessProbe"]["exec"], nothing);
    }
}
