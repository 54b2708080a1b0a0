//! The log of key events, whole, broken, and of a key that lived too long.

use serde_json::{Value, json};

use crate::operator::Operator;

const DAY: u64 = 86_400;

fn event(sequence: u64, day: u64, key: &str, what: &str) -> Value {
    json!({"sequence": sequence, "time": format!("2026-01-{day:02}T00:00:00Z"), "ring": "values", "keyID": key,
        "event": what, "cause": "drawn"})
}

/// Two keys: one that sealed for nine days and is destroyed, one that has been sealing for ten.
fn trail(ceiling_days: u64) -> Value {
    let (old, new) = ("0000000000000001", "0000000000000002");
    json!({
        "time": "2026-01-20T00:00:00Z", "ceilingSeconds": ceiling_days * DAY,
        "events": [
            event(1, 1, old, "created"), event(2, 1, old, "activated"), event(3, 9, new, "created"),
            event(4, 10, old, "retired"), event(5, 10, new, "activated"), event(6, 11, old, "destroyed"),
        ],
    })
}

#[test]
fn a_log_that_holds_is_exit_code_0() {
    let operator = Operator::new().answers(trail(10));
    let output = operator.run(&["audit", "keys"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let line = output
        .stdout
        .lines()
        .find(|line| line.contains("0000000000000001"))
        .unwrap();
    assert!(
        line.contains("9d0h") && line.contains("2026-01-11T00:00:00Z"),
        "{line}"
    );
    assert!(
        output
            .stdout
            .contains("6 events; the chain is whole; the ceiling is 10 days")
    );
    let (path, spec) = operator.created();
    assert!(path.contains("/namespaces/splitvault-system/"), "{path}");
    assert_eq!(spec["action"], "AuditKeys");
}

#[test]
fn programs_get_events_and_keys() {
    let output = Operator::new()
        .answers(trail(10))
        .run(&["audit", "keys", "-o", "json"]);
    let all: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        (&all["holds"], all["events"].as_array().unwrap().len()),
        (&json!(true), 6)
    );
    assert_eq!(all["keys"][1]["sealedSeconds"], 10 * DAY);
}

#[test]
fn a_key_that_outlived_the_ceiling_is_exit_code_1() {
    let output = Operator::new()
        .answers(trail(8))
        .run(&["audit", "keys", "-o", "json"]);
    assert_eq!(output.code, 1);
    let all: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(all["holds"], false);
    assert!(output.stderr.contains("0000000000000001") && output.stderr.contains("0000000000000002"));
    let output = Operator::new().answers(trail(9)).run(&["audit", "keys"]);
    assert_eq!(output.code, 1, "the one that still seals counts as well");
    assert!(output.stdout.contains("LONGER THAN THE CEILING"));
}

#[test]
fn a_chain_that_is_broken_or_has_a_gap_is_exit_code_1() {
    let mut broken = trail(100);
    broken["brokenAt"] = json!(4);
    broken["events"] = json!([]);
    let output = Operator::new().answers(broken).run(&["audit", "keys"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stdout.contains("BROKEN") && output.stderr.contains("event 4"),
        "{}",
        output.stderr
    );
    let mut gap = trail(100);
    gap["events"].as_array_mut().unwrap().remove(2);
    let output = Operator::new().answers(gap).run(&["audit", "keys"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("where 3 was expected"),
        "{}",
        output.stderr
    );
}

#[test]
fn an_answer_that_is_not_sealed_to_our_key_is_refused() {
    let answer = crate::operator::status("Done", "answered", json!({"answer": "AAAA"}));
    let output = Operator::new().statuses([answer]).run(&["audit", "keys"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.contains("does not open"), "{}", output.stderr);
}
