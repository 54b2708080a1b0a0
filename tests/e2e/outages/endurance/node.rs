//! The local cluster's node, seen from beside it: what a pod has and says while no API server answers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use splitvault_tests::{repository, run};

/// The local cluster.
pub(super) struct Node {
    state: PathBuf,
}

impl Node {
    /// `None`, and a sentence, on a cluster of the user's own, whose processes, disks and keys are not in reach.
    pub(super) fn local() -> Option<Self> {
        let state = std::env::var("SPLITVAULT_CLUSTER_STATE").ok();
        if state.is_none() {
            eprintln!(
                "skipped: KUBECONFIG is set, and this kills processes of the local cluster and reads its disks and keys"
            );
        }
        Some(Self { state: state?.into() })
    }

    /// A file that belongs to the cluster.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.state.join(file)
    }

    /// A file of the pod's variables, on its tmpfs.
    pub(super) fn file(&self, pod: &Value, name: &str) -> Result<Vec<u8>> {
        let holder = fs::read_to_string(self.path("holder"))?;
        let holder = holder.split(' ').next().context("no first process")?;
        let uid = text(&pod["metadata"]["uid"]);
        // Only the namespaces of the cluster have the tmpfs; a path from the root of its first process sees it.
        let volumes = format!("kubelet/pods/{uid}/volumes/kubernetes.io~empty-dir");
        let path = self.path(&volumes).join("splitvault-env").join(name);
        let path = Path::new("/proc")
            .join(holder)
            .join("root")
            .join(path.strip_prefix("/")?);
        fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// What the pod's sidecar has said since it was started last.
    pub(super) fn log(&self, pod: &Value) -> Result<String> {
        let metadata = &pod["metadata"];
        let words = ["namespace", "name", "uid"].map(|field| text(&metadata[field]));
        let directory = self.path("log/pods").join(words.join("_")).join("splitvault");
        let mut logs: Vec<_> = fs::read_dir(&directory)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        logs.sort();
        let newest = logs.last().context("no log yet")?;
        Ok(fs::read_to_string(newest)?)
    }

    /// Runs one of the scripts of the local cluster.
    pub(super) fn script(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let script = repository().join("tests/cluster").join(name);
        let output = run(script.to_str().context("no text")?, arguments, b"")?;
        ensure!(output.code == Some(0), "{name}: {}", output.stderr);
        Ok(())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
