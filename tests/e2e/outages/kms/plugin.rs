//! The plugin as a container of the operator's pod, by the values of examples/values/kms.yaml; its keys on a volume that
//! outlives the pod, with a hand on it.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::json;
use splitvault_tests::{SYSTEM, evidence, kubectl, kubectl_with, repository, run};

use crate::installation::Part;

const CLAIM: &str = "kms-plugin-keys";
/// The user of the operator's pod.
const USER: Option<u32> = Some(65532);

/// The plugin, and how the installation was before it.
pub(crate) struct Plugin {
    image: String,
    before: String,
}

impl Plugin {
    /// Loads its image and makes the volume of its keys.
    pub(crate) fn install() -> Self {
        let script = repository().join("tests/cluster/plugin");
        let built = run(script.to_str().unwrap(), &[env!("CARGO_BIN_EXE_kms-plugin")], b"").unwrap();
        assert_eq!(built.code, Some(0), "{}", built.stderr);
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM, "namespace": SYSTEM},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
        });
        kubectl_with(&["apply", "--filename", "-"], claim.to_string().as_bytes()).unwrap();
        Self {
            image: built.text().trim().to_owned(),
            before: helm(&["get", "values", "splitvault", "--output", "json"]).unwrap(),
        }
    }

    /// As docs/operations.md has it, with the example's values and these on top.
    pub(crate) fn upgrade(&self, settings: &[&str]) {
        let example = repository().join("examples/values/kms.yaml");
        let own = [
            format!("operator.extraContainers[0].image={:?}", self.image),
            "operator.extraContainers[0].args=[\"/run/kms/kms.sock\", \"/keys\"]".to_owned(),
            "operator.extraContainers[0].volumeMounts[1]={\"name\": \"kms-keys\", \"mountPath\": \"/keys\"}"
                .to_owned(),
            format!(
                "operator.extraVolumes=[{{\"name\": \"kms-keys\", \"persistentVolumeClaim\": {{\"claimName\": {CLAIM:?}}}}}]"
            ),
        ];
        let settings = own.iter().map(String::as_str).chain(settings.iter().copied());
        let settings = settings.flat_map(|setting| ["--set-json", setting]);
        let values = ["--reset-then-reuse-values", "--values", example.to_str().unwrap()];
        let values: Vec<_> = values.into_iter().chain(settings).collect();
        roll_out(&values, b"");
    }

    /// Everything as it was; no key may be wrapped by the plugin any more.
    pub(crate) fn uninstall(&self) {
        roll_out(&["--reset-values", "--values", "-"], self.before.as_bytes());
        kubectl(&[
            "--namespace",
            SYSTEM,
            "delete",
            "persistentvolumeclaim",
            CLAIM,
            "--wait=false",
        ])
        .unwrap();
    }

    /// Has it misbehave in this way only, and never behave in between.
    pub(crate) fn whim(&self, whim: &str) {
        self.put(&format!("whims/{whim}"), b"as in a test");
        for other in fs::read_dir(self.directory().join("whims")).unwrap() {
            let other = other.unwrap();
            if other.file_name() != whim {
                fs::remove_file(other.path()).unwrap();
            }
        }
    }

    pub(crate) fn behave(&self) {
        drop(fs::remove_dir_all(self.directory().join("whims")));
    }

    /// A new key, which encrypts from now on.
    pub(crate) fn add_key(&self, name: &str) {
        self.put(&format!("{name}.key"), &[7; 32]);
    }

    /// Ends its process; kubelet starts another one.
    pub(crate) fn kill(&self) {
        Part::Operator.kill_container("kms-plugin");
    }

    fn directory(&self) -> PathBuf {
        evidence::volume(CLAIM).unwrap()
    }

    /// Whole or not at all: the plugin reads it at any moment.
    fn put(&self, name: &str, content: &[u8]) {
        let (new, target) = (self.directory().join("new"), self.directory().join(name));
        fs::write(&new, content).unwrap();
        chown(&new, USER, USER).unwrap();
        let above = target.parent().unwrap();
        fs::create_dir_all(above).unwrap();
        fs::rename(new, target).unwrap();
    }
}

fn roll_out(values: &[&str], input: &[u8]) {
    let chart = repository().join("charts/splitvault");
    let upgrade = [
        "upgrade",
        "splitvault",
        chart.to_str().unwrap(),
        "--force-conflicts",
    ];
    let arguments = [&upgrade[..], values, &["--namespace", SYSTEM]].concat();
    let done = run("helm", &arguments, input).unwrap();
    assert_eq!(done.code, Some(0), "helm upgrade: {}", done.stderr);
    Part::Operator.rolled_out();
}

fn helm(arguments: &[&str]) -> Result<String> {
    let output = run("helm", &[arguments, &["--namespace", SYSTEM]].concat(), b"")?;
    ensure!(output.code == Some(0), "helm: {}", output.stderr);
    Ok(output.text())
}
