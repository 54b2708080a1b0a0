//! What the pod waits for.

use serde_json::json;

use super::*;

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
