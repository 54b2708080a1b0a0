//! What a container's `env` gets: variables by kubelet, the gate, and the names that the pod keeps to itself.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::{Value, json};
use splitvault_wire::pod as wire;

use super::containers::{Target, Way};
use super::{Exposed, Injectable, Names};

/// Names in one warning; the API server cuts a warning after 256 bytes.
const SHOWN: usize = 5;

/// The entries. They come before the pod's own, so that those may refer to them by `$(NAME)`.
pub(super) fn of(target: &Target<'_>, objects: &[Injectable], environment_files: bool) -> Vec<Value> {
    let own = own(target.container);
    let mut entries = Vec::new();
    match target.way {
        Way::Kubelet => {
            let variables = usable(objects);
            let variables = variables
                .iter()
                .filter(|variable| !own.contains(variable.name.as_str()));
            entries.extend(variables.map(|variable| by_kubelet(variable)));
        }
        Way::Exec => {
            let keep: Vec<_> = own.into_iter().filter(|name| is_name(name)).collect();
            if !keep.is_empty() {
                entries.push(json!({"name": wire::KEEP, "value": keep.join(",")}));
            }
        }
        Way::File => {}
    }
    if environment_files {
        // Not optional: kubelet does not make the container before the file is there.
        entries.push(from_file(wire::REVISION, wire::GATE_ENV, wire::REVISION, false));
    }
    entries
}

/// Says what a person may not expect.
pub(super) fn warn_about(
    spec: &PodSpec,
    targets: &[Target<'_>],
    objects: &[Injectable],
    warnings: &mut Vec<String>,
) {
    let names = exposed(objects).map(|variable| variable.name.as_str());
    let unusable: BTreeSet<_> = names.filter(|name| !is_usable(name)).collect();
    if !unusable.is_empty() && targets.iter().any(|target| target.way == Way::Kubelet) {
        warnings.push(format!(
            "not set, as no variable may have these names: {}",
            list(&unusable)
        ));
    }
    for target in targets.iter().filter(|target| target.way != Way::File) {
        warn_about_container(target, objects, warnings);
    }
    let by_cluster = matches!(spec.dns_policy.as_deref(), None | Some("ClusterFirst"));
    let host = spec.host_network == Some(true);
    if spec.dns_policy.as_deref() != Some("ClusterFirstWithHostNet") && (host || !by_cluster) {
        warnings.push(
            "the pod does not use the cluster's DNS, so the sidecar may not find the operator: \
             set dnsPolicy to ClusterFirstWithHostNet (host network) or ClusterFirst"
                .to_owned(),
        );
    }
}

fn warn_about_container(target: &Target<'_>, objects: &[Injectable], warnings: &mut Vec<String>) {
    let container = target.container;
    let name = &container.name;
    let own = own(container);
    let both: BTreeSet<_> = usable(objects)
        .into_iter()
        .map(|variable| variable.name.as_str())
        .filter(|name| own.contains(name))
        .collect();
    if target.way == Way::Kubelet && !both.is_empty() {
        warnings.push(format!(
            "container {name} sets these itself, which wins: {}",
            list(&both)
        ));
    }
    if target.way == Way::Exec && !own.is_empty() {
        warnings.push(format!(
            "what container {name} sets in env wins over its VaultSecrets"
        ));
    }
    if container.env_from.as_ref().is_some_and(|from| !from.is_empty()) {
        warnings.push(format!(
            "VaultSecrets win over what container {name} takes by envFrom"
        ));
    }
}

/// Kubelet takes an empty value in a file for a variable that is not there.
fn by_kubelet(variable: &Exposed) -> Value {
    let name = variable.name.as_str();
    if variable.empty {
        json!({"name": name, "value": ""})
    } else {
        from_file(name, wire::KUBELET_ENV, name, true)
    }
}

fn from_file(name: &str, file: &str, key: &str, optional: bool) -> Value {
    let mut reference = json!({"volumeName": wire::ENV_VOLUME, "path": file, "key": key});
    if optional {
        reference["optional"] = json!(true);
    }
    json!({"name": name, "valueFrom": {"fileKeyRef": reference}})
}

/// Names that the pod's spec sets itself.
fn own(container: &Container) -> BTreeSet<&str> {
    container
        .env
        .iter()
        .flatten()
        .map(|variable| variable.name.as_str())
        .collect()
}

fn exposed(objects: &[Injectable]) -> impl DoubleEndedIterator<Item = &Exposed> {
    let variables = objects.iter().filter_map(|object| match &object.names {
        Names::Exposed(variables) => Some(variables),
        Names::Unwritable(_) | Names::Hidden | Names::Unknown(_) => None,
    });
    variables.flatten()
}

/// The variables that may be set, in order, each once: of the last VaultSecret that has it.
fn usable(objects: &[Injectable]) -> Vec<&Exposed> {
    let mut seen = BTreeSet::new();
    let mut last: Vec<_> = exposed(objects)
        .rev()
        .filter(|variable| is_usable(&variable.name) && seen.insert(&variable.name))
        .collect();
    last.reverse();
    last
}

fn is_usable(name: &str) -> bool {
    is_name(name) && !name.starts_with(wire::RESERVED)
}

/// `[A-Za-z_][A-Za-z0-9_]*`: what every shell and every kubelet takes.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn list(names: &BTreeSet<&str>) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(SHOWN)
        .map(|name| name.chars().take(40).collect::<String>())
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
