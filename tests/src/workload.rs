//! Pods of a user's own, and the things that make them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::command::{Output, run};
use crate::{Namespace, eventually};

/// What makes the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The pod stands for itself.
    Pod,
    /// A Deployment of one.
    Deployment,
    /// A StatefulSet of one.
    StatefulSet,
    /// A Job that runs to its end.
    Job,
    /// A DaemonSet, so one on each node.
    DaemonSet,
    /// A ReplicaSet of one, made by nobody.
    ReplicaSet,
    /// A CronJob; [`Workload::apply`] starts a Job of it at once.
    CronJob,
    /// A pod whose name the API server makes.
    Generated,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Pod,
        Self::Deployment,
        Self::StatefulSet,
        Self::Job,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::CronJob,
        Self::Generated,
    ];

    /// Whether its pods run to their end.
    const fn ends(self) -> bool {
        matches!(self, Self::Job | Self::CronJob)
    }
}

/// A workload with one container, `app`, on the restricted standard.
#[derive(Debug, Clone)]
pub struct Workload {
    kind: Kind,
    name: String,
    annotations: Value,
    pod: Value,
}

impl Workload {
    /// One that sleeps, with `secret` injected.
    pub fn new(kind: Kind, name: &str, secret: &str) -> Self {
        let restart = if kind.ends() { "Never" } else { "Always" };
        let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        let pod = json!({
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "app", "image": "localhost/busybox:1", "imagePullPolicy": "IfNotPresent",
                "command": ["sleep", "2147483647"], "securityContext": security,
            }],
        });
        let annotations = json!({"splitvault.dev/inject": secret});
        let name = name.to_owned();
        Self {
            kind,
            name,
            annotations,
            pod,
        }
    }

    /// With one more annotation on the pod.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations[format!("splitvault.dev/{key}")] = value.into();
        self
    }

    /// Without any annotation.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.annotations = json!({});
        self
    }

    /// With another command.
    #[must_use]
    pub fn command(mut self, command: &[&str]) -> Self {
        self.pod["containers"][0]["command"] = command.into();
        self
    }

    /// With something else set in the container.
    #[must_use]
    pub fn container(mut self, field: &str, value: Value) -> Self {
        self.pod["containers"][0][field] = value;
        self
    }

    /// With something else set in the pod's spec.
    #[must_use]
    pub fn spec(mut self, field: &str, value: Value) -> Self {
        self.pod[field] = value;
        self
    }

    /// The manifest, JSON, which is YAML.
    pub fn manifest(&self) -> String {
        let labels = json!({"app": self.name});
        let metadata = json!({"name": self.name, "labels": labels, "annotations": self.annotations});
        let template =
            json!({"metadata": {"labels": labels, "annotations": self.annotations}, "spec": self.pod});
        let selector = json!({"matchLabels": labels});
        let owner = json!({"name": self.name});
        let object = match self.kind {
            Kind::Pod => json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.pod}),
            Kind::Deployment => json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": owner,
                "spec": {"selector": selector, "template": template}}),
            Kind::StatefulSet => json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": owner,
                "spec": {"serviceName": self.name, "selector": selector, "template": template}}),
            Kind::Job => json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": owner,
                "spec": {"backoffLimit": 2, "template": template}}),
            Kind::DaemonSet => json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": owner,
                "spec": {"selector": selector, "template": template}}),
            Kind::ReplicaSet => json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": owner,
                "spec": {"selector": selector, "template": template}}),
            Kind::CronJob => json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": owner,
                "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"backoffLimit": 2, "template": template}}}}),
            Kind::Generated => {
                let metadata = json!({"generateName": format!("{}-", self.name), "labels": labels,
                    "annotations": self.annotations});
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.pod})
            }
        };
        object.to_string()
    }

    /// Applies it.
    ///
    /// # Errors
    /// With what kubectl said; a refusal of a bare pod is one.
    pub fn apply(&self, namespace: &Namespace) -> Result<()> {
        let manifest = self.manifest();
        match self.kind {
            // A name that is made cannot be applied.
            Kind::Generated => namespace.create(&manifest).map(drop),
            Kind::CronJob => {
                namespace.apply(&manifest)?;
                let from = format!("--from=cronjob/{}", self.name);
                namespace.kubectl(&["create", "job", &self.name, &from]).map(drop)
            }
            _ => namespace.apply(&manifest).map(drop),
        }
    }

    /// Its newest pod that is not being deleted.
    ///
    /// # Errors
    /// When there is none yet.
    pub fn pod(&self, namespace: &Namespace) -> Result<Value> {
        let selector = format!("--selector=app={}", self.name);
        let text = namespace.kubectl(&["get", "pods", &selector, "--output", "json"])?;
        let pods: Value = serde_json::from_str(&text)?;
        let alive = pods["items"].as_array().context("no list")?.iter();
        let alive = alive.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let newest = alive.max_by_key(|pod| pod["metadata"]["creationTimestamp"].to_string());
        newest
            .cloned()
            .with_context(|| format!("no pod of {} yet", self.name))
    }

    /// Waits until its pod is Ready, and answers the pod's name.
    pub fn ready(&self, namespace: &Namespace) -> String {
        eventually(
            &format!("pod of {}/{} is Ready", namespace.name(), self.name),
            || {
                let pod = self.pod(namespace)?;
                let conditions = pod["status"]["conditions"].as_array().context("no conditions")?;
                let ready = conditions
                    .iter()
                    .any(|c| c["type"] == "Ready" && c["status"] == "True");
                ensure!(ready, "not Ready: {}", pod["status"]);
                Ok(pod["metadata"]["name"].as_str().unwrap_or_default().to_owned())
            },
        )
    }

    /// The environment of its first process, byte for byte, one `NAME=value` each.
    ///
    /// # Errors
    /// When the pod or its process is not there.
    pub fn environment(&self, namespace: &Namespace) -> Result<Vec<Vec<u8>>> {
        let environ = self.read(namespace, "/proc/1/environ")?;
        Ok(environ.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
    }

    /// The value of one variable of its first process.
    ///
    /// # Errors
    /// When it has no such variable.
    pub fn variable(&self, namespace: &Namespace, name: &str) -> Result<Vec<u8>> {
        let prefix = format!("{name}=").into_bytes();
        let environment = self.environment(namespace)?;
        let found = environment
            .iter()
            .find_map(|entry| entry.strip_prefix(prefix.as_slice()));
        found
            .map(<[u8]>::to_vec)
            .with_context(|| format!("the process has no {name}"))
    }

    /// A file of its container, byte for byte.
    ///
    /// # Errors
    /// With what `cat` said.
    pub fn read(&self, namespace: &Namespace, path: &str) -> Result<Vec<u8>> {
        self.exec(namespace, &["cat", path])
    }

    /// What a command prints in its container.
    ///
    /// # Errors
    /// With what it complained about, when its exit code is not 0.
    pub fn exec(&self, namespace: &Namespace, command: &[&str]) -> Result<Vec<u8>> {
        let output = self.try_exec(namespace, command)?;
        ensure!(output.code == Some(0), "{}: {}", command.join(" "), output.stderr);
        Ok(output.stdout)
    }

    /// The same of a command that may fail.
    ///
    /// # Errors
    /// When there is no pod, or kubectl cannot be started. An exit code other than 0 is no error here.
    pub fn try_exec(&self, namespace: &Namespace, command: &[&str]) -> Result<Output> {
        let pod = self.pod(namespace)?;
        let pod = pod["metadata"]["name"].as_str().unwrap_or_default();
        let exec = [
            "--namespace",
            namespace.name(),
            "exec",
            pod,
            "--container",
            "app",
            "--",
        ];
        run("kubectl", &[&exec, command].concat(), b"")
    }
}
