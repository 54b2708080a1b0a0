//! The manifests of examples/, as they stand there.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use splitvault_tests::{Namespace, kubectl, kubectl_with, repository};

/// A manifest, whose objects have no namespace of their own unless only one is right for them.
struct Example {
    path: PathBuf,
    objects: Vec<Value>,
}

impl Example {
    fn all() -> Vec<Self> {
        let mut paths = Vec::new();
        for directory in ["", "recovery"] {
            let entries = fs::read_dir(repository().join("examples").join(directory)).unwrap();
            let entries = entries.map(|entry| entry.unwrap().path());
            paths
                .extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")));
        }
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    fn read(path: PathBuf) -> Self {
        let shown = [
            "create",
            "--dry-run=client",
            "--output=json",
            "--filename",
            path.to_str().unwrap(),
        ];
        let printed = kubectl(&shown).unwrap();
        let objects = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
        let objects = objects
            .map(Result::unwrap)
            .flat_map(|object| match object["items"].as_array() {
                Some(items) => items.clone(),
                None => vec![object],
            });
        let objects = objects.collect();
        Self { path, objects }
    }

    fn namespace<'a>(&'a self, other: &'a Namespace) -> &'a str {
        let own = self
            .objects
            .iter()
            .find_map(|object| object["metadata"]["namespace"].as_str());
        // Where the manifest has none, kubectl shows that of the kubeconfig.
        own.filter(|own| *own != "default").unwrap_or(other.name())
    }

    fn kubectl(&self, verb: &[&str], namespace: &Namespace) -> Result<String> {
        let place = [
            "--namespace",
            self.namespace(namespace),
            "--filename",
            self.path.to_str().unwrap(),
        ];
        kubectl(&[verb, &place].concat())
    }
}

/// The pod that a workload would make. A dry run of the workload makes none, so the webhook never sees it.
fn pod(object: &Value) -> Option<Value> {
    let pod = if object["kind"] == "Pod" {
        object
    } else {
        object["spec"].get("template")?
    };
    let mut metadata = pod["metadata"].clone();
    metadata["name"] = json!("dry-run");
    metadata.as_object_mut()?.remove("namespace");
    let wanted = metadata["annotations"].get("splitvault.dev/inject").is_some();
    wanted.then(|| json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}))
}

#[test]
fn a_dry_run_takes_each_and_injects_their_pods() {
    let namespace = Namespace::make("examples-dry").unwrap();
    let mut injected = 0;
    for example in Example::all() {
        example
            .kubectl(&["create", "--dry-run=server"], &namespace)
            .unwrap();
        for pod in example.objects.iter().filter_map(pod) {
            let create = [
                "--namespace",
                namespace.name(),
                "create",
                "--dry-run=server",
                "--output=json",
                "--filename=-",
            ];
            let made = kubectl_with(&create, pod.to_string().as_bytes()).unwrap();
            let made: Value = serde_json::from_str(&made).unwrap();
            let first = &made["spec"]["initContainers"][0]["name"];
            assert_eq!(first, "splitvault", "{}", example.path.display());
            injected += 1;
        }
    }
    assert_eq!(injected, 4, "a Deployment, a StatefulSet, a Job and a Pod");
    let left = namespace
        .kubectl(&["get", "pods,vaultsecrets,deployments", "--output=name"])
        .unwrap();
    assert_eq!(left, "", "a dry run leaves nothing");
}

#[test]
fn together_they_run() {
    let namespace = Namespace::make("examples").unwrap();
    let env = fs::read_to_string(repository().join("examples").join("web.env")).unwrap();
    namespace
        .apply(&namespace.seal("web", &env, &[]).unwrap())
        .unwrap();
    for example in Example::all() {
        if example.namespace(&namespace) == namespace.name() {
            example.kubectl(&["apply"], &namespace).unwrap();
        }
    }
    for waited in [
        ["--for=condition=Ready", "vaultsecrets", "--all"],
        ["--for=condition=Available", "deployments", "--all"],
        [
            "--for=jsonpath={.status.readyReplicas}=1",
            "statefulsets",
            "--all",
        ],
        ["--for=condition=Complete", "jobs", "--all"],
        ["--for=condition=Ready", "pod/console", "--output=name"],
    ] {
        let wait = [&["wait", "--timeout=300s"], waited.as_slice()].concat();
        namespace.kubectl(&wait).unwrap();
    }
    let print = ["exec", "deployment/web", "--", "cat", "/proc/1/environ"];
    let environment = namespace.kubectl(&print).unwrap();
    assert!(
        environment
            .split('\0')
            .any(|variable| variable == "GREETING=hello, world")
    );
}
