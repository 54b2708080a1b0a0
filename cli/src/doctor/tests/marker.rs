//! The webhook's mark on the pod, and what was changed after it.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_pod_without_the_marker_is_explained_by_the_webhooks_state() {
    let bare = |e: &mut Evidence| annotate(e, json!({"splitvault.dev/inject": "web"}));
    let about = "MutatingWebhookConfiguration splitvault";
    let configs: [Case<Value>; 4] = [
        (|c| c["webhooks"] = json!([]), "no webhook pods.splitvault.dev"),
        (
            |c| c["webhooks"][0]["clientConfig"]["caBundle"] = json!(""),
            "caBundle",
        ),
        (|c| c["webhooks"][0]["failurePolicy"] = json!("Ignore"), "Ignore"),
        (
            |c| c["metadata"]["creationTimestamp"] = json!("2026-01-03T00:00:00Z"),
            "after the pod",
        ),
    ];
    for (change, expected) in configs {
        let findings = found(|e| {
            bare(e);
            let mut config = config();
            change(&mut config);
            e.webhook = Looked::Found(config);
        });
        let told = said(&findings, Level::Wrong, about);
        assert!(told[0].contains(expected), "{expected}: {told:?}");
    }
    let changes: [Case<Evidence>; 3] = [
        (|e| e.webhook = Looked::Missing, "is not there"),
        (|_| {}, "sort before"),
        (
            |e| e.pod["metadata"]["namespace"] = json!("kube-system"),
            "never injected",
        ),
    ];
    for (change, expected) in changes {
        let findings = found(|e| {
            bare(e);
            change(e);
        });
        let told = said(&findings, Level::Wrong, about);
        assert!(told[0].contains(expected), "{expected}: {told:?}");
        let marker = findings
            .iter()
            .find(|one| one.about == "splitvault.dev/injected")
            .unwrap();
        assert!(marker.next.as_ref().unwrap().contains("delete pod web-1"));
    }
    let findings = found(|e| {
        bare(e);
        e.webhook = Looked::Forbidden;
    });
    assert_eq!(
        said(&findings, Level::Note, about).len(),
        1,
        "a missing right is a finding"
    );
    assert!(!is_well(&findings));
}

#[test]
fn a_marker_without_the_container_and_a_static_pod_are_told() {
    let findings = found(|e| e.pod["spec"]["initContainers"] = json!([]));
    assert!(said(&findings, Level::Wrong, "splitvault.dev/injected")[0].contains("copied"));
    let findings = found(|e| {
        annotate(
            e,
            json!({"splitvault.dev/inject": "web", "kubernetes.io/config.mirror": "x"}),
        )
    });
    assert_eq!(
        said(&findings, Level::Wrong, "kubernetes.io/config.mirror").len(),
        1
    );
    let findings = found(|e| {
        annotate(e, json!({"splitvault.dev/inject": "web"}));
        e.pod["metadata"]["ownerReferences"] = Value::Null;
    });
    let next = findings.iter().find_map(|one| one.next.clone()).unwrap();
    assert!(
        next.contains("replace --force"),
        "nobody makes a bare pod anew: {next}"
    );
}

fn asking(names: &str) -> Value {
    json!([{"name": "splitvault", "env": [{"name": "SPLITVAULT_VAULTSECRETS", "value": names}]}])
}

#[test]
fn an_annotation_that_was_changed_or_taken_away_after_the_pod_was_made_is_told() {
    for (asks, named, expected) in [
        ("web", "db", "web is not named any more"),
        ("web,db", "web", "db is not named any more"),
        ("web", "web, db", "and not for db"),
    ] {
        let findings = found(|e| {
            e.pod["spec"]["initContainers"] = asking(asks);
            e.pod["metadata"]["annotations"]["splitvault.dev/inject"] = json!(named);
        });
        let told = said(&findings, Level::Wrong, "splitvault.dev/inject");
        assert!(told[0].contains(expected), "{told:?}");
    }
    assert!(is_well(&found(
        |e| e.pod["spec"]["initContainers"] = asking("web")
    )));
    let findings = found(|e| {
        e.pod["spec"]["initContainers"] = asking("web");
        annotate(
            e,
            json!({"splitvault.dev/injected": "0.1.0", "splitvault.dev/content": "web=1"}),
        );
    });
    assert!(said(&findings, Level::Wrong, "splitvault.dev/inject")[0].contains("was injected"));
    assert!(
        findings[0]
            .next
            .as_ref()
            .unwrap()
            .ends_with("splitvault.dev/inject=web")
    );
    // A copy of which only the markers are left.
    let findings = found(|e| {
        e.pod["spec"]["initContainers"] = Value::Null;
        annotate(e, json!({"splitvault.dev/content": "web=1"}));
    });
    assert!(is_well(&findings) && findings[0].message.contains("asks for nothing"));
}
