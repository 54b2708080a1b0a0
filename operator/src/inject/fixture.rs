//! Pods and surroundings for the tests.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use splitvault_api::Request;

use super::{
    InjectConfig, Injectable, Injection, Names, Programs, Refusal, Surroundings, Unknown, inject,
    is_injected, undone,
};

pub(super) fn config() -> InjectConfig {
    InjectConfig {
        image: "registry.example/splitvault-sidecar:1".to_owned(),
        pull_policy: "IfNotPresent".to_owned(),
        operator_url: "https://splitvault-operator.splitvault-system.svc:8443".to_owned(),
        log_level: "info".to_owned(),
        environment_files: None,
    }
}

/// A pod with the annotation `inject: web` and these containers.
pub(super) fn pod(containers: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-", "annotations": {"splitvault.dev/inject": "web"}},
        "spec": {"containers": containers, "restartPolicy": "Always"},
    })
}

/// A container with a command.
pub(super) fn app() -> Value {
    json!({"name": "app", "image": "example/app:1", "command": ["/bin/app"], "args": ["--serve"]})
}

/// A container that leaves the command to its image.
pub(super) fn bare() -> Value {
    json!({"name": "app", "image": "example/app:1"})
}

/// The same pod with one more annotation of ours.
pub(super) fn annotated(mut pod: Value, name: &str, value: &str) -> Value {
    pod["metadata"]["annotations"][format!("splitvault.dev/{name}")] = json!(value);
    pod
}

pub(super) fn exposed(names: &[&str]) -> Names {
    Names::Exposed(names.iter().map(|name| (*name).into()).collect())
}

pub(super) fn missing() -> Names {
    Names::Unknown(Unknown::Missing)
}

/// What the annotations ask for.
pub(super) fn request(pod: &Value) -> Request {
    let annotations = BTreeMap::deserialize(&pod["metadata"]["annotations"]).unwrap();
    Request::parse(&annotations).unwrap().unwrap()
}

/// Plans with the same knowledge of every VaultSecret that the pod asks for, and none of images.
pub(super) fn plan(pod: &Value, names: &Names, environment_files: bool) -> Result<Injection, Refusal> {
    plan_with(pod, names, environment_files, &Programs::default())
}

/// Plans with this knowledge of images as well.
pub(super) fn plan_with(
    pod: &Value,
    names: &Names,
    environment_files: bool,
    programs: &Programs,
) -> Result<Injection, Refusal> {
    let request = request(pod);
    let object = |name: &String| Injectable {
        name: name.clone(),
        names: names.clone(),
    };
    let objects: Vec<_> = request.vault_secrets.iter().map(object).collect();
    let config = config();
    let around = Surroundings {
        config: &config,
        ca: "PEM",
        environment_files,
        restart_in_place: environment_files,
        programs,
    };
    let planned = inject(pod, &request, &objects, &around)?;
    if !is_injected(pod) {
        let undone = undone::warnings(&patched(pod, &planned), &request);
        assert_eq!(undone, Vec::<String>::new(), "of a pod as we left it");
    }
    Ok(planned)
}

/// The pod as it is admitted.
pub(super) fn patched(pod: &Value, injection: &Injection) -> Value {
    let mut pod = pod.clone();
    json_patch::patch(&mut pod, &injection.patch).unwrap();
    pod
}

/// Pod in, pod out.
pub(super) fn admitted(pod: &Value, names: &Names) -> Value {
    patched(pod, &plan(pod, names, true).unwrap())
}

/// Pod in, refusal out.
pub(super) fn refused(pod: &Value, names: &Names) -> Refusal {
    plan(pod, names, true).unwrap_err()
}

/// The element of a list that has this name.
pub(super) fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .find(|item| item["name"] == name)
        .unwrap_or(&Value::Null)
}
