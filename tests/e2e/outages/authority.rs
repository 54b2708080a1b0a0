//! The certificate authority is replaced under running pods.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use splitvault_tests::{SYSTEM, Workload, eventually, kubectl, splitvault};

use crate::installation::Part;
use crate::pods::{Pods, follower};

const END: &str = "-----END CERTIFICATE-----";

/// Certificates of a base64 bundle, in their order.
fn bundle(encoded: &str) -> Result<Vec<String>> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim())?)?;
    Ok(certificates(&text))
}

/// The same of a bundle as it is.
fn certificates(text: &str) -> Vec<String> {
    let all = text.split_inclusive(END).filter(|pem| pem.ends_with(END));
    all.map(|pem| pem.trim().to_owned()).collect()
}

fn secret(name: &str) -> Result<Vec<String>> {
    let path = "--output=jsonpath={.data.ca\\.crt}";
    bundle(&kubectl(&["--namespace", SYSTEM, "get", "secret", name, path])?)
}

fn hook(kind: &str) -> Result<Vec<String>> {
    let path = "--output=jsonpath={.webhooks[0].clientConfig.caBundle}";
    bundle(&kubectl(&["get", kind, "splitvault", path])?)
}

/// Everything that the cluster trusts, which must be the same everywhere.
fn trusted() -> Result<Vec<String>> {
    let authority = secret("splitvault-ca")?;
    for other in [
        secret("splitvault-store-tls")?,
        hook("mutatingwebhookconfiguration")?,
        hook("validatingwebhookconfiguration")?,
    ] {
        ensure!(other == authority, "not everywhere yet");
    }
    Ok(authority)
}

/// The operator with other times, until dropped.
struct Times;

impl Times {
    fn set(settings: &[&str]) -> Self {
        let arguments = [
            "--namespace",
            SYSTEM,
            "set",
            "env",
            "deployment/splitvault-operator",
        ];
        kubectl(&[&arguments[..], settings].concat()).unwrap();
        Part::Operator.rolled_out();
        Self
    }
}

impl Drop for Times {
    fn drop(&mut self) {
        let defaults = ["SPLITVAULT_CA_ANNOUNCE=2d", "SPLITVAULT_CA_OVERLAP=97d"];
        std::mem::forget(Self::set(&defaults));
    }
}

/// Pods that were there before, and one more for each step.
struct Steps {
    pods: Pods,
    more: Vec<Workload>,
}

impl Steps {
    /// A new pod starts, a new value is stored, and every pod that has a file gets it.
    fn prove(&mut self, step: &str) {
        let namespace = &self.pods.namespace;
        let pod = follower(step);
        pod.apply(namespace).unwrap();
        pod.ready(namespace);
        self.more.push(pod);
        self.pods.write(step);
        for pod in self.more.iter().chain([&self.pods.follower]) {
            self.pods.gets(pod, step);
        }
    }

    /// The certificates that the webhook gave the pod that no node has yet.
    fn given(&self) -> Vec<String> {
        let pod = self.pods.late.pod(&self.pods.namespace).unwrap();
        let variables = pod["spec"]["initContainers"][0]["env"].as_array().unwrap();
        let given = variables
            .iter()
            .find(|one| one["name"] == "SPLITVAULT_CA")
            .unwrap();
        certificates(given["value"].as_str().unwrap())
    }
}

#[test]
fn the_authority_is_replaced_and_no_pod_restarts_or_misses_a_refresh() {
    let _times = Times::set(&["SPLITVAULT_CA_ANNOUNCE=60s", "SPLITVAULT_CA_OVERLAP=60s"]);
    // One that somebody asked for before comes to its end at these times, too.
    let before = eventually("one is trusted", || {
        let trusted = trusted()?;
        ensure!(trusted.len() == 1, "a rotation is under way");
        Ok(trusted[0].clone())
    });
    let mut steps = Steps {
        pods: Pods::start("authority"),
        more: Vec::new(),
    };
    steps.prove("before");
    splitvault(&["rotate", "--ca"], b"").unwrap();

    let next = eventually("another one is trusted", || {
        let trusted = trusted()?;
        ensure!(trusted.len() == 2 && trusted[0] == before, "not announced");
        Ok(trusted[1].clone())
    });
    steps.prove("announced");
    eventually("the new one signs", || {
        ensure!(trusted()? == [next.clone(), before.clone()], "not yet");
        Ok(())
    });
    steps.prove("overlap");
    eventually("the old one is gone from every bundle", || {
        ensure!(trusted()? == [next.clone()], "not yet");
        Ok(())
    });
    // It was admitted before all this, and knows none but the one that is gone.
    assert_eq!(steps.given(), [before]);
    steps.pods.release();
    steps.prove("settled");
    steps.pods.get("settled");
    steps.pods.nothing_restarted(None);
}
