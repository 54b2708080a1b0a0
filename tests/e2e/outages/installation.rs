//! The two programs of the installation, started, stopped and killed.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use splitvault_tests::{SYSTEM, eventually, evidence, kubectl, run};

/// One of the two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Operator,
    Store,
}

impl Part {
    /// What its pods' names begin with.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Operator => "splitvault-operator",
            Self::Store => "splitvault-store",
        }
    }

    fn workload(self) -> &'static str {
        match self {
            Self::Operator => "deployment/splitvault-operator",
            Self::Store => "statefulset/splitvault-store",
        }
    }

    fn selector(self) -> &'static str {
        match self {
            Self::Operator => "--selector=app.kubernetes.io/name=splitvault-operator",
            Self::Store => "--selector=app.kubernetes.io/name=splitvault-store",
        }
    }

    /// The directory that its database lies in.
    pub(crate) fn volume(self) -> PathBuf {
        let claim = match self {
            Self::Operator => "splitvault-operator",
            Self::Store => "data-splitvault-store-0",
        };
        evidence::volume(claim).unwrap()
    }

    /// Stops it, and waits until its process is gone.
    pub(crate) fn stop(self) {
        kubectl(&["--namespace", SYSTEM, "scale", self.workload(), "--replicas=0"]).unwrap();
        eventually("it has stopped", || {
            ensure!(self.pods()?.is_empty(), "still there");
            Ok(())
        });
    }

    /// Starts it, and waits until it says that it is ready.
    pub(crate) fn start(self) {
        kubectl(&["--namespace", SYSTEM, "scale", self.workload(), "--replicas=1"]).unwrap();
        self.rolled_out();
    }

    /// Waits until its newest version is the only one.
    pub(crate) fn rolled_out(self) {
        kubectl(&[
            "--namespace",
            SYSTEM,
            "rollout",
            "status",
            self.workload(),
            "--timeout=300s",
        ])
        .unwrap();
    }

    /// Ends its process by SIGKILL; kubelet starts another one.
    pub(crate) fn kill(self) {
        self.kill_container(self.container());
    }

    /// The same for one of the containers of its pod.
    pub(crate) fn kill_container(self, name: &str) {
        let status = || self.container_status(name);
        let starts = |status: &Value| status["restartCount"].as_u64().unwrap_or_default();
        let before = status().unwrap();
        let id = before["containerID"].as_str().unwrap();
        let id = id.trim_start_matches("containerd://");
        let killed = run("ctr", &["tasks", "kill", "--signal", "SIGKILL", id], b"").unwrap();
        assert_eq!(killed.code, Some(0), "{}", killed.stderr);
        eventually(&format!("{name} is started again"), || {
            ensure!(starts(&status()?) > starts(&before), "not yet");
            Ok(())
        });
    }

    fn container_status(self, name: &str) -> Result<Value> {
        let pods = self.pods()?;
        let all = pods.first().context("no pod")?["status"]["containerStatuses"].as_array();
        let found = all.into_iter().flatten().find(|status| status["name"] == name);
        found.cloned().with_context(|| format!("there is no {name}"))
    }

    fn container(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Store => "store",
        }
    }

    /// Starts it so that it kills itself at this step, the first time it comes by after each start.
    pub(crate) fn arm(self, step: &str) {
        let setting = json!({"name": "FAILPOINTS", "value": format!("{step}=1*return(kill)")});
        // The kernel keeps the first process of a PID namespace from killing itself, so it must not be that.
        self.patch(&json!({"shareProcessNamespace": true,
            "containers": [{"name": self.container(), "env": [setting]}]}));
        self.rolled_out();
    }

    /// Starts it as usual again.
    pub(crate) fn disarm(self) {
        let setting = json!({"name": "FAILPOINTS", "$patch": "delete"});
        self.patch(&json!({"shareProcessNamespace": null,
            "containers": [{"name": self.container(), "env": [setting]}]}));
        // A pod that waits between two restarts would hold the roll-out up.
        drop(kubectl(&[
            "--namespace",
            SYSTEM,
            "delete",
            "pod",
            self.selector(),
            "--wait=true",
        ]));
        self.rolled_out();
    }

    fn patch(self, pod: &Value) {
        let patch = json!({"spec": {"template": {"spec": pod}}}).to_string();
        kubectl(&["--namespace", SYSTEM, "patch", self.workload(), "--patch", &patch]).unwrap();
    }

    /// Waits until its process has been ended by SIGKILL.
    pub(crate) fn killed(self, step: &str) {
        eventually(&format!("{self:?} was killed at {step}"), || {
            let pods = self.pods()?;
            let status = &pods.first().context("no pod")?["status"]["containerStatuses"][0];
            let ends = [
                &status["lastState"]["terminated"]["exitCode"],
                &status["state"]["terminated"]["exitCode"],
            ];
            ensure!(ends.iter().any(|code| **code == 137), "{status}");
            Ok(())
        });
    }

    fn pods(self) -> Result<Vec<Value>> {
        let text = kubectl(&[
            "--namespace",
            SYSTEM,
            "get",
            "pods",
            self.selector(),
            "--output=json",
        ])?;
        let list: Value = serde_json::from_str(&text)?;
        list["items"].as_array().cloned().context("no list")
    }
}
