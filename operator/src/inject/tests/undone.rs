//! What is said of a pod that another webhook changed after ours. That nothing is said of any pod as ours left it is
//! looked after by [`plan`](crate::inject::fixture::plan), for every pod of every test.

use serde_json::{Value, json};

use crate::inject::Names;
use crate::inject::fixture::*;

/// What is told of the pod once it is injected and then changed; nothing else may come of it.
fn told(pod: &Value, names: &Names, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut after = admitted(pod, names);
    change(&mut after["spec"]);
    let again = plan(&after, names, true).unwrap();
    assert!(again.patch.0.is_empty(), "{:?}", again.patch);
    again.warnings
}

/// The only one.
fn one(told: &[String], parts: &[&str]) {
    assert_eq!(told.len(), 1, "{told:?}");
    for part in parts {
        assert!(told[0].contains(part), "{part}: {}", told[0]);
    }
    assert!(told[0].len() <= 256, "{} is cut", told[0]);
}

/// By kubelet, by its command, as a file.
fn ways() -> [(&'static str, Value, Names); 3] {
    let app = || pod(json!([app()]));
    let file = annotated(app(), "mode", "file");
    [
        ("kubelet", app(), exposed(&["A", "B"])),
        ("exec", app(), Names::Hidden),
        ("file", file, Names::Hidden),
    ]
}

#[test]
fn a_container_whose_variables_were_taken_is_told() {
    let without = |field: &'static str| move |spec: &mut Value| spec["containers"][0][field] = Value::Null;
    let [kubelet, exec, file] = ways();
    let taken = &[
        "container app starts without its variables",
        "splitvault doctor pod",
    ][..];
    one(&told(&kubelet.1, &kubelet.2, without("env")), taken);
    one(&told(&exec.1, &exec.2, without("volumeMounts")), taken);
    one(&told(&file.1, &file.2, without("volumeMounts")), taken);
    let replaced = |spec: &mut Value| spec["containers"][0]["command"] = json!(["/bin/app"]);
    one(&told(&exec.1, &exec.2, replaced), taken);
    let all = |spec: &mut Value| spec["containers"][0] = app();
    for (way, pod, names) in ways() {
        let told = told(&pod, &names, all);
        assert_eq!(told.len(), 1, "{way}");
        one(&told, taken);
    }
}

#[test]
fn what_another_injector_puts_before_or_beside_is_none_of_it() {
    let [_, (_, pod, names), _] = ways();
    let wrapped = |spec: &mut Value| {
        let container = &mut spec["containers"][0];
        let own = ["command", "args"].map(|field| container[field].as_array().unwrap().clone());
        container["args"] = own.concat().into();
        container["command"] = json!(["/other/exec"]);
    };
    assert_eq!(told(&pod, &names, wrapped), Vec::<String>::new());
    for (way, pod, names) in ways() {
        let beside = |spec: &mut Value| {
            let container = &mut spec["containers"][0];
            container["image"] = json!("mirror.example/app:1");
            let mut env = container["env"].as_array().unwrap().clone();
            env.insert(0, json!({"name": "OTHER", "value": "x"}));
            container["env"] = env.into();
            spec["tolerations"] = json!([{"operator": "Exists"}]);
        };
        assert_eq!(told(&pod, &names, beside), Vec::<String>::new(), "{way}");
    }
}

#[test]
fn a_container_that_came_later_is_told_unless_it_is_not_meant() {
    let late = |spec: &mut Value| {
        let containers = spec["containers"].as_array_mut().unwrap();
        containers.push(json!({"name": "late", "image": "i", "command": ["c"]}));
    };
    for (_, pod, names) in ways() {
        one(
            &told(&pod, &names, late),
            &[
                "container late was added after",
                "splitvault.dev/containers",
                "before `splitvault`",
            ],
        );
        let chosen = annotated(pod, "containers", "app");
        assert_eq!(told(&chosen, &names, late), Vec::<String>::new());
    }
}

/// As a mesh's webhook adds them, which need no variables.
#[test]
fn an_init_container_that_came_later_or_was_passed_over_is_not_told() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["initContainers"] = json!([{"name": "other-injector", "image": "i"}]);
    let late = |spec: &mut Value| {
        let init = spec["initContainers"].as_array_mut().unwrap();
        init.push(json!({"name": "proxy", "image": "i", "command": ["c"], "restartPolicy": "Always"}));
    };
    for names in [Names::Hidden, missing(), exposed(&["A"])] {
        assert_eq!(told(&pod, &names, late), Vec::<String>::new());
    }
    let last = annotated(pod, "init-order", "last");
    assert_eq!(told(&last, &Names::Hidden, |_| ()), Vec::<String>::new());
}

#[test]
fn an_init_container_that_had_the_variables_is_told() {
    let mut pod = pod(json!([app()]));
    let migrate = json!({"name": "migrate", "image": "i", "command": ["c"]});
    pod["spec"]["initContainers"] = json!([migrate]);
    for names in [Names::Hidden, exposed(&["A"])] {
        let told = told(&pod, &names, |spec| spec["initContainers"][1] = migrate.clone());
        one(&told, &["container migrate starts without"]);
    }
}

#[test]
fn a_container_that_sees_what_is_not_meant_for_it_is_told() {
    let mount = |volume: &str| json!({"volumeMounts": [{"name": volume, "mountPath": "/x"}]});
    let reference = json!({"volumeName": "splitvault-env", "path": "kubelet.env", "key": "A"});
    let read = json!({"env": [{"name": "X", "valueFrom": {"fileKeyRef": reference}}]});
    for (_, pod, names) in ways() {
        let mut chosen = annotated(pod, "containers", "app");
        let containers = chosen["spec"]["containers"].as_array_mut().unwrap();
        containers.push(json!({"name": "spy", "image": "i"}));
        for (fields, volume) in [
            (mount("splitvault-env"), "splitvault-env"),
            (mount("splitvault-token"), "splitvault-token"),
            (read.clone(), "splitvault-env"),
        ] {
            let peeks = |spec: &mut Value| {
                for (field, value) in fields.as_object().unwrap() {
                    spec["containers"][1][field] = value.clone();
                }
            };
            let told = told(&chosen, &names, peeks);
            one(&told, &["container spy", volume, "splitvault.dev/containers"]);
        }
    }
}

#[test]
fn the_token_is_for_no_container_but_ours() {
    for (_, pod, names) in ways() {
        let peeks = |spec: &mut Value| {
            let mounts = &mut spec["containers"][0]["volumeMounts"];
            let mut all = mounts.as_array().cloned().unwrap_or_default();
            all.push(json!({"name": "splitvault-token", "mountPath": "/x"}));
            *mounts = all.into();
        };
        one(&told(&pod, &names, peeks), &["container app", "splitvault-token"]);
    }
}

#[test]
fn a_container_that_waits_no_longer_is_told_where_it_did() {
    let ungated = |spec: &mut Value| {
        let env = spec["containers"][0]["env"].as_array_mut().unwrap();
        env.retain(|variable| variable["name"] != "SPLITVAULT_REVISION");
    };
    for (way, pod, names) in ways() {
        let told = told(&pod, &names, ungated);
        assert_eq!(told.len(), 1, "{way}");
        one(&told, &["container app may start before", "SPLITVAULT_REVISION"]);
    }
    // One that delivers once has no probe that would tell; another container does.
    let two = pod(json!([app(), {"name": "second", "image": "i", "command": ["c"]}]));
    let once = annotated(two, "refresh", "false");
    one(
        &told(&once, &Names::Hidden, ungated),
        &["container app may start before"],
    );
    // Where kubelets read no files the sidecar's probe holds everybody up.
    for (_, pod, names) in ways() {
        let injected = patched(&pod, &plan(&pod, &names, false).unwrap());
        assert_eq!(
            plan(&injected, &names, false).unwrap().warnings,
            Vec::<String>::new()
        );
    }
}

#[test]
fn no_warning_is_cut_and_none_of_a_forged_marker_makes_it_panic() {
    let long = "n".repeat(63);
    let containers = json!([{"name": long, "image": "i", "command": ["c"]}, app()]);
    let strip = |spec: &mut Value| spec["containers"][0]["command"] = json!(["c"]);
    let pods = pod(containers);
    one(&told(&pods, &Names::Hidden, strip), &[&long]);
    let ungated = |spec: &mut Value| spec["containers"][0]["env"] = json!([]);
    one(&told(&pods, &Names::Hidden, ungated), &["may start before"]);
    let peeks = |spec: &mut Value| {
        let mounts = spec["containers"][0]["volumeMounts"].as_array_mut().unwrap();
        mounts.push(json!({"name": "splitvault-token", "mountPath": "/x"}));
    };
    one(&told(&pods, &Names::Hidden, peeks), &["splitvault-token"]);
    for (_, pod, names) in ways() {
        let long = long.clone();
        let late = move |spec: &mut Value| {
            let containers = spec["containers"].as_array_mut().unwrap();
            containers.push(json!({"name": long, "image": "i"}));
        };
        one(&told(&pod, &names, late), &["was added after"]);
    }
    for marker in [
        "",
        "=",
        "app",
        "app=",
        "app=,,",
        ", =exec (",
        "app=exec",
        "é=none (",
        "and 7 more",
    ] {
        let mut after = admitted(&pod(json!([app()])), &Names::Hidden);
        after["metadata"]["annotations"]["splitvault.dev/injected-as"] = json!(marker);
        for spec in [
            after["spec"].clone(),
            json!({"initContainers": [{"name": "splitvault"}], "containers": [7, null, {}]}),
        ] {
            after["spec"] = spec;
            let _any = plan(&after, &Names::Hidden, true);
        }
    }
}
