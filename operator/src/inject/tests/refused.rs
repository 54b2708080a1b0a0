//! What cannot work is refused, and the sentence names the fix.

use serde_json::{Value, json};

use crate::inject::fixture::*;
use crate::inject::{Names, NoCommand, Refusal, Unknown};

#[test]
fn a_container_without_command_needs_exposed_names() {
    let refusal = refused(&pod(json!([bare()])), &Names::Hidden);
    let why = NoCommand::Hidden {
        name: "web".to_owned(),
    };
    assert_eq!(
        refusal,
        Refusal::NoCommand {
            container: "app".to_owned(),
            why
        }
    );
    assert!(!refusal.is_passing());
    let sentence = refusal.to_string();
    for advice in [
        "exposeNames",
        "command",
        "splitvault.dev/mode: file",
        "splitvault.dev/containers",
    ] {
        assert!(sentence.contains(advice), "{sentence}");
    }
}

#[test]
fn an_empty_command_is_none() {
    let mut container = bare();
    container["command"] = json!([]);
    assert!(matches!(
        refused(&pod(json!([container])), &Names::Hidden),
        Refusal::NoCommand { .. }
    ));
}

#[test]
fn what_may_pass_by_itself_is_worth_another_try() {
    for (why, passing) in [
        (Unknown::Missing, true),
        (Unknown::NotReady, true),
        (Unknown::Unavailable, true),
        (Unknown::NotAllowed, false),
    ] {
        let refusal = refused(&pod(json!([bare()])), &Names::Unknown(why));
        assert_eq!(refusal.is_passing(), passing, "{why:?}");
        assert!(refusal.to_string().contains("web"));
    }
}

#[test]
fn without_environment_files_a_command_is_needed() {
    let refusal = plan(&pod(json!([bare()])), &exposed(&["A"]), false).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::NoCommand {
            container: "app".to_owned(),
            why: NoCommand::NoEnvironmentFiles
        }
    );
}

#[test]
fn an_init_container_that_is_named_needs_a_way_like_any_other() {
    let mut pod = annotated(pod(json!([app()])), "containers", "app,setup");
    pod["spec"]["initContainers"] = json!([{"name": "setup", "image": "i"}]);
    assert!(
        matches!(refused(&pod, &Names::Hidden), Refusal::NoCommand { container, .. } if container == "setup")
    );
}

#[test]
fn a_container_that_is_not_there_is_named_with_those_that_are() {
    let pod = annotated(pod(json!([app()])), "containers", "app,ap");
    let refusal = refused(&pod, &Names::Hidden);
    assert_eq!(
        refusal,
        Refusal::NoSuchContainer {
            name: "ap".to_owned(),
            there: "app".to_owned()
        }
    );
}

#[test]
fn names_and_places_of_ours_are_not_taken_over() {
    let change = |place: &str, value: Value| {
        let mut pod = pod(json!([app()]));
        let (parent, field) = place.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[field] = value;
        refused(&pod, &Names::Hidden)
    };
    let container = |what| Refusal::NameTaken {
        what,
        name: "splitvault",
    };
    assert_eq!(
        change("/spec/containers/0/name", json!("splitvault")),
        container("container")
    );
    assert_eq!(
        change(
            "/spec/initContainers",
            json!([{"name": "splitvault", "image": "i"}])
        ),
        container("container")
    );
    for name in ["splitvault-env", "splitvault-bin", "splitvault-token"] {
        let refusal = change(
            "/spec/volumes",
            json!([{"name": name, "hostPath": {"path": "/"}}]),
        );
        assert_eq!(refusal, Refusal::NameTaken { what: "volume", name });
    }
    for path in ["/run/splitvault", "/run/splitvault/", "/splitvault"] {
        let refusal = change(
            "/spec/containers/0/volumeMounts",
            json!([{"name": "data", "mountPath": path}]),
        );
        assert!(matches!(refusal, Refusal::MountTaken { .. }), "{path}");
    }
    for name in ["SPLITVAULT_REVISION", "SPLITVAULT_KEEP"] {
        let refusal = change("/spec/containers/0/env", json!([{"name": name, "value": "x"}]));
        assert_eq!(
            refusal,
            Refusal::VariableTaken {
                container: "app".to_owned(),
                name
            }
        );
    }
}

#[test]
fn a_path_that_is_mounted_already_is_refused() {
    let mut pod = annotated(
        annotated(pod(json!([app()])), "mode", "file"),
        "path",
        "/data/.env",
    );
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    assert!(matches!(refused(&pod, &Names::Hidden), Refusal::MountTaken { path, .. } if path == "/data"));
}

#[test]
fn a_path_whose_directory_a_container_needs_to_start_is_refused_and_the_file_alone_is_not() {
    for (path, directory) in [
        ("/etc/.env", "/etc"),
        ("/bin/.env", "/bin"),
        ("/usr/lib/env", "/usr/lib"),
    ] {
        let at = annotated(annotated(pod(json!([app()])), "mode", "file"), "path", path);
        let refusal = refused(&at, &Names::Hidden);
        assert_eq!(
            refusal,
            Refusal::HidesImage {
                container: "app".to_owned(),
                directory: directory.to_owned()
            }
        );
        assert!(refusal.to_string().contains("directory of its own") && !refusal.is_passing());
        admitted(&annotated(at, "refresh", "false"), &Names::Hidden);
    }
    let deeper = annotated(
        annotated(pod(json!([app()])), "mode", "file"),
        "path",
        "/etc/app/.env",
    );
    admitted(&deeper, &Names::Hidden);
}

#[test]
fn what_is_mounted_inside_of_our_directory_is_refused() {
    let mounting = |mut pod: Value, path: &str| {
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": path}]);
        pod
    };
    let data = annotated(
        annotated(pod(json!([app()])), "mode", "file"),
        "path",
        "/data/.env",
    );
    for (pod, path) in [
        (pod(json!([app()])), "/run/splitvault/sub"),
        (pod(json!([app()])), "/splitvault/a/b"),
        (data.clone(), "/data/cache/"),
        (
            annotated(
                annotated(pod(json!([app()])), "mode", "file"),
                "path",
                "/var/.env",
            ),
            "/var/run/secrets/kubernetes.io/serviceaccount",
        ),
    ] {
        let refusal = refused(&mounting(pod, path), &Names::Hidden);
        assert!(matches!(refusal, Refusal::MountBelow { .. }), "{path}: {refusal}");
    }
    for path in ["/run/splitvault2", "/data2", "/database/x"] {
        admitted(&mounting(data.clone(), path), &Names::Hidden);
    }
}

#[test]
fn a_container_that_would_see_our_volumes_unasked_is_refused() {
    for volume in ["splitvault-env", "splitvault-bin", "splitvault-token"] {
        let spy = json!({"name": "spy", "image": "i", "command": ["cat"],
            "volumeMounts": [{"name": volume, "mountPath": "/x"}]});
        let expected = Refusal::VolumeMounted {
            container: "spy".to_owned(),
            name: volume,
        };
        let beside = annotated(pod(json!([app(), spy])), "containers", "app");
        assert_eq!(refused(&beside, &Names::Hidden), expected);
        let mut before = pod(json!([app()]));
        before["spec"]["initContainers"] = json!([spy]);
        assert_eq!(refused(&before, &Names::Hidden), expected);
    }
}

/// Kubelet needs no mount to set a variable from a file of a volume.
#[test]
fn a_container_for_which_kubelet_would_read_our_volumes_is_refused() {
    for volume in ["splitvault-env", "splitvault-bin", "splitvault-token"] {
        let reference = json!({"volumeName": volume, "path": "kubelet.env", "key": "K"});
        let env = json!([{"name": "A", "value": "a"}, {"name": "X", "valueFrom": {"fileKeyRef": reference}}]);
        let spy = json!({"name": "spy", "image": "i", "command": ["cat"], "env": env});
        let expected = Refusal::VolumeRead {
            container: "spy".to_owned(),
            name: volume,
        };
        let beside = annotated(pod(json!([app(), spy])), "containers", "app");
        let mut before = annotated(pod(json!([app()])), "containers", "app");
        before["spec"]["initContainers"] = json!([spy]);
        for pod in [beside, before, pod(json!([spy]))] {
            for names in [Names::Hidden, exposed(&["K"])] {
                let refusal = refused(&pod, &names);
                assert_eq!(refusal, expected);
                for part in ["spy", "fileKeyRef", volume, "remove", "splitvault.dev/containers"] {
                    assert!(refusal.to_string().contains(part), "{refusal}");
                }
            }
        }
    }
    let mut own = app();
    own["env"] =
        json!([{"name": "X", "valueFrom": {"fileKeyRef": {"volumeName": "mine", "path": "a", "key": "K"}}}]);
    admitted(&pod(json!([own])), &Names::Hidden);
}

#[test]
fn other_operating_systems_are_refused() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["os"] = json!({"name": "windows"});
    assert_eq!(refused(&pod, &Names::Hidden), Refusal::NotLinux);
    pod["spec"]["os"] = json!({"name": "linux"});
    admitted(&pod, &Names::Hidden);
    pod["spec"]["nodeSelector"] = json!({"kubernetes.io/os": "windows"});
    assert_eq!(refused(&pod, &Names::Hidden), Refusal::NotLinux);
    pod["spec"]["nodeSelector"] = json!({"kubernetes.io/os": "linux"});
    admitted(&pod, &Names::Hidden);
}

#[test]
fn a_required_affinity_to_another_system_is_refused_and_one_that_leaves_linux_is_not() {
    let with = |terms: Value| {
        let mut pod = pod(json!([app()]));
        let required =
            json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}});
        pod["spec"]["affinity"] = json!({"nodeAffinity": required});
        pod
    };
    let term = |operator: &str, values: &[&str]| {
        json!({"matchExpressions": [
            {"key": "zone", "operator": "Exists"},
            {"key": "kubernetes.io/os", "operator": operator, "values": values},
        ]})
    };
    let windows = || term("In", &["windows"]);
    for terms in [json!([windows()]), json!([term("NotIn", &["linux"]), windows()])] {
        assert_eq!(refused(&with(terms), &Names::Hidden), Refusal::NotLinux);
    }
    let elsewhere = json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["windows"]}]});
    for terms in [
        json!([]),
        json!([{}]),
        json!([term("In", &["windows", "linux"])]),
        json!([term("NotIn", &["windows"])]),
        json!([windows(), elsewhere]),
    ] {
        admitted(&with(terms), &Names::Hidden);
    }
}

#[test]
fn what_is_no_pod_is_refused_and_not_quoted() {
    let specs = [
        Value::Null,
        json!([]),
        json!("spec"),
        json!({}),
        json!({"containers": []}),
        json!({"containers": {"name": "canary-5e1f"}}),
        json!({"containers": ["canary-5e1f"]}),
        json!({"containers": [{"name": 7}]}),
        json!({"containers": [{"name": "app", "command": "canary-5e1f"}]}),
        json!({"containers": [{"name": "app", "env": [{"value": 1}]}]}),
        json!({"containers": [{"name": "app"}], "initContainers": 1}),
        json!({"containers": [{"name": "app"}], "volumes": "canary-5e1f"}),
    ];
    for spec in specs {
        let mut pod = pod(json!([]));
        pod["spec"] = spec.clone();
        let refusal = refused(&pod, &Names::Hidden);
        assert_eq!(refusal, Refusal::Malformed, "{spec}");
        assert!(!format!("{refusal} {refusal:?}").contains("canary"));
    }
}
