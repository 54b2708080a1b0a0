//! The webhook is taken away: a request that nobody stamped is refused, and so is one with a stamp that was made up or copied.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use splitvault_tests::{Namespace, eventually, kubectl, kubectl_with};

const KINDS: [&str; 2] = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

/// Takes both hooks for requests away, and puts them back in the end.
struct Bypass(Vec<Value>);

impl Bypass {
    fn begin() -> Self {
        let read = |kind: &str| -> Value {
            let text = kubectl(&["get", kind, "splitvault", "--output=json"]).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let before = KINDS.map(read).to_vec();
        for (kind, config) in KINDS.iter().zip(&before) {
            let hooks = config["webhooks"].as_array().unwrap();
            let at = hooks
                .iter()
                .position(|hook| hook["name"] == "vaultrequests.splitvault.dev")
                .unwrap();
            let patch = json!([{"op": "remove", "path": format!("/webhooks/{at}")}]).to_string();
            kubectl(&["patch", kind, "splitvault", "--type=json", "--patch", &patch]).unwrap();
        }
        Self(before)
    }
}

impl Drop for Bypass {
    fn drop(&mut self) {
        for (kind, config) in KINDS.iter().zip(&self.0) {
            let patch =
                json!([{"op": "replace", "path": "/webhooks", "value": config["webhooks"]}]).to_string();
            drop(kubectl(&[
                "patch",
                kind,
                "splitvault",
                "--type=json",
                "--patch",
                &patch,
            ]));
        }
    }
}

fn reason(namespace: &Namespace, name: &str) -> String {
    eventually("the request is answered", || {
        let object = namespace.get("vaultrequest", name)?;
        let conditions = object["status"]["conditions"]
            .as_array()
            .context("no conditions")?;
        let failed = conditions
            .iter()
            .find(|c| c["type"] == "Failed" && c["status"] == "True");
        let failed = failed.context("not failed")?;
        Ok(failed["reason"].as_str().unwrap_or_default().to_owned())
    })
}

#[test]
fn a_request_that_passed_no_webhook_is_refused_and_never_done() {
    let namespace = Namespace::make("bypass").unwrap();
    for text in ["A=1\n", "A=2\n"] {
        namespace
            .apply(&namespace.seal("web", text, &[]).unwrap())
            .unwrap();
        namespace.ready("web");
    }
    let spec = json!({"action": "Rollback", "vaultSecretName": "web", "revision": 1, "ttlSeconds": 600});
    let object = |name: &str, spec: &Value| json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultRequest", "metadata": {"name": name}, "spec": spec});
    let create = |object: &Value| {
        let arguments = ["--namespace", namespace.name(), "create", "--filename", "-"];
        eventually("the API server takes it", || {
            kubectl_with(&arguments, object.to_string().as_bytes())
        });
    };
    // One with a good stamp, for the copy; it is for a revision that is not there.
    let mut other = spec.clone();
    other["revision"] = json!(99);
    create(&object("stamped", &other));
    assert_eq!(reason(&namespace, "stamped"), "UnknownRevision");
    let good = namespace.get("vaultrequest", "stamped").unwrap()["spec"]["requester"].clone();
    {
        let _bypass = Bypass::begin();
        eventually("the API server knows that the webhooks are gone", || {
            let dry = [
                "--namespace",
                namespace.name(),
                "create",
                "--dry-run=server",
                "--output=json",
                "--filename",
                "-",
            ];
            let made = kubectl_with(&dry, object("probe", &spec).to_string().as_bytes())?;
            let made: Value = serde_json::from_str(&made)?;
            ensure!(made["spec"]["requester"].is_null(), "still stamped");
            Ok(())
        });
        create(&object("unstamped", &spec));
        let mut forged = spec.clone();
        forged["requester"] = good.clone();
        forged["requester"]["username"] = json!("system:admin");
        create(&object("forged", &forged));
        let mut copied = spec.clone();
        copied["requester"] = good;
        create(&object("copied", &copied));
        for name in ["unstamped", "forged", "copied"] {
            assert_eq!(reason(&namespace, name), "NotStamped", "{name}");
        }
    }
    let status = namespace.get("vaultsecret", "web").unwrap()["status"].clone();
    assert_eq!(status["revision"], 2, "nothing was done: {status}");
}
