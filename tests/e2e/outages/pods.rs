//! Pods that a fault finds: two that run, and one that is to start meanwhile.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl, run};

use crate::installation::Part;

/// Where the follower and the late one have their file.
const FILE: &str = "/run/splitvault/.env";

/// What all of them have before the fault.
pub(crate) const BEFORE: &str = "before";

/// How often each container has restarted, by the UID of its pod, the pod's name, and its own.
type Restarts = BTreeMap<String, u64>;

/// Pods of one namespace that have the VaultSecret `web`.
pub(crate) struct Pods {
    pub(crate) namespace: Namespace,
    /// Has it as a file, which it follows.
    pub(crate) follower: Workload,
    /// Has it in the environment of its process.
    pub(crate) process: Workload,
    /// Is admitted, with all that the webhook gives it, and no node has it yet.
    pub(crate) late: Workload,
    restarts: Restarts,
    system: Restarts,
}

impl Pods {
    /// Makes them, and waits until those that are to run do.
    pub(crate) fn start(prefix: &str) -> Self {
        Self::start_by(prefix, |namespace, workload| workload.apply(namespace).unwrap())
    }

    /// The same, with pods that are applied in another way.
    pub(crate) fn start_by(prefix: &str, apply: impl Fn(&Namespace, &Workload)) -> Self {
        let gates = json!([{"name": "splitvault.dev/e2e"}]);
        let mut pods = Self {
            namespace: Namespace::make(prefix).unwrap(),
            follower: follower("follower"),
            process: Workload::new(Kind::Pod, "process", "web").annotated("refresh", "1s"),
            late: follower("late").spec("schedulingGates", gates),
            restarts: Restarts::new(),
            system: Restarts::new(),
        };
        pods.write(BEFORE);
        pods.namespace.ready("web");
        for workload in [&pods.follower, &pods.process, &pods.late] {
            apply(&pods.namespace, workload);
        }
        pods.follower.ready(&pods.namespace);
        pods.process.ready(&pods.namespace);
        pods.restarts = restarts(pods.namespace.name()).unwrap();
        pods.system = restarts(SYSTEM).unwrap();
        pods
    }

    /// Stores another value.
    pub(crate) fn write(&self, value: &str) {
        let sealed = self.namespace.seal("web", &dotenv(value), &[]).unwrap();
        self.namespace.apply(&sealed).unwrap();
    }

    /// Lets a node have the late one.
    pub(crate) fn release(&self) {
        let patch = r#"[{"op": "remove", "path": "/spec/schedulingGates"}]"#;
        self.namespace
            .kubectl(&["patch", "pod", "late", "--type=json", "--patch", patch])
            .unwrap();
    }

    /// Waits until the sidecar of this pod has said this.
    pub(crate) fn says(&self, pod: &str, text: &str) {
        eventually(&format!("the sidecar of {pod} says {text}"), || {
            let log = self
                .namespace
                .kubectl(&["logs", pod, "--container", "splitvault"])?;
            ensure!(log.contains(text), "{log}");
            Ok(())
        });
    }

    /// Waits until the late one says why it waits, in its log and to whoever asks the doctor; its application has not
    /// started then.
    pub(crate) fn waits(&self, text: &str) {
        self.says("late", &format!("no variables yet: {text}"));
        let arguments = ["doctor", "pod", "late", "--namespace", self.namespace.name()];
        let doctor = run("splitvault", &arguments, b"").unwrap();
        assert!(
            doctor.code == Some(1) && doctor.text().contains(text),
            "{}",
            doctor.text()
        );
        let pod = self.late.pod(&self.namespace).unwrap();
        let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
        assert!(!waiting.is_null(), "the application waits: {}", pod["status"]);
    }

    /// Those that run have this, byte for byte.
    pub(crate) fn have(&self, value: &str) {
        let file = self.follower.read(&self.namespace, FILE).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&file),
            rendered(value),
            "the follower's file"
        );
        self.process_has_what_it_started_with();
    }

    fn process_has_what_it_started_with(&self) {
        let variable = self.process.variable(&self.namespace, "STEP").unwrap();
        assert_eq!(String::from_utf8_lossy(&variable), BEFORE);
    }

    /// Waits until this is everywhere where a file is, the late one's included.
    pub(crate) fn get(&self, value: &str) {
        self.late.ready(&self.namespace);
        for pod in [&self.follower, &self.late] {
            self.gets(pod, value);
        }
        self.process_has_what_it_started_with();
    }

    /// Waits until this pod's file has this, byte for byte.
    pub(crate) fn gets(&self, pod: &Workload, value: &str) {
        eventually(&format!("a pod gets {value}"), || {
            let file = pod.read(&self.namespace, FILE)?;
            let file = String::from_utf8_lossy(&file);
            ensure!(file == rendered(value), "{file}");
            Ok(())
        });
    }

    /// Nothing has restarted but what the fault was done to, and the sidecar of a pod that waited for long once at most:
    /// it ends so that kubelet looks at the pod.
    pub(crate) fn nothing_restarted(&self, but: Option<Part>) {
        let spared = |name: &str| but.is_some_and(|part| name.contains(part.name()));
        let system = restarts(SYSTEM).unwrap();
        for (name, count) in self.system.iter().filter(|(name, _)| !spared(name)) {
            assert_eq!(system.get(name), Some(count), "{name}: {system:?}");
        }
        let own = restarts(self.namespace.name()).unwrap();
        for (name, count) in &self.restarts {
            assert_eq!(own.get(name), Some(count), "{name}: {own:?}");
        }
        for (name, count) in own.iter().filter(|(name, _)| !self.restarts.contains_key(*name)) {
            let most = u64::from(name.ends_with("/splitvault"));
            assert!(*count <= most, "{name} has restarted {count} times");
        }
    }
}

/// A pod with a file that it follows.
pub(crate) fn follower(name: &str) -> Workload {
    Workload::new(Kind::Pod, name, "web")
        .annotated("mode", "file")
        .annotated("refresh", "1s")
}

fn dotenv(value: &str) -> String {
    format!("STEP={value}\nSAME='a b'\n")
}

/// The same, as the sidecar writes it.
fn rendered(value: &str) -> String {
    format!("STEP='{value}'\nSAME='a b'\n")
}

fn restarts(namespace: &str) -> Result<Restarts> {
    let text = kubectl(&["--namespace", namespace, "get", "pods", "--output=json"])?;
    let list: Value = serde_json::from_str(&text)?;
    let mut all = Restarts::new();
    let alive = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
    for pod in list["items"].as_array().context("no list")?.iter().filter(alive) {
        let (uid, name) = (&pod["metadata"]["uid"], &pod["metadata"]["name"]);
        let lists = ["initContainerStatuses", "containerStatuses"];
        let statuses = lists.iter().filter_map(|list| pod["status"][list].as_array());
        for status in statuses.flatten() {
            let words = [uid, name, &status["name"]].map(|word| word.as_str().unwrap_or_default());
            let count = status["restartCount"].as_u64().context("no count")?;
            all.insert(words.join("/"), count);
        }
    }
    Ok(all)
}
