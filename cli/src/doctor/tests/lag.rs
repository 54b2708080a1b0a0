//! Processes that began before a change.

use serde_json::json;

use super::*;

const ABOUT: &str = "container app";
/// When the application began.
const SINCE: &str = "2026-01-02T00:00:05Z";
const FIRST: &str = "2026-01-02T00:00:03.000000001Z splitvault: delivered: web:1";
const CHANGE: &str = "2026-01-02T00:10:00.999999999Z splitvault: delivered: web:2";

/// An application in its environment, whose sidecar said this.
fn after(log: &[&str], change: impl FnOnce(&mut Evidence)) -> Vec<Finding> {
    found(|e| {
        e.pod["status"]["containerStatuses"][0]["state"] = json!({"running": {"startedAt": SINCE}});
        e.log = Looked::Found(log.join("\n"));
        change(e);
    })
}

fn lags(log: &[&str]) -> Vec<String> {
    said(&after(log, |_| {}), Level::Note, ABOUT)
}

#[test]
fn a_process_that_began_before_a_change_is_told_of_and_is_no_problem() {
    let findings = after(&[FIRST, CHANGE], |_| {});
    assert!(is_well(&findings));
    let told = said(&findings, Level::Note, ABOUT);
    for part in [
        SINCE,
        "revision web:2",
        "(2026-01-02T00:10:00Z)",
        "RestartContainers",
        "onChange: Restart",
    ] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    let next: Vec<_> = findings.iter().filter_map(|one| one.next.clone()).collect();
    assert_eq!(next, ["kubectl -n shop rollout restart deployment/web"]);
}

#[test]
fn so_is_one_whose_variables_kubelet_set_and_one_that_reads_a_file_is_not() {
    let kubelet = |e: &mut Evidence| {
        e.pod["spec"]["containers"][0] = json!({"name": "app", "env": [
            {"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "splitvault-env", "key": "A"}}}]});
    };
    assert_eq!(
        said(&after(&[FIRST, CHANGE], kubelet), Level::Note, ABOUT).len(),
        1
    );
    let file = |e: &mut Evidence| {
        annotate(
            e,
            json!({"splitvault.dev/inject": "web", "splitvault.dev/injected": "0.1.0", "splitvault.dev/mode": "file"}),
        );
        e.pod["spec"]["containers"][0] = json!({"name": "app", "volumeMounts": [{"name": "splitvault-env", "mountPath": "/run/splitvault"}]});
    };
    let findings = after(&[FIRST, CHANGE], file);
    assert_eq!(said(&findings, Level::Well, ABOUT).len(), 1);
    assert_eq!(said(&findings, Level::Note, ABOUT).len(), 0);
}

#[test]
fn neither_a_first_delivery_nor_a_repeated_one_is_a_change() {
    let asks = "2026-01-02T00:00:01Z splitvault: asks for web";
    let late = "2026-01-02T00:00:09Z splitvault: delivered: web:1";
    let again = "2026-01-02T00:10:00Z splitvault: delivered: web:1";
    let there = "2026-01-02T00:09:00Z splitvault: the files are there: web:1";
    for log in [
        &[asks, late][..],
        &[FIRST, again],
        &[there, again],
        &[FIRST],
        &[CHANGE],
        &[],
    ] {
        assert_eq!(lags(log), [""; 0], "{log:?}");
    }
    // A sidecar that was restarted found what its process had, or was refused before, and then got something newer.
    let stays = "2026-01-02T00:09:00Z splitvault: stays at web:1: Unavailable: busy: later";
    assert_eq!(lags(&[there, CHANGE]).len(), 1);
    assert_eq!(lags(&[stays, CHANGE]).len(), 1);
}

#[test]
fn a_process_that_began_later_has_what_was_delivered() {
    for (since, expected) in [
        ("2026-01-02T00:09:59Z", 1),
        // Of the same second it cannot be told.
        ("2026-01-02T00:10:00Z", 0),
        ("2026-01-02T00:10:01Z", 0),
        ("2026-01-02T02:09:59+02:00", 1),
        ("then", 0),
        ("", 0),
    ] {
        let findings = after(&[FIRST, CHANGE], |e| {
            e.pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = json!(since);
        });
        assert_eq!(said(&findings, Level::Note, ABOUT).len(), expected, "{since}");
    }
    let ended = after(&[FIRST, CHANGE], |e| {
        e.pod["status"]["containerStatuses"][0]["state"] = json!({"terminated": {"startedAt": SINCE}});
    });
    let told = said(&ended, Level::Note, ABOUT);
    assert!(!told.concat().contains("of before"), "nothing runs: {told:?}");
}

#[test]
fn of_several_vault_secrets_those_that_changed_since_are_named() {
    let log = [
        "2026-01-02T00:00:03Z splitvault: delivered: a/db:1,cache:5,web:1",
        "2026-01-02T00:00:04Z splitvault: delivered: a/db:1,cache:6,web:1",
        "2026-01-02T00:10:00Z splitvault: delivered: a/db:1,cache:6,web:2",
        "2026-01-02T00:11:00Z splitvault: delivered: a/db:1,cache:6,web:2",
        "2026-01-02T00:12:00Z splitvault: delivered: a/db:2,cache:6,web:2",
    ];
    let told = lags(&log);
    assert!(
        told[0].contains("revision a/db:2,web:2 was delivered (2026-01-02T00:12:00Z)"),
        "{told:?}"
    );
}

#[test]
fn one_that_will_be_restarted_by_itself_is_told_so() {
    let in_place = after(&[FIRST, CHANGE], |e| sidecar_does(e, "RestartContainers"));
    assert!(said(&in_place, Level::Note, ABOUT)[0].contains("on-change restarts it"));
    let findings = after(&[FIRST, CHANGE], rolled);
    let told = &said(&findings, Level::Note, ABOUT)[0];
    assert!(
        told.ends_with(
            "onChange: Restart of VaultSecret web rolls the Deployment or Rollout above the pod's ReplicaSet, if there is one"
        ),
        "{told}"
    );
    assert_eq!(next(&findings, ABOUT), "kubectl -n shop describe vaultsecret web");
}

/// As if whoever wrote the VaultSecret wanted workloads rolled.
fn rolled(evidence: &mut Evidence) {
    if let Looked::Found(object) = &mut evidence.secrets[0].1 {
        object.spec.on_change = Some(splitvault_api::OnChange::Restart);
    }
}

#[test]
fn a_reload_is_said_to_change_no_environment() {
    for setting in ["Signal", "HTTP"] {
        let told = after(&[FIRST, CHANGE], |e| sidecar_does(e, setting));
        let told = &said(&told, Level::Note, ABOUT)[0];
        let remedy = "splitvault.dev/mode: file, or splitvault.dev/on-change: RestartContainers";
        assert!(
            told.contains("A reload") && told.contains(setting) && told.contains(remedy),
            "{told}"
        );
        let told = after(&[FIRST, CHANGE], |e| {
            sidecar_does(e, setting);
            rolled(e);
        });
        let told = &said(&told, Level::Note, ABOUT)[0];
        assert!(
            told.contains("A reload") && told.contains("of VaultSecret web rolls"),
            "{told}"
        );
    }
    assert!(!lags(&[FIRST, CHANGE])[0].contains("reload"));
}

#[test]
fn on_change_restart_is_said_of_workloads_that_it_rolls_and_of_no_others() {
    let by = |version: &str, kind: &str| json!([{"apiVersion": version, "kind": kind, "name": "x", "controller": true}]);
    let told = |owners: &Value, change: fn(&mut Evidence)| {
        let findings = after(&[FIRST, CHANGE], |e| {
            e.pod["metadata"]["ownerReferences"] = owners.clone();
            change(e);
        });
        said(&findings, Level::Note, ABOUT).concat()
    };
    for kind in ["StatefulSet", "DaemonSet"] {
        let owners = by("apps/v1", kind);
        assert!(
            told(&owners, rolled).contains(&format!("rolls the pod's {kind}")),
            "{kind}"
        );
        assert!(
            told(&owners, |_| {}).contains("or spec.onChange: Restart on"),
            "{kind}"
        );
    }
    assert!(told(&by("argoproj.io/v1alpha1", "Rollout"), rolled).contains("rolls the pod's Rollout"));
    for owners in [
        Value::Null,
        by("batch/v1", "Job"),
        by("apps.kruise.io/v1", "StatefulSet"),
        by("v1", "ReplicationController"),
    ] {
        let set = told(&owners, rolled);
        assert!(
            set.contains("onChange: Restart leaves it alone, as it does Jobs") && !set.contains("rolls"),
            "{set}"
        );
        let unset = told(&owners, |_| {});
        assert!(
            unset.contains("RestartContainers") && !unset.contains("onChange"),
            "of no use here: {unset}"
        );
    }
    let bare = after(&[FIRST, CHANGE], |e| {
        rolled(e);
        e.pod["metadata"]["ownerReferences"] = Value::Null;
    });
    assert!(
        next(&bare, ABOUT).contains("replace --force"),
        "nobody rolls a bare pod"
    );
}

#[test]
fn a_vault_secret_of_another_namespace_is_not_said_to_roll_anything() {
    let log = [
        "2026-01-02T00:00:03Z splitvault: delivered: other/web:1",
        "2026-01-02T00:10:00Z splitvault: delivered: other/web:2",
    ];
    let findings = after(&log, |e| {
        e.pod["metadata"]["annotations"]["splitvault.dev/inject"] = json!("other/web");
        rolled(e);
        e.secrets[0].0 = "other/web".to_owned();
    });
    let told = &said(&findings, Level::Note, ABOUT)[0];
    assert!(
        told.contains("RestartContainers") && !told.contains("onChange"),
        "{told}"
    );
}

#[test]
fn what_to_roll_is_told_where_the_pod_says_it() {
    let roll = |owner: Value| {
        next(
            &after(&[FIRST, CHANGE], |e| {
                e.pod["metadata"]["ownerReferences"][0] = owner
            }),
            ABOUT,
        )
    };
    let by = |version: &str, kind: &str, name: &str| json!({"apiVersion": version, "kind": kind, "name": name, "controller": true});
    assert!(roll(by("apps/v1", "StatefulSet", "db")).ends_with("restart statefulset/db"));
    assert!(roll(by("apps/v1", "DaemonSet", "log")).ends_with("restart daemonset/log"));
    for owner in [
        by("apps.kruise.io/v1", "StatefulSet", "db"),
        by("apps/v1", "ReplicaSet", "web"),
        by("batch/v1", "Job", "once"),
    ] {
        assert!(roll(owner.clone()).contains("delete pod web-1"), "{owner}");
    }
}

#[test]
fn lines_that_are_cut_or_forged_are_no_evidence() {
    let long = format!(
        "2026-01-02T00:10:00Z splitvault: delivered: web:{}2",
        "0".repeat(1000)
    );
    for line in [
        "splitvault: delivered: web:2",
        "2026-01-02T00:10:00Z delivered: web:2",
        "2026-01-02T00:10:00Z splitvault: delivered: ",
        "2026-01-02T00:10:00Z splitvault: delivered: web",
        "2026-01-02T00:10:00Z splitvault: delivered: web:2,",
        "2026-01-02T00:10:00Z splitvault: delivered: web:-2",
        "2026-01-02T00:10:00Z splitvault: delivered: web:99999999999999999999",
        "2026-01-02T00:10:00Z splitvault: delivered: \u{1b}[2J:2",
        "2026-01-02T00:10:00Z splitvault: delivered: other:2",
        "2026-01-02T00:10:00Z splitvault: delivered: web:2,other:1",
        "2026-13-45T99:10:00Z splitvault: delivered: web:2",
        "2026-01-02T00:10:00Z splitvault: stays at web:2: x",
        &long,
    ] {
        assert_eq!(lags(&[FIRST, line]), [""; 0], "{line}");
    }
    let hostile = [1, 2].map(|at| format!("2026-01-02T00:10:0{at}Z splitvault: delivered: \u{1b}[2J:{at}"));
    assert_eq!(lags(&[&hostile[0], &hostile[1]]), [""; 0]);
    for looked in [Looked::Missing, Looked::Forbidden, Looked::Failed("x".to_owned())] {
        let findings = after(&[], |e| e.log = looked.clone());
        assert_eq!(said(&findings, Level::Note, ABOUT).len(), 0, "{looked:?}");
    }
}
