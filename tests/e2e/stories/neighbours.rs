//! Other admission beside ours: policies that change pods after us, as Gatekeeper's and Kyverno's mutations do.

use anyhow::ensure;
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, Workload, eventually, kubectl, kubectl_with};

/// A mutating policy of this test's own (Kubernetes' own engine, 1.36 or newer) that goes away with it.
pub(super) struct Policy(String);

impl Policy {
    /// For pods of one namespace, with a JSON patch written in CEL.
    pub(super) fn make(namespace: &Namespace, operations: &str) -> Self {
        let name = namespace.name().to_owned();
        let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name}, "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                    "resources": ["pods"]}],
            },
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": operations}}],
        }});
        let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name}, "spec": {"policyName": name}});
        for object in [policy, binding] {
            kubectl_with(&["apply", "--filename", "-"], object.to_string().as_bytes()).unwrap();
        }
        Self(name)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        for kind in ["mutatingadmissionpolicybinding", "mutatingadmissionpolicy"] {
            drop(kubectl(&["delete", kind, &self.0, "--ignore-not-found"]));
        }
    }
}

/// A proxy in front of the init containers and a label: what a service mesh's and an organisation's policies add. Ours
/// has to be first, or the proxy's start would hold back the variables; theirs comes again in the second round.
const MESH: &str = r#"
    object.spec.?initContainers.orValue([]).exists(c, c.name == "proxy") ? [] : [
      JSONPatch{op: "add", path: "/metadata/labels/team", value: "shop"},
      has(object.spec.initContainers)
        ? JSONPatch{op: "add", path: "/spec/initContainers/0", value: Object.spec.initContainers{
            name: "proxy", image: "localhost/busybox:1", imagePullPolicy: "IfNotPresent", restartPolicy: "Always",
            command: ["sleep", "2147483647"],
            securityContext: Object.spec.initContainers.securityContext{allowPrivilegeEscalation: false,
              capabilities: Object.spec.initContainers.securityContext.capabilities{drop: ["ALL"]}}}}
        : JSONPatch{op: "add", path: "/spec/initContainers", value: [Object.spec.initContainers{
            name: "proxy", image: "localhost/busybox:1", imagePullPolicy: "IfNotPresent", restartPolicy: "Always",
            command: ["sleep", "2147483647"],
            securityContext: Object.spec.initContainers.securityContext{allowPrivilegeEscalation: false,
              capabilities: Object.spec.initContainers.securityContext.capabilities{drop: ["ALL"]}}}]}
    ]"#;

fn ours(pod: &Value) -> usize {
    let init = pod["spec"]["initContainers"].as_array().into_iter().flatten();
    init.filter(|container| container["name"] == "splitvault").count()
}

#[test]
fn a_mutation_by_another_policy_breaks_nothing_and_ours_is_made_once() {
    let namespace = Namespace::make("mesh").unwrap();
    for (name, options) in [("hidden", &[][..]), ("shown", &["--expose-names"][..])] {
        let manifest = namespace.seal(name, "GREETING=hello\n", options).unwrap();
        namespace.apply(&manifest).unwrap();
        namespace.ready(name);
    }
    let _policy = Policy::make(&namespace, MESH);
    eventually("the policy is in force", || {
        let plain = Workload::new(Kind::Pod, "probe", "none").plain();
        let seen = namespace.try_on(&plain.manifest())?;
        ensure!(seen.code == Some(0), "{}", seen.stderr);
        let arguments = ["create", "--dry-run=server", "--output=json", "--filename=-"];
        let all = [&["--namespace", namespace.name()][..], &arguments].concat();
        let pod: Value = serde_json::from_str(&kubectl_with(&all, plain.manifest().as_bytes())?)?;
        ensure!(pod["spec"]["initContainers"][0]["name"] == "proxy", "not yet");
        Ok(())
    });
    for secret in ["hidden", "shown"] {
        let workload = Workload::new(Kind::Pod, secret, secret);
        eventually("admission", || workload.apply(&namespace));
        workload.ready(&namespace);
        assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");
        let pod = workload.pod(&namespace).unwrap();
        assert_eq!(ours(&pod), 1, "{secret}");
        assert_eq!(pod["metadata"]["labels"]["team"], "shop");
        let names = pod["spec"]["initContainers"].as_array().unwrap().iter();
        let names: Vec<_> = names
            .map(|container| container["name"].as_str().unwrap())
            .collect();
        assert!(names.contains(&"proxy"), "{names:?}");
    }
}
