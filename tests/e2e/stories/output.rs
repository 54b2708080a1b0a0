//! A Kubernetes Secret that is maintained beside the stores, for what can read nothing else.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use splitvault_tests::{Namespace, eventually};

/// `A=1` and its like as base64, which is what a Secret holds.
const ONE: &str = "MQ==";
const TWO: &str = "Mg==";

/// What the chart's `output.namespaces` makes, for a namespace that came later.
fn allow(namespace: &Namespace) {
    let verbs = "--verb=get,create,patch,delete";
    let role = [
        "create",
        "role",
        "splitvault-outputs",
        verbs,
        "--resource=secrets",
    ];
    namespace.kubectl(&role).unwrap();
    let subject = "--serviceaccount=splitvault-system:splitvault-operator";
    let role = "--role=splitvault-outputs";
    namespace
        .kubectl(&["create", "rolebinding", "splitvault-outputs", role, subject])
        .unwrap();
}

fn asking(namespace: &Namespace, dotenv: &str, name: &str) -> Value {
    let sealed = namespace.seal("web", dotenv, &["--output", "json"]).unwrap();
    let mut object: Value = serde_json::from_str(&sealed).unwrap();
    object["spec"]["output"] = json!({"secretName": name});
    object
}

fn holds(namespace: &Namespace, name: &str, data: &Value) -> Result<()> {
    let secret = namespace.get("secret", name)?;
    ensure!(secret["data"] == *data, "its metadata: {}", secret["metadata"]);
    Ok(())
}

fn is_gone(namespace: &Namespace, name: &str) -> Result<()> {
    let names = namespace.kubectl(&["get", "secrets", "--output=name"])?;
    ensure!(
        !names.lines().any(|line| line == format!("secret/{name}")),
        "{name} is still there"
    );
    Ok(())
}

#[test]
fn a_secret_is_made_once_allowed_put_back_renamed_and_removed() {
    let namespace = Namespace::make("output").unwrap();
    let mut object = asking(&namespace, "A=1\n", "web-env");
    namespace.apply(&object.to_string()).unwrap();
    let message = namespace.unready("web", "OutputForbidden");
    assert!(message.contains("output.namespaces"), "{message}");

    allow(&namespace);
    namespace.ready("web");
    holds(&namespace, "web-env", &json!({"A": ONE})).unwrap();

    let patch = r#"{"stringData": {"A": "edited", "MORE": "added"}}"#;
    namespace
        .kubectl(&["patch", "secret", "web-env", "--patch", patch])
        .unwrap();
    eventually("what was edited is put back", || {
        holds(&namespace, "web-env", &json!({"A": ONE}))
    });
    namespace.kubectl(&["delete", "secret", "web-env"]).unwrap();
    eventually("what was deleted is made again", || {
        holds(&namespace, "web-env", &json!({"A": ONE}))
    });
    let patch = r#"{"immutable": true}"#;
    namespace
        .kubectl(&["patch", "secret", "web-env", "--patch", patch])
        .unwrap();

    object = asking(&namespace, "A=2\n", "web-env");
    namespace.apply(&object.to_string()).unwrap();
    eventually("a new revision is followed, also by one made immutable", || {
        holds(&namespace, "web-env", &json!({"A": TWO}))
    });

    object["spec"]["output"]["secretName"] = "renamed".into();
    namespace.apply(&object.to_string()).unwrap();
    eventually("the new name is there and the old one is not", || {
        holds(&namespace, "renamed", &json!({"A": TWO}))?;
        is_gone(&namespace, "web-env")
    });

    object["spec"]["output"] = Value::Null;
    namespace.apply(&object.to_string()).unwrap();
    eventually("it is removed", || is_gone(&namespace, "renamed"));
    namespace.ready("web");
}

#[test]
fn a_secret_of_somebody_else_is_not_touched() {
    let namespace = Namespace::make("foreign").unwrap();
    allow(&namespace);
    let literal = "--from-literal=KEEP=me";
    namespace
        .kubectl(&["create", "secret", "generic", "web-env", literal])
        .unwrap();
    let before = namespace.get("secret", "web-env").unwrap();
    let mut object = asking(&namespace, "A=1\n", "web-env");
    namespace.apply(&object.to_string()).unwrap();
    let message = namespace.unready("web", "OutputForeign");
    assert!(message.contains("web-env"), "{message}");
    object["spec"]["output"] = Value::Null;
    namespace.apply(&object.to_string()).unwrap();
    namespace.ready("web");
    assert_eq!(
        namespace.get("secret", "web-env").unwrap(),
        before,
        "byte for byte"
    );
}

#[test]
fn it_goes_with_its_object_whatever_becomes_of_the_content() {
    let namespace = Namespace::make("owned").unwrap();
    allow(&namespace);
    for policy in ["Delete", "Retain"] {
        let mut object = asking(&namespace, "A=1\n", "web-env");
        object["spec"]["deletionPolicy"] = policy.into();
        namespace.apply(&object.to_string()).unwrap();
        namespace.ready("web");
        holds(&namespace, "web-env", &json!({"A": ONE})).unwrap();
        namespace.kubectl(&["delete", "vaultsecret", "web"]).unwrap();
        eventually("the Secret is collected", || is_gone(&namespace, "web-env"));
    }
}
