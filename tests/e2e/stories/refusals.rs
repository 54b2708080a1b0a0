//! One row for each thing that admission refuses: what is said names the container, the cause and what to do.

use serde_json::{Value, json};
use splitvault_tests::{Namespace, eventually};

/// What is done to a good pod, and what the refusal has to say.
type Row = (&'static str, fn(&mut Value), &'static [&'static str]);

const ROWS: [Row; 26] = [
    (
        "hidden names and no command",
        |pod| {
            drop(
                pod["spec"]["containers"][0]
                    .as_object_mut()
                    .unwrap()
                    .remove("command"),
            )
        },
        &["app", "command", "exposeNames"],
    ),
    (
        "an empty command",
        |pod| pod["spec"]["containers"][0]["command"] = json!([]),
        &["app", "command"],
    ),
    (
        "a container that is not there",
        |pod| annotate(pod, "containers", "web"),
        &["web", "app"],
    ),
    (
        "a mode that does not exist",
        |pod| annotate(pod, "mode", "volume"),
        &["splitvault.dev/mode", "env", "file"],
    ),
    (
        "a misspelt annotation",
        |pod| annotate(pod, "fille-mode", "0400"),
        &["splitvault.dev/fille-mode", "splitvault.dev/file-mode"],
    ),
    (
        "a refresh without a unit",
        |pod| annotate(pod, "refresh", "30"),
        &["splitvault.dev/refresh", "30s"],
    ),
    (
        "a refresh of a week",
        |pod| annotate(pod, "refresh", "168h"),
        &["splitvault.dev/refresh", "24h"],
    ),
    (
        "a file that all may write",
        |pod| annotate(pod, "file-mode", "0666"),
        &["splitvault.dev/file-mode", "0400"],
    ),
    (
        "no name",
        |pod| annotate(pod, "inject", ""),
        &["splitvault.dev/inject"],
    ),
    (
        "a name that cannot be",
        |pod| annotate(pod, "inject", "../web"),
        &["splitvault.dev/inject"],
    ),
    (
        "a value where names belong",
        |pod| annotate(pod, "variables", "GREETING, PASSWORD=hello hello"),
        &["splitvault.dev/variables", "item 2", "PASSWORD=…"],
    ),
    (
        "the same name twice",
        |pod| annotate(pod, "inject", "web,web"),
        &["splitvault.dev/inject", "web"],
    ),
    (
        "a relative path",
        |pod| {
            annotate(pod, "mode", "file");
            annotate(pod, "path", "etc/.env");
        },
        &["splitvault.dev/path"],
    ),
    (
        "a path that climbs",
        |pod| {
            annotate(pod, "mode", "file");
            annotate(pod, "path", "/etc/../root/.env");
        },
        &["splitvault.dev/path"],
    ),
    (
        "a path without a file",
        |pod| annotate(pod, "path", "/etc/app/.env"),
        &["splitvault.dev/path", "file"],
    ),
    (
        "a rolling restart for one pod",
        |pod| annotate(pod, "on-change", "Restart"),
        &["splitvault.dev/on-change"],
    ),
    (
        "a port that needs root",
        |pod| annotate(pod, "health-port", "80"),
        &["splitvault.dev/health-port", "1024"],
    ),
    (
        "a health port that a container has",
        |pod| {
            annotate(pod, "health-port", "8089");
            pod["spec"]["containers"][0]["ports"] = json!([{"containerPort": 8089}]);
        },
        &["splitvault.dev/health-port", "app", "8089", "another port"],
    ),
    (
        "a container of our name",
        |pod| pod["spec"]["containers"][0]["name"] = "splitvault".into(),
        &["splitvault", "container"],
    ),
    (
        "a volume of our name",
        |pod| pod["spec"]["volumes"] = json!([{"name": "splitvault-env", "emptyDir": {}}]),
        &["splitvault-env", "volume"],
    ),
    (
        "a mount where ours goes",
        |pod| {
            pod["spec"]["volumes"] = json!([{"name": "mine", "emptyDir": {}}]);
            pod["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "mine", "mountPath": "/run/splitvault"}]);
        },
        &["app", "/run/splitvault"],
    ),
    (
        "a container that looks into our volume",
        |pod| {
            pod["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "splitvault-token", "mountPath": "/token"}]);
        },
        &["app", "splitvault-token", "splitvault.dev/containers"],
    ),
    (
        "a container for which kubelet would read our volume",
        |pod| {
            pod["spec"]["containers"][0]["env"] = json!([{"name": "X", "valueFrom": {"fileKeyRef":
                {"volumeName": "splitvault-env", "path": "kubelet.env", "key": "GREETING"}}}]);
        },
        &["app", "splitvault-env", "fileKeyRef", "splitvault.dev/containers"],
    ),
    (
        "a variable of ours",
        |pod| pod["spec"]["containers"][0]["env"] = json!([{"name": "SPLITVAULT_REVISION", "value": "7"}]),
        &["app", "SPLITVAULT_REVISION"],
    ),
    (
        "Windows",
        |pod| {
            pod["spec"]["os"] = json!({"name": "windows"});
            pod["spec"]["securityContext"] = json!({});
            pod["spec"]["containers"][0]["securityContext"] = json!({});
        },
        &["Linux"],
    ),
    (
        "a forged marker without our container",
        |pod| {
            annotate(pod, "injected", "9.9.9");
            drop(
                pod["spec"]["containers"][0]
                    .as_object_mut()
                    .unwrap()
                    .remove("command"),
            );
        },
        &["app", "command"],
    ),
];

fn annotate(pod: &mut Value, key: &str, value: &str) {
    pod["metadata"]["annotations"][format!("splitvault.dev/{key}")] = value.into();
}

fn good() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "pod", "annotations": {"splitvault.dev/inject": "web"}},
    "spec": {
        "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "app", "image": "localhost/busybox:1", "command": ["sleep", "1"],
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
    }})
}

#[test]
fn each_refusal_names_container_cause_and_fix() {
    // A pod for Windows cannot be on the restricted standard for Linux, and is to be refused by us.
    let namespace = Namespace::make("refusals").unwrap().unrestricted().unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let taken = namespace.try_on(&good().to_string()).unwrap();
    assert_eq!(
        taken.code,
        Some(0),
        "the positive control, and a dry run: {}",
        taken.stderr
    );
    for (what, change, said) in ROWS {
        let mut pod = good();
        change(&mut pod);
        let refused = namespace.try_on(&pod.to_string()).unwrap();
        assert_ne!(refused.code, Some(0), "{what} is let in");
        assert!(
            refused.stderr.contains("pods.splitvault.dev"),
            "{what} is refused by somebody else: {}",
            refused.stderr
        );
        for word in said {
            assert!(
                refused.stderr.contains(word),
                "{what}: nothing of {word:?} in: {}",
                refused.stderr
            );
        }
        assert!(!refused.stderr.contains("hello"), "{what}");
    }
    let pods = namespace.kubectl(&["get", "pods", "--output=name"]).unwrap();
    assert_eq!(pods, "", "a dry run makes nothing");
}

#[test]
fn a_dry_run_of_an_injected_pod_shows_what_would_be_and_makes_nothing() {
    let namespace = Namespace::make("dry-run").unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let text = eventually("the dry run", || {
        let arguments = ["create", "--dry-run=server", "--output=json", "--filename=-"];
        let all = [&["--namespace", namespace.name()][..], &arguments].concat();
        splitvault_tests::kubectl_with(&all, good().to_string().as_bytes())
    });
    let pod: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(pod["spec"]["initContainers"][0]["name"], "splitvault");
    assert_eq!(namespace.kubectl(&["get", "pods", "--output=name"]).unwrap(), "");
}
