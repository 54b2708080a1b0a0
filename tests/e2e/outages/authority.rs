//! The certificate authority is replaced under running pods.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl, splitvault};

use crate::installation::Part;

const END: &str = "-----END CERTIFICATE-----";

/// Certificates of a base64 bundle, in their order.
fn bundle(encoded: &str) -> Result<Vec<String>> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim())?)?;
    let all = text.split_inclusive(END).filter(|pem| pem.ends_with(END));
    Ok(all.map(|pem| pem.trim().to_owned()).collect())
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

/// Pods of one namespace that all have one VaultSecret as a file.
struct Pods {
    namespace: Namespace,
    all: Vec<Workload>,
}

impl Pods {
    fn make() -> Self {
        let pods = Self {
            namespace: Namespace::make("authority").unwrap(),
            all: Vec::new(),
        };
        pods.write("nothing");
        pods.namespace.ready("web");
        pods
    }

    fn write(&self, value: &str) {
        let manifest = self
            .namespace
            .seal("web", &format!("STEP={value}\n"), &[])
            .unwrap();
        self.namespace.apply(&manifest).unwrap();
    }

    /// A new pod starts, a new value is stored, and every pod there is gets it.
    fn prove(&mut self, step: &str) {
        let pod = Workload::new(Kind::Pod, step, "web")
            .annotated("mode", "file")
            .annotated("refresh", "1s");
        pod.apply(&self.namespace).unwrap();
        pod.ready(&self.namespace);
        self.all.push(pod);
        self.write(step);
        for pod in &self.all {
            eventually(&format!("a pod has the value of step {step}"), || {
                let text = pod.read(&self.namespace, "/run/splitvault/.env")?;
                ensure!(String::from_utf8_lossy(&text).contains(step), "not yet");
                Ok(())
            });
        }
    }

    fn restarts(&self) -> u64 {
        let status = |pod: &Workload| pod.pod(&self.namespace).unwrap()["status"].clone();
        let count = |status: Value| {
            let lists = ["containerStatuses", "initContainerStatuses"];
            let all = lists.iter().filter_map(|list| status[list].as_array()).flatten();
            all.filter_map(|container| container["restartCount"].as_u64())
                .sum::<u64>()
        };
        self.all.iter().map(status).map(count).sum()
    }
}

#[test]
fn the_authority_is_replaced_and_no_pod_restarts_or_misses_a_refresh() {
    let mut pods = Pods::make();
    let _times = Times::set(&["SPLITVAULT_CA_ANNOUNCE=60s", "SPLITVAULT_CA_OVERLAP=60s"]);
    // One that somebody asked for before comes to its end at these times, too.
    let before = eventually("one is trusted", || {
        let trusted = trusted()?;
        ensure!(trusted.len() == 1, "a rotation is under way");
        Ok(trusted[0].clone())
    });
    pods.prove("before");
    splitvault(&["rotate", "--ca"], b"").unwrap();

    let next = eventually("another one is trusted", || {
        let trusted = trusted()?;
        ensure!(trusted.len() == 2 && trusted[0] == before, "not announced");
        Ok(trusted[1].clone())
    });
    pods.prove("announced");
    eventually("the new one signs", || {
        ensure!(trusted()? == [next.clone(), before.clone()], "not yet");
        Ok(())
    });
    pods.prove("overlap");
    eventually("the old one is gone from every bundle", || {
        ensure!(trusted()? == [next.clone()], "not yet");
        Ok(())
    });
    pods.prove("settled");
    assert_eq!(pods.restarts(), 0);
}
