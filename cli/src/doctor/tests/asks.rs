//! Pods that ask, that do not, and that meant to.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_pod_that_has_what_it_asks_for_is_well() {
    let findings = found(|_| {});
    assert!(
        is_well(&findings) && findings.iter().all(|one| one.level == Level::Well),
        "{findings:?}"
    );
    assert!(said(&findings, Level::Well, "container app")[0].contains("exec"));
    assert!(said(&findings, Level::Well, "VaultSecret web")[0].contains("revision 3"));
}

#[test]
fn one_that_asks_for_nothing_is_well_and_is_told_how_to_ask() {
    for annotations in [
        Value::Null,
        json!({}),
        json!({"example.org/a": "b"}),
        json!([]),
        json!("x"),
    ] {
        let findings = found(|e| annotate(e, annotations.clone()));
        assert!(is_well(&findings), "{annotations}");
        assert!(findings[0].message.contains("asks for nothing"), "{annotations}");
    }
}

#[test]
fn a_misspelt_annotation_or_a_label_in_its_place_is_found() {
    for key in [
        "splitvault.dev/injects",
        "splitvault.dev/mode",
        "splitvault.io/inject",
        "spiltvault.dev/inject",
    ] {
        let findings = found(|e| annotate(e, json!({key: "web"})));
        assert!(
            said(&findings, Level::Wrong, key)[0].contains("splitvault.dev/inject"),
            "{key}"
        );
    }
    let findings = found(|e| {
        annotate(e, json!({}));
        e.pod["metadata"]["labels"] = json!({"splitvault.dev/inject": "web"});
    });
    assert!(said(&findings, Level::Wrong, "splitvault.dev/inject")[0].contains("label"));
    assert!(is_well(&found(|e| annotate(
        e,
        json!({"vault.hashicorp.com/agent-inject": "true"})
    ))));
}

#[test]
fn another_annotation_that_cannot_be_is_named() {
    let findings = found(|e| {
        annotate(
            e,
            json!({"splitvault.dev/inject": "web", "splitvault.dev/mode": "envs"}),
        )
    });
    assert!(said(&findings, Level::Wrong, "splitvault.dev/mode")[0].contains("env or file"));
    let findings = found(|e| {
        annotate(
            e,
            json!({"splitvault.dev/inject": "web", "splitvault.dev/contaners": "a"}),
        )
    });
    assert_eq!(said(&findings, Level::Wrong, "splitvault.dev/contaners").len(), 1);
}
