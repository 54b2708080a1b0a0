//! From pods as a cluster has them to findings.

use serde_json::{Value, json};
use splitvault_api::VaultSecret;

use super::diagnose::diagnose;
use super::evidence::{Evidence, Looked, Told};
use super::finding::{Finding, Level, is_well, json as as_json, text};

const HOSTILE: &str = "\u{1b}[2Jnothing\nforged: line";

/// An injected pod that runs, mode env by command.
fn pod() -> Value {
    json!({
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "p-1", "creationTimestamp": "2026-01-02T00:00:00Z",
            "annotations": {"splitvault.dev/inject": "web", "splitvault.dev/injected": "0.1.0"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": true}]},
        "spec": {"serviceAccountName": "web",
            "initContainers": [{"name": "splitvault"}],
            "containers": [{"name": "app", "command": ["/splitvault/splitvault-sidecar", "exec", "--", "server"]}]},
        "status": {"phase": "Running",
            "initContainerStatuses": [{"name": "splitvault", "restartCount": 0, "state": {"running": {}}}],
            "containerStatuses": [{"name": "app", "state": {"running": {}}}]},
    })
}

fn secret() -> VaultSecret {
    let ready = json!({"type": "Ready", "status": "True", "reason": "Synced", "message": "revision 3 with 1 variable",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let object = json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
        "metadata": {"name": "web", "namespace": "shop", "generation": 1},
        "spec": {"generate": [{"name": "A"}]},
        "status": {"observedGeneration": 1, "revision": 3, "conditions": [ready]}});
    serde_json::from_value(object).unwrap()
}

fn config() -> Value {
    json!({"metadata": {"name": "splitvault", "creationTimestamp": "2026-01-01T00:00:00Z"}, "webhooks": [
        {"name": "pods.splitvault.dev", "failurePolicy": "Fail", "clientConfig": {"caBundle": "UEVN"}}]})
}

fn evidence(change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = Evidence {
        pod: pod(),
        secrets: vec![("web".to_owned(), Looked::Found(secret()))],
        webhook: Looked::Found(config()),
        events: Looked::Found(Vec::new()),
        log: Looked::Found(String::new()),
        operator_namespace: "splitvault-system".to_owned(),
    };
    change(&mut evidence);
    evidence
}

fn found(change: impl FnOnce(&mut Evidence)) -> Vec<Finding> {
    diagnose(&evidence(change))
}

/// A change, and what it has said.
type Case<T> = (fn(&mut T), &'static str);

/// The messages of one level about this.
fn said(findings: &[Finding], level: Level, about: &str) -> Vec<String> {
    let found = findings
        .iter()
        .filter(|one| one.level == level && one.about == about);
    found.map(|one| one.message.clone()).collect()
}

fn annotate(evidence: &mut Evidence, annotations: Value) {
    evidence.pod["metadata"]["annotations"] = annotations;
}

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

#[test]
fn each_container_says_which_way() {
    let findings = found(|e| {
        let from = |name: &str| json!({"name": name, "valueFrom": {"fileKeyRef": {"volumeName": "splitvault-env", "key": name}}});
        e.pod["spec"]["containers"] = json!([
            {"name": "kubelet", "env": [from("SPLITVAULT_REVISION"), from("A"), from("B"), {"name": "C", "value": "1"}]},
            {"name": "exec", "command": ["/splitvault/splitvault-sidecar", "exec", "--", "x"]},
            {"name": "late"},
        ]);
        e.pod["spec"]["initContainers"] = json!([{"name": "splitvault"}, {"name": "setup"}]);
    });
    assert!(said(&findings, Level::Well, "container kubelet")[0].ends_with("by kubelet: 2"));
    assert!(said(&findings, Level::Well, "container exec")[0].contains("exec"));
    assert_eq!(said(&findings, Level::Wrong, "container late").len(), 1);
    assert!(said(&findings, Level::Note, "container setup")[0].contains("init container"));
    let findings = found(|e| {
        annotate(
            e,
            json!({"splitvault.dev/inject": "web", "splitvault.dev/injected": "0.1.0",
            "splitvault.dev/mode": "file", "splitvault.dev/containers": "app,gone"}),
        );
        e.pod["spec"]["containers"] = json!([
            {"name": "app", "volumeMounts": [{"name": "splitvault-env", "mountPath": "/run/splitvault"}]},
            {"name": "proxy"},
        ]);
    });
    assert!(said(&findings, Level::Well, "container app")[0].contains("a file, /run/splitvault/.env"));
    assert!(said(&findings, Level::Note, "container proxy")[0].contains("does not name it"));
    assert!(said(&findings, Level::Wrong, "container gone")[0].contains("no such container"));
}

#[test]
fn a_vault_secret_that_is_not_delivered_says_why() {
    let with = |change: fn(&mut Value)| {
        let mut object = serde_json::to_value(secret()).unwrap();
        change(&mut object);
        found(|e| e.secrets[0].1 = Looked::Found(serde_json::from_value(object).unwrap()))
    };
    let wrong: [Case<Value>; 4] = [
        (
            |o| o["spec"]["access"] = json!({"serviceAccounts": ["other"]}),
            "ServiceAccount web",
        ),
        (
            |o| o["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
            "deleted",
        ),
        (|o| o["status"] = json!({}), "has not looked"),
        (
            |o| {
                o["status"]["conditions"][0]["status"] = json!("False");
                o["status"]["conditions"][0]["reason"] = json!("Tampered");
            },
            "Tampered",
        ),
    ];
    for (change, expected) in wrong {
        let findings = with(change);
        let told = said(&findings, Level::Wrong, "VaultSecret web");
        assert!(told[0].contains(expected), "{expected}: {told:?}");
    }
    let findings = with(|o| {
        o["status"]["conditions"][0]["status"] = json!("False");
        o["status"]["conditions"][0]["reason"] = json!("SourceMissing");
    });
    assert!(is_well(&findings), "the last good revision is delivered");
    assert!(said(&findings, Level::Note, "VaultSecret web")[0].contains("revision 3"));
    assert!(!is_well(&found(|e| e.secrets[0].1 = Looked::Missing)));
    assert!(
        is_well(&found(|e| e.secrets[0].1 = Looked::Forbidden)),
        "a missing right is a finding and no fault"
    );
}

#[test]
fn a_pod_that_waits_shows_the_sidecars_state_and_the_last_words() {
    let findings = found(|e| {
        e.pod["status"]["containerStatuses"] =
            json!([{"name": "app", "state": {"waiting": {"reason": "PodInitializing"}}}]);
        let told = |warning, reason: &str, message: &str| Told {
            warning,
            reason: reason.to_owned(),
            message: message.to_owned(),
        };
        e.events = Looked::Found(vec![
            told(true, "NotReady", "waits for web"),
            told(false, "Pulled", "x"),
        ]);
        e.log = Looked::Found("splitvault: first\nsplitvault: refused: NotAllowed\n".to_owned());
    });
    assert!(said(&findings, Level::Wrong, "container splitvault")[0].contains("wait"));
    assert_eq!(said(&findings, Level::Note, "event NotReady"), ["waits for web"]);
    assert_eq!(
        said(&findings, Level::Note, "log of container splitvault"),
        ["splitvault: refused: NotAllowed"]
    );
    assert!(
        findings
            .last()
            .unwrap()
            .next
            .as_ref()
            .unwrap()
            .contains("describe pod web-1")
    );
    for (state, expected) in [
        (
            json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}),
            "ImagePullBackOff",
        ),
        (
            json!({"terminated": {"exitCode": 1, "message": "bad settings"}}),
            "ended with 1",
        ),
    ] {
        let findings = found(|e| {
            e.pod["status"]["initContainerStatuses"][0]["state"] = state;
            e.events = Looked::Forbidden;
            e.log = Looked::Forbidden;
        });
        assert!(said(&findings, Level::Wrong, "container splitvault")[0].contains(expected));
        assert_eq!(said(&findings, Level::Note, "events"), ["you may not read them"]);
    }
    let pending = found(|e| e.pod["status"] = json!({"phase": "Pending"}));
    assert!(said(&pending, Level::Wrong, "container splitvault")[0].contains("no node"));
    let once = found(|e| {
        e.pod["status"]["initContainerStatuses"][0]["state"] = json!({"terminated": {"exitCode": 0}});
    });
    assert!(
        is_well(&once),
        "a plain init container is over once it has delivered"
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

#[test]
fn a_sidecar_that_is_refused_is_told_of_while_the_pod_runs() {
    let log = |text: &str| {
        let line = format!("splitvault: stays at web:2: {text}\n");
        found(|e| e.log = Looked::Found(line.clone()))
    };
    for reason in [
        "NotRequested: the annotation",
        "NotAllowed: spec.access",
        "Tampered: web",
    ] {
        let findings = log(reason);
        assert!(!is_well(&findings), "{reason}");
        assert_eq!(
            said(&findings, Level::Wrong, "log of container splitvault").len(),
            1
        );
    }
    let passing = log("Unavailable: the operator is busy");
    assert!(is_well(&passing) && passing.iter().any(|one| one.level == Level::Note));
}

#[test]
fn a_container_that_fails_by_itself_is_not_said_to_wait_for_its_variables() {
    let findings = found(|e| {
        e.pod["status"]["containerStatuses"] = json!([{"name": "app",
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
            "lastState": {"terminated": {"reason": "StartError", "message": "exec: no such file"}}}]);
        e.log = Looked::Found("splitvault: delivered: web:2\n".to_owned());
    });
    let app = &said(&findings, Level::Wrong, "container app")[0];
    assert!(
        app.contains("not for its variables") && app.contains("no such file"),
        "{app}"
    );
    assert_eq!(
        said(&findings, Level::Well, "container splitvault"),
        ["runs, and has delivered"]
    );
}

#[test]
fn what_a_cluster_says_cannot_forge_a_line_or_move_a_cursor() {
    let findings = found(|e| {
        e.pod["spec"]["containers"][0]["name"] = json!(HOSTILE);
        e.log = Looked::Found(HOSTILE.to_owned());
    });
    let printed = text("shop", "web-1", &findings);
    assert!(
        !printed.contains('\u{1b}') && !printed.lines().any(|line| line.starts_with("forged")),
        "{printed}"
    );
    let read: Value = serde_json::from_str(&as_json("shop", "web-1", &findings)).unwrap();
    assert_eq!(read["findings"].as_array().unwrap().len(), findings.len());
}

#[test]
fn no_pod_makes_it_panic() {
    for pod in [
        Value::Null,
        json!({}),
        json!([]),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": 7}}}),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": "web", "splitvault.dev/injected": "1"}},
            "spec": {"initContainers": {"a": 1}, "containers": [7, null, {"name": []}]}, "status": 3}),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": "web", "splitvault.dev/injected": "1"}},
            "spec": {"initContainers": [{"name": "splitvault"}], "containers": [7, null, {"name": [], "env": 1, "command": "x"}]},
            "status": {"initContainerStatuses": [{"name": "splitvault", "state": []}], "containerStatuses": "x"}}),
        json!({"metadata": {"annotations": {"splitvault.dev/inject": "a,".repeat(100_000)}}}),
    ] {
        let findings = found(|e| e.pod = pod);
        assert!(!findings.is_empty());
    }
}
