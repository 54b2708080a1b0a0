//! Where a VaultSecret's content comes from, besides a sealed payload.

use anyhow::ensure;
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, Workload, eventually};

fn object(spec: &Value) -> String {
    json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret", "metadata": {"name": "web"}, "spec": spec})
        .to_string()
}

/// What the chart's `secretRef.namespaces` makes, for a namespace that came later.
fn allow(namespace: &Namespace) {
    namespace
        .kubectl(&[
            "create",
            "role",
            "splitvault-secret-ref",
            "--verb=get",
            "--resource=secrets",
        ])
        .unwrap();
    let subject = "--serviceaccount=splitvault-system:splitvault-operator";
    let role = "--role=splitvault-secret-ref";
    namespace
        .kubectl(&["create", "rolebinding", "splitvault-secret-ref", role, subject])
        .unwrap();
}

#[test]
fn a_secret_is_imported_and_followed_when_it_changes() {
    let namespace = Namespace::make("imported").unwrap();
    let from = "--from-literal=GREETING=hello";
    namespace
        .kubectl(&["create", "secret", "generic", "web-env", from])
        .unwrap();
    namespace
        .apply(&object(&json!({"source": {"secretRef": {"name": "web-env"}}})))
        .unwrap();
    let message = namespace.unready("web", "SourceForbidden");
    assert!(
        message.contains("kubectl") || message.contains("helm"),
        "it names the command: {message}"
    );

    allow(&namespace);
    namespace.ready("web");
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");

    let patch = r#"{"stringData": {"GREETING": "good evening"}}"#;
    namespace
        .kubectl(&["patch", "secret", "web-env", "--patch", patch])
        .unwrap();
    eventually("the change is followed", || {
        let object = namespace.get("vaultsecret", "web")?;
        ensure!(object["status"]["revision"] == 2, "{}", object["status"]);
        Ok(())
    });
}

#[test]
fn generated_variables_are_random_and_stay() {
    let namespace = Namespace::make("generated").unwrap();
    let spec = json!({"generate": [{"name": "SESSION_KEY", "length": 32, "alphabet": "base64url"}]});
    namespace.apply(&object(&spec)).unwrap();
    namespace.ready("web");
    let value = |pod: &str| {
        let workload = Workload::new(Kind::Pod, pod, "web");
        workload.apply(&namespace).unwrap();
        workload.ready(&namespace);
        workload.variable(&namespace, "SESSION_KEY").unwrap()
    };
    let first = value("first");
    assert_eq!(first.len(), 32);

    let more = json!({"generate": [{"name": "SESSION_KEY", "length": 32, "alphabet": "base64url"},
        {"name": "OTHER", "length": 16, "alphabet": "hex"}]});
    namespace.apply(&object(&more)).unwrap();
    namespace.ready("web");
    assert_eq!(value("second"), first, "what was made once stays");
}

#[test]
fn a_suspended_object_is_left_alone_until_it_goes_on() {
    let namespace = Namespace::make("suspended").unwrap();
    let mut sealed: Value =
        serde_json::from_str(&namespace.seal("web", "A=1\n", &["--output", "json"]).unwrap()).unwrap();
    sealed["spec"]["suspend"] = true.into();
    namespace.apply(&sealed.to_string()).unwrap();
    namespace.unready("web", "Suspended");
    sealed["spec"]["suspend"] = false.into();
    namespace.apply(&sealed.to_string()).unwrap();
    namespace.ready("web");
}
