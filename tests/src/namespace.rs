//! A namespace of a suite's own, restricted as a careful team's is.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::{Output, kubectl, kubectl_with, run, splitvault};
use crate::eventually;

/// A namespace that enforces the *restricted* Pod Security Standard, and goes away with its test.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one; its name begins with `prefix`.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn make(prefix: &str) -> Result<Self> {
        let mut random = [0; 4];
        getrandom::fill(&mut random)?;
        Self::named(&format!("{prefix}-{:08x}", u32::from_be_bytes(random)))
    }

    /// Makes one of this name.
    ///
    /// # Errors
    /// When there is one, or the API server refuses.
    pub fn named(name: &str) -> Result<Self> {
        let name = name.to_owned();
        kubectl(&["create", "namespace", &name])?;
        let label = "pod-security.kubernetes.io/enforce=restricted";
        kubectl(&["label", "namespace", &name, label])?;
        Ok(Self { name })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// kubectl in this namespace.
    ///
    /// # Errors
    /// With what kubectl said.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        kubectl(&[&["--namespace", &self.name], arguments].concat())
    }

    /// Applies a manifest in this namespace.
    ///
    /// # Errors
    /// With what kubectl said.
    pub fn apply(&self, manifest: &str) -> Result<String> {
        kubectl_with(
            &["--namespace", &self.name, "apply", "--filename", "-"],
            manifest.as_bytes(),
        )
    }

    /// Creates what a manifest says in this namespace.
    ///
    /// # Errors
    /// With what kubectl said.
    pub fn create(&self, manifest: &str) -> Result<String> {
        kubectl_with(
            &["--namespace", &self.name, "create", "--filename", "-"],
            manifest.as_bytes(),
        )
    }

    /// What the API server says to a manifest that is not to be kept: exit code 0 or not, and every warning and error.
    ///
    /// # Errors
    /// When kubectl cannot be started.
    pub fn try_on(&self, manifest: &str) -> Result<Output> {
        let arguments = [
            "--namespace",
            &self.name,
            "create",
            "--dry-run=server",
            "--filename",
            "-",
        ];
        run("kubectl", &arguments, manifest.as_bytes())
    }

    /// Lets pods of every kind in, as a namespace without a policy does.
    ///
    /// # Errors
    /// With what kubectl said.
    pub fn unrestricted(self) -> Result<Self> {
        let label = "pod-security.kubernetes.io/enforce-";
        kubectl(&["label", "namespace", &self.name, label])?;
        Ok(self)
    }

    /// Seals a `.env` with the CLI, as a developer does, and answers the manifest.
    ///
    /// # Errors
    /// With what the CLI said.
    pub fn seal(&self, name: &str, dotenv: &str, options: &[&str]) -> Result<String> {
        let arguments = ["seal", "-", "--name", name, "--namespace", &self.name];
        splitvault(&[&arguments, options].concat(), dotenv.as_bytes())
    }

    /// One object as the API server has it.
    ///
    /// # Errors
    /// With what kubectl said.
    pub fn get(&self, kind: &str, name: &str) -> Result<Value> {
        let text = self.kubectl(&["get", kind, name, "--output", "json"])?;
        serde_json::from_str(&text).context("kubectl printed no JSON")
    }

    /// A condition of a VaultSecret: status, reason, message.
    ///
    /// # Errors
    /// When the object or the condition is not there.
    pub fn condition(&self, name: &str, kind: &str) -> Result<(String, String, String)> {
        let object = self.get("vaultsecret", name)?;
        let conditions = object["status"]["conditions"]
            .as_array()
            .context("no conditions yet")?;
        let found = conditions
            .iter()
            .find(|c| c["type"] == kind)
            .context("no such condition yet")?;
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        Ok((text("status"), text("reason"), text("message")))
    }

    /// Waits until a VaultSecret is Ready for the generation that it has now.
    pub fn ready(&self, name: &str) {
        eventually(&format!("VaultSecret {}/{name} is Ready", self.name), || {
            let (status, reason, message) = self.condition(name, "Ready")?;
            let object = self.get("vaultsecret", name)?;
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            ensure!(status == "True" && current, "Ready={status}: {reason}: {message}");
            Ok(())
        });
    }

    /// Waits until so many VaultSecrets are Ready, as long as more and more of them are.
    pub fn all_ready(&self, count: usize) {
        for reached in (0..count).step_by(100).skip(1).chain([count]) {
            eventually(
                &format!("{reached} VaultSecrets of {} are Ready", self.name),
                || {
                    let path = "--output=jsonpath={range .items[*]}{.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}{end}";
                    let text = self.kubectl(&["get", "vaultsecrets", path])?;
                    let ready = text.lines().filter(|line| *line == "True").count();
                    ensure!(ready >= reached, "{ready} of {count}");
                    Ok(())
                },
            );
        }
    }

    /// Waits until a VaultSecret is not Ready for this reason, and answers the message.
    pub fn unready(&self, name: &str, expected: &str) -> String {
        eventually(&format!("VaultSecret {}/{name} is {expected}", self.name), || {
            let (status, reason, message) = self.condition(name, "Ready")?;
            ensure!(
                status == "False" && reason == expected,
                "Ready={status}: {reason}: {message}"
            );
            Ok(message)
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(kubectl(&["delete", "namespace", &self.name, "--wait=false"]));
    }
}
