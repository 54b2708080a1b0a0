//! Whatever the pod: nothing of its own is lost.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::fixture::{exposed, plan, pod};
use super::{Names, Unknown, is_injected};

/// Some JSON, as a field of a later version may have.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-z/~]{1,6}", inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn list(item: impl Strategy<Value = Value>) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        vec(item, 0..4).prop_map(|items| Some(Value::from(items)))
    ]
}

fn container() -> impl Strategy<Value = Value> {
    let env =
        ("[A-C]", any_json()).prop_map(|(name, later)| json!({"name": name, "value": "v", "xLater": later}));
    let mount = "[a-z]{1,4}".prop_map(|name| json!({"name": name, "mountPath": format!("/{name}")}));
    let command = prop_oneof![
        Just(None),
        vec("[ -~]{0,6}", 0..3).prop_map(|command| Some(json!(command)))
    ];
    (command, list(env), list(mount), any_json()).prop_map(|(command, env, mounts, later)| {
        let mut fields = Map::new();
        fields.insert("xLater".to_owned(), later);
        for (name, value) in [("command", command), ("env", env), ("volumeMounts", mounts)] {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        }
        Value::Object(fields)
    })
}

fn any_pod() -> impl Strategy<Value = Value> {
    let volume = any_json().prop_map(|later| json!({"name": "data", "emptyDir": {}, "xLater": later}));
    let init = prop_oneof![Just(None), vec(container(), 0..3).prop_map(Some)];
    (
        vec(container(), 1..4),
        init,
        list(volume),
        any_json(),
        any::<bool>(),
        prop_oneof![
            Just("first"),
            Just("last"),
            Just("after=init-0"),
            Just("after=init-1")
        ],
    )
        .prop_map(|(containers, init, volumes, later, file, order)| {
            let mut pod = pod(numbered("app", containers));
            pod["xLater"] = later.clone();
            pod["spec"]["xLater"] = later.clone();
            pod["metadata"]["xLater"] = later;
            if let Some(init) = init {
                pod["spec"]["initContainers"] = numbered("init", init);
            }
            if let Some(volumes) = volumes {
                pod["spec"]["volumes"] = volumes;
            }
            pod["metadata"]["annotations"]["splitvault.dev/init-order"] = json!(order);
            if file {
                pod["metadata"]["annotations"]["splitvault.dev/mode"] = json!("file");
            }
            pod
        })
}

fn numbered(name: &str, containers: Vec<Value>) -> Value {
    let number = |(number, mut container): (usize, Value)| {
        container["name"] = json!(format!("{name}-{number}"));
        container
    };
    containers.into_iter().enumerate().map(number).collect()
}

fn any_names() -> impl Strategy<Value = Names> {
    prop_oneof![
        Just(Names::Hidden),
        Just(Names::Unknown(Unknown::Missing)),
        Just(exposed(&["A", "B", "Z", "with.dot"])),
    ]
}

/// Whether `after` has all of `before`: the same scalars, every field, every item in the same order. What was null
/// or an empty list may have become a list.
fn keeps(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Null, Value::Null | Value::Array(_)) => true,
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .all(|(field, value)| after.get(field).is_some_and(|after| keeps(value, after))),
        (Value::Array(before), Value::Array(after)) => {
            let mut rest = after.iter();
            before.iter().all(|item| rest.any(|after| keeps(item, after)))
        }
        (before, after) => before == after,
    }
}

proptest! {
    #[test]
    fn a_patch_applies_and_loses_nothing(pod in any_pod(), names in any_names(), files in any::<bool>()) {
        if let Ok(injection) = plan(&pod, &names, files) {
            let mut after = pod.clone();
            json_patch::patch(&mut after, &injection.patch).unwrap();
            prop_assert!(keeps(&pod, &after), "before {pod}\nafter {after}");
            prop_assert!(is_injected(&after));
            prop_assert!(plan(&after, &names, files).unwrap().patch.0.is_empty());
            prop_assert!(injection.patch.0.iter().all(|one| matches!(one, json_patch::PatchOperation::Add(_))));
        }
    }

    /// What a mesh's webhook adds that is called after ours, at the start or at the end.
    #[test]
    fn ours_is_put_back_once_and_nobody_waits_for_who_comes_later(pod in any_pod(), names in any_names(), first in any::<bool>()) {
        if let Ok(injection) = plan(&pod, &names, true) {
            let mut after = pod.clone();
            json_patch::patch(&mut after, &injection.patch).unwrap();
            let proxy = json!({"name": "proxy", "image": "p", "restartPolicy": "Always"});
            let init = after["spec"]["initContainers"].as_array_mut().unwrap();
            init.insert(if first { 0 } else { init.len() }, proxy);
            let mut restored = after.clone();
            json_patch::patch(&mut restored, &plan(&after, &names, true).unwrap().patch).unwrap();
            prop_assert!(plan(&restored, &names, true).unwrap().patch.0.is_empty(), "{restored}");
            let init = restored["spec"]["initContainers"].as_array().unwrap();
            prop_assert_eq!(init.len(), after["spec"]["initContainers"].as_array().unwrap().len());
            let before = init.iter().take_while(|container| container["name"] != "splitvault");
            for container in before {
                prop_assert!(!container.to_string().contains("splitvault-env"), "{restored}");
            }
        }
    }

    #[test]
    fn names_that_are_not_exposed_are_in_no_patch(pod in any_pod(), files in any::<bool>()) {
        if let Ok(injection) = plan(&pod, &Names::Hidden, files) {
            let patch = serde_json::to_string(&injection.patch).unwrap();
            prop_assert!(!patch.contains("kubelet.env"));
        }
    }

    #[test]
    fn nothing_that_is_given_as_a_spec_makes_it_panic(spec in any_json(), names in any_names()) {
        let mut pod = pod(json!([]));
        pod["spec"] = spec;
        prop_assert!(plan(&pod, &names, true).is_err());
    }
}

#[test]
fn the_comparison_notices_what_is_lost() {
    let before = json!({"a": [1, {"b": 2}], "c": null});
    assert!(keeps(&before, &json!({"a": [0, 1, {"b": 2, "d": 1}], "c": [1]})));
    for after in [
        json!({"a": [{"b": 2}, 1], "c": null}),
        json!({"a": [1, {}], "c": null}),
        json!({"a": [1, {"b": 2}]}),
    ] {
        assert!(!keeps(&before, &after), "{after}");
    }
}
