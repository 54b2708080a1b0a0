//! What is wrong is refused or reported, with a sentence, and without a byte of a secret.

use anyhow::ensure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use splitvault_tests::{Namespace, SYSTEM, eventually, kubectl, splitvault};

const SECRET: &str = "swordfish-8d1e";

/// A sealed manifest as JSON, to be bent.
fn sealed(namespace: &Namespace) -> Value {
    let text = namespace
        .seal("web", &format!("PASSWORD={SECRET}\n"), &["--output", "json"])
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn restarts() -> Vec<String> {
    let path = "--output=jsonpath={.items[*].status.containerStatuses[*].restartCount}";
    let text = kubectl(&["--namespace", SYSTEM, "get", "pods", path]).unwrap();
    text.split(' ').map(str::to_owned).collect()
}

/// Applies it; a refusal at admission is as good as a condition.
fn complaint(namespace: &Namespace, object: &Value, name: &str, reason: &str) -> String {
    let before = restarts();
    let message = match namespace.apply(&object.to_string()) {
        Err(refused) => refused.to_string(),
        Ok(_) => namespace.unready(name, reason),
    };
    assert!(!message.contains(SECRET), "no byte of the secret");
    assert_eq!(before, restarts(), "nothing crashed");
    message
}

#[test]
fn a_truncated_payload_is_reported() {
    let namespace = Namespace::make("truncated").unwrap();
    let mut object = sealed(&namespace);
    let payload = STANDARD
        .decode(object["spec"]["source"]["sealed"]["payload"].as_str().unwrap())
        .unwrap();
    object["spec"]["source"]["sealed"]["payload"] = STANDARD.encode(&payload[..payload.len() / 2]).into();
    complaint(&namespace, &object, "web", "SealedInvalid");
}

#[test]
fn a_payload_that_is_no_base64_is_reported() {
    let namespace = Namespace::make("garbage").unwrap();
    let mut object = sealed(&namespace);
    object["spec"]["source"]["sealed"]["payload"] = "!!! not base64 !!!".into();
    complaint(&namespace, &object, "web", "SealedInvalid");
}

#[test]
fn a_payload_sealed_for_another_namespace_opens_nothing_here() {
    let namespace = Namespace::make("moved").unwrap();
    let other = Namespace::make("moved-from").unwrap();
    let mut object = sealed(&other);
    object["metadata"]["namespace"] = namespace.name().into();
    complaint(&namespace, &object, "web", "SealedInvalid");
    // The positive control: where it was sealed for, it opens.
    other.apply(&sealed(&other).to_string()).unwrap();
    other.ready("web");
}

#[test]
fn a_payload_sealed_for_another_name_opens_nothing() {
    let namespace = Namespace::make("renamed").unwrap();
    let mut object = sealed(&namespace);
    object["metadata"]["name"] = "other".into();
    complaint(&namespace, &object, "other", "SealedInvalid");
}

#[test]
fn a_payload_sealed_for_another_cluster_names_the_unknown_key() {
    let namespace = Namespace::make("foreign").unwrap();
    let mut object = sealed(&namespace);
    let mut payload = STANDARD
        .decode(object["spec"]["source"]["sealed"]["payload"].as_str().unwrap())
        .unwrap();
    payload[2..10].copy_from_slice(&[0xab; 8]);
    object["spec"]["source"]["sealed"]["payload"] = STANDARD.encode(&payload).into();
    object["spec"]["source"]["sealed"]["keyID"] = "abababababababab".into();
    let message = complaint(&namespace, &object, "web", "UnknownSealingKey");
    assert!(message.contains("abababababababab"), "{message}");
}

#[test]
fn a_bad_dotenv_in_a_secret_is_reported_by_line_and_without_the_value() {
    let namespace = Namespace::make("bad-dotenv").unwrap();
    let text = format!("GOOD=1\nPASSWORD='{SECRET}\n");
    let refused = splitvault(
        &["seal", "-", "--name", "web", "--namespace", namespace.name()],
        text.as_bytes(),
    );
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains('2') && message.contains("PASSWORD"),
        "line and name: {message}"
    );
    assert!(!message.contains(SECRET));
}

#[test]
fn a_missing_secret_is_awaited() {
    let namespace = Namespace::make("missing").unwrap();
    let object = json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
        "metadata": {"name": "web"}, "spec": {"source": {"secretRef": {"name": "not-there"}}}});
    namespace.apply(&object.to_string()).unwrap();
    let message = eventually("a reason is given", || {
        let (status, reason, message) = namespace.condition("web", "Ready")?;
        let known = reason == "SourceMissing" || reason == "SourceForbidden";
        ensure!(status == "False" && known, "Ready={status}: {reason}");
        Ok(message)
    });
    assert!(message.contains("not-there"), "{message}");
    let events = namespace.kubectl(&["get", "events", "--output=yaml"]).unwrap();
    assert!(events.contains("Source"), "an event says so as well: {events}");
}

#[test]
fn an_object_with_two_sources_or_none_is_refused_with_a_sentence() {
    let namespace = Namespace::make("sources").unwrap();
    let mut two = sealed(&namespace);
    two["spec"]["source"]["secretRef"] = json!({"name": "web-env"});
    namespace.apply(&two.to_string()).unwrap_err();
    let mut none = sealed(&namespace);
    none["spec"] = json!({});
    namespace.apply(&none.to_string()).unwrap_err();
}

#[test]
fn a_thousand_entries_work_and_one_more_is_refused() {
    let namespace = Namespace::make("thousand").unwrap();
    let lines = |count: usize| {
        (0..count)
            .map(|i| format!("VARIABLE_{i}={i}\n"))
            .collect::<String>()
    };
    namespace
        .apply(&namespace.seal("web", &lines(1000), &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    assert_eq!(
        namespace.get("vaultsecret", "web").unwrap()["status"]["entries"],
        1000
    );
    let message = namespace.seal("web", &lines(1001), &[]).unwrap_err().to_string();
    assert!(message.contains("1000") || message.contains("1,000"), "{message}");
}

#[test]
fn a_mebibyte_is_too_large_for_a_manifest_and_the_cli_says_so() {
    let namespace = Namespace::make("mebibyte").unwrap();
    let value = "x".repeat(32 * 1024);
    let lines: String = (0..40).map(|i| format!("VARIABLE_{i}={value}\n")).collect();
    let message = namespace.seal("web", &lines, &[]).unwrap_err().to_string();
    assert!(
        message.len() < 1000 && !message.contains("xxxxxxxx"),
        "a sentence, not the input"
    );
}
