//! Whether the application was told of the last change.

use serde_json::json;

use super::*;

const ABOUT: &str = "splitvault.dev/on-change";
const FAILED: &str = "2026-01-02T00:10:20.5Z splitvault: changed variables are in place: POST http://127.0.0.1:9/ failed: \
                      Connection refused (os error 111); gave up after 5 tries";
const DONE: &str = "2026-01-02T00:20:00Z splitvault: changed variables are in place: POST http://127.0.0.1:9/ answered with status 204";

/// Its sidecar was made to do this after a change, and said this; its application began then.
fn reacting(setting: &str, log: &[&str], since: Value) -> Vec<Finding> {
    found(|e| {
        sidecar_does(e, setting);
        e.pod["status"]["containerStatuses"][0]["state"] = json!({"running": {"startedAt": since}});
        e.log = Looked::Found(log.join("\n"));
    })
}

fn failures(log: &[&str]) -> usize {
    let findings = reacting("HTTP", log, json!("2026-01-02T00:00:05Z"));
    said(&findings, Level::Wrong, ABOUT).len()
}

#[test]
fn a_call_that_nobody_took_is_a_problem_with_its_remedy() {
    let log = [
        "2026-01-02T00:00:01Z splitvault: asks for web",
        "2026-01-02T00:10:00.1Z splitvault: delivered: web:2",
        FAILED,
    ];
    let findings = reacting("HTTP", &log, json!("2026-01-02T00:00:05Z"));
    assert!(!is_well(&findings));
    let told = said(&findings, Level::Wrong, ABOUT);
    for part in [
        "POST http://127.0.0.1:9/ failed",
        "gave up after 5 tries",
        "values of before",
        "on-change-url",
    ] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    assert_eq!(
        next(&findings, ABOUT),
        "kubectl -n shop rollout restart deployment/web"
    );
}

#[test]
fn a_signal_that_reached_nobody_or_not_everybody_is_a_problem_with_its_remedy() {
    for outcome in [
        "no process is named server, so SIGHUP was not sent: see splitvault.dev/signal-process; gave up after 5 tries",
        "sent SIGHUP to 0 processes named server, and may not send it to 1 more (EPERM): they run as another user; set",
    ] {
        let line = format!("2026-01-02T00:10:20Z splitvault: changed variables are in place: {outcome}");
        let findings = reacting("Signal", &[&line], Value::Null);
        let told = said(&findings, Level::Wrong, ABOUT);
        for part in ["signal-process", "shareProcessNamespace", "runAsUser"] {
            assert!(told[0].contains(part), "{part}: {told:?}");
        }
    }
}

#[test]
fn only_the_last_reaction_counts() {
    assert_eq!(failures(&[FAILED, DONE]), 0);
    assert_eq!(failures(&[DONE, FAILED]), 1);
    let findings = reacting("HTTP", &[FAILED, DONE], Value::Null);
    assert!(said(&findings, Level::Well, ABOUT)[0].contains("status 204"));
    let redelivered = "2026-01-02T00:30:00Z splitvault: delivered: web:2";
    assert_eq!(failures(&[FAILED, redelivered]), 1, "nobody was told since");
}

#[test]
fn an_application_that_began_after_the_change_need_not_be_told() {
    let log = ["2026-01-02T00:10:00.1Z splitvault: delivered: web:2", FAILED];
    for (since, expected) in [
        (json!("2026-01-02T00:09:59Z"), 1),
        // Of the same second it cannot be told.
        (json!("2026-01-02T00:10:00Z"), 1),
        (json!("2026-01-02T00:10:01Z"), 0),
        // A node that writes its log in its own time zone.
        (json!("2026-01-02T02:10:01+02:00"), 0),
        (Value::Null, 1),
        (json!("yesterday"), 1),
    ] {
        let findings = reacting("HTTP", &log, since.clone());
        assert_eq!(said(&findings, Level::Wrong, ABOUT).len(), expected, "{since}");
    }
    let findings = found(|e| {
        sidecar_does(e, "HTTP");
        e.pod["status"]["containerStatuses"][0]["state"] = json!({"terminated": {"exitCode": 0}});
        e.log = Looked::Found(log.join("\n"));
    });
    assert_eq!(
        said(&findings, Level::Wrong, ABOUT).len(),
        0,
        "nobody is there any more"
    );
}

#[test]
fn what_is_not_the_sidecars_whole_word_is_no_evidence() {
    let long = format!("{FAILED}{}", "x".repeat(1000));
    for log in [
        "",
        "2026-01-02T00:10:20Z",
        "changed variables are in place: POST failed; gave up after 5 tries",
        "2026-01-02T00:10:20Z app: changed variables are in place: POST failed; gave up after 5 tries",
        "2026-01-02T00:10:20Z splitvault: stays at web:1: changed variables are in place: x; gave up after 5 tries",
        &long,
    ] {
        assert_eq!(failures(&[log]), 0, "{log}");
    }
    assert_eq!(failures(&[FAILED, &long]), 0, "the last one may have been good");
    for setting in ["", "RestartContainers", "other"] {
        let findings = reacting(setting, &[FAILED], Value::Null);
        assert_eq!(said(&findings, Level::Wrong, ABOUT).len(), 0, "{setting}");
    }
}

#[test]
fn a_long_or_hostile_outcome_is_shown_in_part_and_without_its_controls() {
    let line = format!(
        "2026-01-02T00:10:20Z splitvault: changed variables are in place: \u{1b}[2J{}; gave up after 5 tries",
        "é".repeat(900)
    );
    let findings = reacting("HTTP", &[&line], Value::Null);
    let told = said(&findings, Level::Wrong, ABOUT);
    assert!(
        told[0].chars().count() < 900 && told[0].contains("…; gave up after 5 tries"),
        "{told:?}"
    );
    assert!(!text("shop", "web-1", &findings).contains('\u{1b}'));
}

#[test]
fn the_last_reaction_does_not_hide_what_the_sidecar_said_of_its_deliveries() {
    let log = [
        "2026-01-02T00:10:00Z splitvault: stays at web:1: NotAllowed: spec.access",
        DONE,
    ];
    let findings = reacting("HTTP", &log, Value::Null);
    let told = said(&findings, Level::Wrong, "log of container splitvault");
    assert_eq!(told, ["splitvault: stays at web:1: NotAllowed: spec.access"]);
}
