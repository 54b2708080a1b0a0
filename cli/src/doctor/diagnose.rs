//! From evidence to findings. Pure.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::Value;
use splitvault_api::{Request, annotations};

use super::evidence::Evidence;
use super::finding::{Finding, Level};
use super::{access, containers, gate, lag, marker, reaction};

/// Annotations that the operator writes.
const OURS: [&str; 4] = [
    annotations::INJECTED,
    annotations::INJECTED_AS,
    annotations::CONTENT,
    annotations::RESTARTED_FOR,
];

/// What can be said of a pod, in the order in which a person would look.
pub(super) fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    let pod = &evidence.pod;
    let annotations = texts(&pod["metadata"]["annotations"]);
    if !annotations.contains_key(annotations::INJECT) {
        return vec![match marker::injected_for(pod) {
            Some(names) => no_longer_asked(pod, names),
            None => not_asked(pod, &annotations),
        }];
    }
    let mut findings = Vec::new();
    let request = match Request::parse(&annotations) {
        Ok(Some(request)) => request,
        Ok(None) => return findings,
        Err(refusal) => {
            findings.push(Finding::new(
                Level::Wrong,
                refusal.annotation.clone(),
                refusal.problem.clone(),
            ));
            findings.extend(marker::look(evidence, &annotations));
            return findings;
        }
    };
    let asked = request.vault_secrets.join(", ");
    findings.push(Finding::new(
        Level::Well,
        annotations::INJECT,
        format!("asks for VaultSecret {asked}"),
    ));
    let unmarked = marker::look(evidence, &annotations);
    let injected = unmarked.is_empty();
    findings.extend(unmarked);
    if injected {
        findings.extend(marker::changed(pod, &request.vault_secrets));
        findings.extend(containers::look(pod, &request));
    }
    findings.extend(access::look(evidence, &request));
    if injected {
        findings.extend(gate::look(evidence));
        findings.extend(reaction::look(evidence, &request));
        findings.extend(lag::look(evidence, &request));
    }
    findings
}

/// Texts of a map; what is none is passed over.
pub(super) fn texts(map: &Value) -> BTreeMap<String, String> {
    let map = BTreeMap::<String, Value>::deserialize(map).unwrap_or_default();
    let texts = map.into_iter().filter_map(|(key, value)| match value {
        Value::String(text) => Some((key, text)),
        _ => None,
    });
    texts.collect()
}

/// `kubectl delete` where somebody makes the pod anew.
pub(super) fn make_anew(pod: &Value) -> String {
    let (namespace, name) = place(pod);
    if owner(pod).is_some() {
        format!("kubectl -n {namespace} delete pod {name}   # its owner makes it anew")
    } else {
        format!("kubectl -n {namespace} replace --force -f MANIFEST   # nobody makes pod {name} anew")
    }
}

/// `kubectl rollout restart` where the pod's workload can be told from the pod.
pub(super) fn roll(pod: &Value) -> String {
    let (namespace, _) = place(pod);
    workload(pod).map_or_else(
        || make_anew(pod),
        |workload| format!("kubectl -n {namespace} rollout restart {workload}"),
    )
}

/// Who makes the pod.
pub(super) fn owner(pod: &Value) -> Option<&Value> {
    let mut owners = pod["metadata"]["ownerReferences"].as_array()?.iter();
    owners.find(|owner| owner["controller"] == true)
}

fn workload(pod: &Value) -> Option<String> {
    let owner = owner(pod).filter(|owner| owner["apiVersion"] == "apps/v1")?;
    let name = text(&owner["name"]);
    match text(&owner["kind"]) {
        "StatefulSet" => Some(format!("statefulset/{name}")),
        "DaemonSet" => Some(format!("daemonset/{name}")),
        // A Deployment calls its ReplicaSets by its own name and the hash of the template, which it makes a label too.
        "ReplicaSet" => {
            let hash = pod["metadata"]["labels"]["pod-template-hash"].as_str()?;
            let deployment = name.strip_suffix(hash)?.strip_suffix('-')?;
            Some(format!("deployment/{deployment}"))
        }
        _ => None,
    }
}

/// The pod's namespace and name.
pub(super) fn place(pod: &Value) -> (&str, &str) {
    let metadata = &pod["metadata"];
    (text(&metadata["namespace"]), text(&metadata["name"]))
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The operator gives a pod what its annotation names, and no more.
fn no_longer_asked(pod: &Value, names: &str) -> Finding {
    let (namespace, name) = place(pod);
    let message = "is not there, but the pod was injected: somebody took it away since, so its sidecar is refused; the pod \
                   keeps what it has, or waits";
    let again = format!(
        "kubectl -n {namespace} annotate pod {name} {}={names}",
        annotations::INJECT
    );
    Finding::new(Level::Wrong, annotations::INJECT, message).next(again)
}

fn not_asked(pod: &Value, annotations: &BTreeMap<String, String>) -> Finding {
    let advice = format!(
        "write {} into the pod template's annotations",
        annotations::INJECT
    );
    let labels = texts(&pod["metadata"]["labels"]);
    if let Some(label) = labels.keys().find(|key| key.starts_with(annotations::PREFIX)) {
        return Finding::new(
            Level::Wrong,
            label.clone(),
            format!("is a label, and labels ask for nothing: {advice}"),
        );
    }
    // What the operator writes itself is not misspelt: it is left from a pod that was copied.
    let near = |key: &&String| {
        let alike = key.starts_with(annotations::PREFIX) || distance(key, annotations::INJECT) <= 3;
        alike && !OURS.contains(&key.as_str())
    };
    if let Some(key) = annotations.keys().find(near) {
        return Finding::new(
            Level::Wrong,
            key.clone(),
            format!(
                "asks for nothing, because there is no {}; is it misspelt? {advice}",
                annotations::INJECT
            ),
        );
    }
    let owned = !pod["metadata"]["ownerReferences"].is_null();
    let hint = if owned {
        "; on the Deployment itself, beside its template, it would have no effect"
    } else {
        ""
    };
    Finding::new(
        Level::Note,
        annotations::INJECT,
        format!("is not there, so the pod asks for nothing and nobody has touched it: {advice}{hint}"),
    )
}

/// Edits between two texts (Levenshtein), or many when they are not of a like length.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, left) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (to, right) in b.iter().enumerate() {
            let changed = corner + usize::from(left != right);
            corner = row[to + 1];
            row[to + 1] = changed.min(row[to] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
