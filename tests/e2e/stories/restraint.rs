//! What Splitvault leaves alone.

use serde_json::Value;
use splitvault_tests::{Kind, Namespace, Workload, evidence, kubectl};

#[test]
fn a_pod_without_the_annotation_is_not_touched() {
    let namespace = Namespace::make("untouched").unwrap();
    let workload = Workload::new(Kind::Pod, "plain", "web").plain();
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    let pod = workload.pod(&namespace).unwrap();
    assert!(pod["spec"]["initContainers"].is_null());
    assert!(
        !pod.to_string().contains("/run/splitvault"),
        "nothing of ours is in it"
    );
}

#[test]
fn the_same_object_applied_twice_writes_nothing() {
    let namespace = Namespace::make("twice").unwrap();
    let manifest = namespace.seal("web", "A=1\nB=2\n", &[]).unwrap();
    namespace.apply(&manifest).unwrap();
    namespace.ready("web");
    let before = namespace.get("vaultsecret", "web").unwrap();
    let writes = evidence::writes(namespace.name(), "web").unwrap();
    assert!(writes > 0, "the positive control: the first time it did write");
    namespace.apply(&manifest).unwrap();
    // A change after it has been seen, so the one before has been seen as well.
    namespace
        .kubectl(&["annotate", "vaultsecret", "web", "example.org/touched=yes"])
        .unwrap();
    let other = namespace.seal("other", "A=1\n", &[]).unwrap();
    namespace.apply(&other).unwrap();
    namespace.ready("other");
    let after = namespace.get("vaultsecret", "web").unwrap();
    assert_eq!(
        before["status"], after["status"],
        "no new revision, no new transition"
    );
    assert_eq!(
        evidence::writes(namespace.name(), "web").unwrap(),
        writes,
        "nothing is written to the API server"
    );
}

#[test]
fn the_same_content_sealed_anew_is_the_same_revision() {
    let namespace = Namespace::make("anew").unwrap();
    namespace
        .apply(&namespace.seal("web", "A=1\nB=2\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let before = namespace.get("vaultsecret", "web").unwrap();
    namespace
        .apply(&namespace.seal("web", "A=1\nB=2\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let after = namespace.get("vaultsecret", "web").unwrap();
    assert_ne!(before["spec"], after["spec"], "sealed anew, the payload differs");
    assert_eq!(before["status"]["digest"], after["status"]["digest"]);
    assert_eq!(before["status"]["revision"], after["status"]["revision"]);
}

#[test]
fn a_deleted_object_leaves_no_finalizer_behind_and_its_name_starts_anew() {
    let namespace = Namespace::make("deleted").unwrap();
    namespace
        .apply(&namespace.seal("web", "OLD=1\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    namespace
        .kubectl(&["delete", "vaultsecret", "web", "--timeout=60s"])
        .unwrap();
    namespace
        .apply(&namespace.seal("web", "NEW=1\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let object = namespace.get("vaultsecret", "web").unwrap();
    assert_eq!(
        object["status"]["revision"],
        Value::from(1),
        "it inherits nothing"
    );
}

#[test]
fn no_right_to_read_all_secrets_is_given() {
    let operator = "--as=system:serviceaccount:splitvault-system:splitvault-operator";
    for verb in ["get", "list", "watch"] {
        let answer = kubectl(&[
            "auth",
            "can-i",
            verb,
            "secrets",
            "--namespace",
            "default",
            operator,
        ]);
        assert!(answer.is_err(), "the operator may not {verb} Secrets elsewhere");
    }
    // The positive control: the question is asked rightly.
    let own = kubectl(&[
        "auth",
        "can-i",
        "get",
        "secrets/splitvault-kek",
        "--namespace",
        "splitvault-system",
        operator,
    ]);
    assert_eq!(own.unwrap().trim(), "yes");
}
