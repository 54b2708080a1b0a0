//! A pod of another namespace gets a VaultSecret only where its owner and the installation both say so.

use anyhow::ensure;
use serde_json::json;
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl};

use crate::installation::Part;

/// The installation's consent, taken back when this is dropped.
struct Consent;

impl Consent {
    fn give(from: &Namespace, to: &Namespace) -> Self {
        Self::set(&format!(
            "SPLITVAULT_CROSS_NAMESPACE={}:{}",
            from.name(),
            to.name()
        ));
        Part::Operator.rolled_out();
        Self
    }

    fn set(variable: &str) {
        kubectl(&[
            "--namespace",
            SYSTEM,
            "set",
            "env",
            "deployment/splitvault-operator",
            variable,
        ])
        .unwrap();
    }
}

impl Drop for Consent {
    fn drop(&mut self) {
        Self::set("SPLITVAULT_CROSS_NAMESPACE-");
        Part::Operator.rolled_out();
    }
}

/// Waits until the sidecar of the pod `app` has said this.
fn says(namespace: &Namespace, text: &str) {
    eventually(&format!("the sidecar says {text}"), || {
        let log = namespace.kubectl(&["logs", "app", "--container", "splitvault"])?;
        ensure!(log.contains(text), "{log}");
        Ok(())
    });
}

fn open_to(home: &Namespace, other: Option<&Namespace>) {
    let access = other.map(|other| json!({"namespaces": [{"name": other.name()}]}));
    let patch = json!({"spec": {"access": access}}).to_string();
    home.kubectl(&["patch", "vaultsecret", "web", "--type=merge", "--patch", &patch])
        .unwrap();
    home.ready("web");
}

#[test]
fn a_pod_of_another_namespace_takes_both_consents() {
    let (home, away) = (Namespace::make("home").unwrap(), Namespace::make("away").unwrap());
    home.apply(&home.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    home.ready("web");
    let reference = format!("{}/web", home.name());
    let workload = Workload::new(Kind::Pod, "app", &reference)
        .annotated("mode", "file")
        .annotated("refresh", "1h");
    workload.apply(&away).unwrap();
    says(&away, "NotAllowed");
    let consent = Consent::give(&away, &home);
    open_to(&home, Some(&away));
    workload.ready(&away);
    let file = workload.read(&away, "/run/splitvault/.env").unwrap();
    assert!(String::from_utf8_lossy(&file).contains("hello"));
    let log = away
        .kubectl(&["logs", "app", "--container", "splitvault"])
        .unwrap();
    // Whichever line says so: a sidecar that waited for long ends once after it has written, and reads its files.
    assert!(log.contains(&format!("{reference}:1")), "{log}");

    // A follower learns within seconds that its access has ended.
    open_to(&home, None);
    says(&away, "stays at");
    drop(consent);
}

#[test]
fn the_owners_consent_alone_opens_nothing() {
    let (home, away) = (Namespace::make("home").unwrap(), Namespace::make("away").unwrap());
    home.apply(&home.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    home.ready("web");
    open_to(&home, Some(&away));
    for (name, reference) in [("there", "web"), ("absent", "nothing")] {
        let reference = format!("{}/{reference}", home.name());
        let workload = Workload::new(Kind::Pod, name, &reference);
        workload.apply(&away).unwrap();
        eventually("it is told the same in both cases", || {
            let log = away.kubectl(&["logs", name, "--container", "splitvault"])?;
            let told = format!("there is no VaultSecret {reference} for this pod");
            ensure!(log.contains(&told), "{log}");
            Ok(())
        });
    }
}
