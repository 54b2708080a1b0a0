//! A pod that is made while the webhook is switched off starts without its variables: it is found, told about, and made
//! anew where that is allowed.

use anyhow::ensure;
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl};

use super::installation::Part;

const CONFIG: [&str; 2] = ["mutatingwebhookconfiguration", "splitvault"];
const RIGHT: &str = "splitvault-e2e-evicts";

/// Takes the hook for pods away, and puts it back in the end.
struct Away(Value);

impl Away {
    fn begin() -> Self {
        let text = kubectl(&["get", CONFIG[0], CONFIG[1], "--output=json"]).unwrap();
        let before: Value = serde_json::from_str(&text).unwrap();
        let hooks = before["webhooks"].as_array().unwrap();
        let at = hooks
            .iter()
            .position(|hook| hook["name"] == "pods.splitvault.dev")
            .unwrap();
        patch(&json!([{"op": "remove", "path": format!("/webhooks/{at}")}])).unwrap();
        Self(before["webhooks"].clone())
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        drop(patch(
            &json!([{"op": "replace", "path": "/webhooks", "value": self.0}]),
        ));
    }
}

fn patch(patch: &Value) -> anyhow::Result<String> {
    let patch = patch.to_string();
    kubectl(&["patch", CONFIG[0], CONFIG[1], "--type=json", "--patch", &patch])
}

/// Has the operator search often, and evict or not; both as usual in the end.
struct Searching;

impl Searching {
    fn set(settings: &[&str]) {
        let deployment = "deployment/splitvault-operator";
        kubectl(&[&["--namespace", SYSTEM, "set", "env", deployment], settings].concat()).unwrap();
        Part::Operator.rolled_out();
    }
}

impl Drop for Searching {
    fn drop(&mut self) {
        Self::set(&["SPLITVAULT_MISSED_INTERVAL-", "SPLITVAULT_MISSED_EVICT-"]);
        for kind in ["clusterrolebinding", "clusterrole"] {
            drop(kubectl(&["delete", kind, RIGHT, "--ignore-not-found"]));
        }
    }
}

#[test]
fn a_pod_that_was_missed_is_found_told_about_and_made_anew_where_that_is_allowed() {
    let namespace = Namespace::make("missed").unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let workload = Workload::new(Kind::Deployment, "app", "web");
    let away = Away::begin();
    workload.apply(&namespace).unwrap();
    let pod = workload.ready(&namespace);
    drop(away);
    assert!(workload.variable(&namespace, "GREETING").is_err(), "it has none");

    let _as_usual = Searching;
    Searching::set(&["SPLITVAULT_MISSED_INTERVAL=10s"]);
    eventually("the condition names the pod", || {
        let (status, reason, message) = namespace.condition("web", "MissedPods")?;
        ensure!(
            status == "True" && reason == "NotInjected" && message.contains(&pod),
            "{message}"
        );
        Ok(())
    });
    eventually("an event on the pod says so", || {
        let events = namespace.kubectl(&["get", "events", "--output=json"])?;
        ensure!(events.contains("NotInjected"), "{events}");
        Ok(())
    });
    assert_eq!(
        workload.ready(&namespace),
        pod,
        "off by default: nothing is done to it"
    );

    let right = [
        "create",
        "clusterrole",
        RIGHT,
        "--verb=create",
        "--resource=pods/eviction",
    ];
    kubectl(&right).unwrap();
    let (role, subject) = (
        format!("--clusterrole={RIGHT}"),
        format!("--serviceaccount={SYSTEM}:splitvault-operator"),
    );
    kubectl(&["create", "clusterrolebinding", RIGHT, &role, &subject]).unwrap();
    Searching::set(&["SPLITVAULT_MISSED_EVICT=true"]);
    eventually("its owner makes it anew, with its variables", || {
        let got = workload.variable(&namespace, "GREETING")?;
        ensure!(got == b"hello", "{:?}", String::from_utf8_lossy(&got));
        Ok(())
    });
    eventually("and nothing is said of it any more", || {
        ensure!(namespace.condition("web", "MissedPods").is_err(), "still there");
        Ok(())
    });
}
