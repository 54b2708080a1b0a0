//! Which of an image's platforms: the one that the pod will run on, as far as its spec tells.

use k8s_openapi::api::core::v1::PodSpec;

use super::document::Platform;
use super::problem::Problem;

const LABEL: &str = "kubernetes.io/arch";

/// The architecture, in Go's words: the pod's node selector; one that its required node affinity admits, the operator's
/// own if that is among them; else the operator's own. Images for several architectures hardly ever differ in their
/// entrypoint.
#[must_use]
pub fn wanted(spec: &PodSpec) -> String {
    let own = own();
    if let Some(selected) = spec.node_selector.as_ref().and_then(|all| all.get(LABEL)) {
        return selected.clone();
    }
    let admitted = admitted(spec);
    match admitted.first() {
        Some(first) if !admitted.iter().any(|one| one == own) => first.clone(),
        _ => own.to_owned(),
    }
}

/// What required node affinity admits; nothing when any of its terms, of which one is enough, says nothing of it.
fn admitted(spec: &PodSpec) -> Vec<String> {
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    let mut all = Vec::new();
    for term in required
        .map(|required| required.node_selector_terms.as_slice())
        .unwrap_or_default()
    {
        let expressions = term.match_expressions.iter().flatten();
        let values = expressions
            .filter(|one| one.key == LABEL && one.operator == "In")
            .find_map(|one| one.values.clone());
        match values {
            Some(values) => all.extend(values),
            None => return Vec::new(),
        }
    }
    all
}

/// Go's word for what this binary runs on.
fn own() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The digest of the image for Linux on this architecture; without a variant if there is one.
///
/// # Errors
/// [`Problem::NotLinux`] when no image is for Linux, [`Problem::Architecture`] when none is for the architecture.
pub(super) fn choose<'a>(platforms: &'a [Platform], architecture: &str) -> Result<&'a str, Problem> {
    let linux = || platforms.iter().filter(|one| one.os == "linux");
    if linux().next().is_none() {
        return Err(Problem::NotLinux);
    }
    let fitting = || linux().filter(|one| one.architecture == architecture);
    let plain = fitting().find(|one| one.variant.is_empty());
    match plain.or_else(|| fitting().next()) {
        Some(found) => Ok(&found.digest),
        None => Err(Problem::Architecture(architecture.chars().take(16).collect())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wanted_by(mut spec: Value) -> String {
        spec["containers"] = json!([]);
        wanted(&serde_json::from_value(spec).unwrap())
    }

    fn affinity(terms: Value) -> Value {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}})
    }

    fn term(values: &[&str]) -> Value {
        json!({"matchExpressions": [{"key": LABEL, "operator": "In", "values": values}]})
    }

    #[test]
    fn the_pods_spec_decides_and_else_the_operators_own() {
        assert_eq!(wanted_by(json!({"nodeSelector": {LABEL: "s390x"}})), "s390x");
        assert_eq!(wanted_by(affinity(json!([term(&["s390x", "riscv64"])]))), "s390x");
        assert_eq!(
            wanted_by(affinity(json!([term(&["s390x"]), term(&[own()])]))),
            own()
        );
        let other = json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]});
        for spec in [
            json!({}),
            affinity(json!([])),
            affinity(json!([term(&["s390x"]), other])),
        ] {
            assert_eq!(wanted_by(spec), own());
        }
    }

    fn platform(os: &str, architecture: &str, variant: &str) -> Platform {
        let text = str::to_owned;
        Platform {
            digest: format!("{os}/{architecture}{variant}"),
            os: text(os),
            architecture: text(architecture),
            variant: text(variant),
        }
    }

    #[test]
    fn the_image_for_linux_and_the_architecture_is_taken() {
        let all = [
            platform("windows", "amd64", ""),
            platform("unknown", "unknown", ""),
            platform("linux", "amd64", "v3"),
            platform("linux", "amd64", ""),
            platform("linux", "arm", "v7"),
        ];
        assert_eq!(choose(&all, "amd64"), Ok("linux/amd64"));
        assert_eq!(choose(&all, "arm"), Ok("linux/armv7"));
        assert_eq!(
            choose(&all, "s390x"),
            Err(Problem::Architecture("s390x".to_owned()))
        );
        assert_eq!(choose(&all[..2], "amd64"), Err(Problem::NotLinux));
        assert_eq!(choose(&[], "amd64"), Err(Problem::NotLinux));
    }
}
