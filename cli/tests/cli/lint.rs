//! Findings, for people and for machines.

use serde_json::Value;

use crate::program::Place;

const BAD: &str = "GOOD=1\nCOLOUR=a#b\nPASSWORD='swordfish\n";
const ODD: &str = "COLOUR=swordfish#b\n";

#[test]
fn a_good_file_has_no_findings() {
    let place = Place::new();
    let file = place.file(".env", "A=1 # one\nB='two'\n");
    let output = place.run(&["lint", &file]);
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (0, "", "")
    );
    let output = place.run(&["lint", "-o", "json", &file]);
    assert_eq!((output.code, output.stdout.as_str()), (0, "[]\n"));
}

#[test]
fn warnings_are_no_errors() {
    let place = Place::new();
    let output = place.run_with(&["lint", "-"], ODD);
    assert_eq!(output.code, 0);
    assert!(
        output.stdout.starts_with("standard input:1:8: warning: COLOUR: "),
        "{}",
        output.stdout
    );
    assert!(!output.stdout.contains("swordfish"));
}

#[test]
fn every_file_is_looked_at_and_one_error_is_enough() {
    let place = Place::new();
    let (bad, odd) = (place.file("bad.env", BAD), place.file("odd.env", ODD));
    let output = place.run(&["lint", "missing.env", &bad, &odd]);
    assert_eq!(output.code, 1);
    let lines: Vec<_> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", output.stdout);
    assert!(lines[0].starts_with("missing.env: error: cannot read"));
    assert!(lines[1].starts_with(&format!("{bad}:3:10: error: PASSWORD: ")));
    assert!(lines[2].starts_with(&format!("{odd}:1:8: warning: COLOUR: ")));
    assert!(!output.stdout.contains("swordfish"));
    assert!(!output.stdout.contains('\x1b'), "colours are for terminals");
}

#[test]
fn machines_get_json() {
    let place = Place::new();
    let file = place.file("bad.env", BAD);
    let output = place.run(&["lint", "--output", "json", &file]);
    assert_eq!(output.code, 1);
    let findings: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(findings.as_array().unwrap().len(), 1);
    let finding = &findings[0];
    assert_eq!(
        (finding["file"].as_str(), finding["line"].as_u64()),
        (Some(file.as_str()), Some(3))
    );
    assert_eq!(
        (finding["column"].as_u64(), finding["name"].as_str()),
        (Some(10), Some("PASSWORD"))
    );
    assert_eq!(
        (&finding["severity"], &finding["code"]),
        (&"error".into(), &"unterminated-quote".into())
    );
    assert!(!output.stdout.contains("swordfish"));
}

#[test]
fn references_are_checked_when_they_will_be_expanded() {
    let place = Place::new();
    assert_eq!(place.run_with(&["lint", "-"], "A=$B\n").code, 0);
    let output = place.run_with(&["lint", "--expand", "-"], "A=$B\n");
    assert_eq!(output.code, 1);
    assert!(output.stdout.contains("A: refers to"), "{}", output.stdout);
}
