//! A pod that runs with the variables of before, as its sidecar gets nothing newer, or cannot write it. Pure.
//!
//! The sidecar's last word decides: an event stays for an hour, also when what it tells of was mended.

use super::evidence::{Evidence, Looked, Told};
use super::finding::{Finding, Level};
use super::gate::{LOG, describe, warnings};
use super::log::{Line, STAYS};
use super::remedy;

/// Reasons of the operator's that stay until a person changes something.
const REFUSED: [&str; 4] = ["NotRequested: ", "NotAllowed: ", "Tampered: ", "TooLarge: "];
/// What the sidecar says of a delivery that it cannot write; see `sidecar/src/render.rs`.
const UNWRITABLE: [&str; 6] = [
    " has a variable whose name cannot be used",
    " has more variables, or longer ones, than ",
    " has a value that a .env file cannot hold",
    " has a variable whose name cannot be a file's",
    "kubelet cannot set ",
    "kubelet reads 64 KiB of variables",
];
/// Reasons of the events on a pod that tell of it; see `operator/src/delivery/problem.rs`.
const EVENTS: [&str; 6] = [
    "UnusableName",
    "TooManyVariables",
    "ValueNotForFile",
    "NameNotForFile",
    "ValueNotForKubelet",
    "TooLongForKubelet",
];

/// What keeps the pod from what is newer.
pub(super) fn look(evidence: &Evidence, last: Option<Line<'_>>) -> Vec<Finding> {
    match (&evidence.log, last) {
        (Looked::Found(_), Some(line)) => said(evidence, line),
        (Looked::Found(_), None) => Vec::new(),
        (Looked::Missing | Looked::Forbidden | Looked::Failed(_), _) => warned(evidence)
            .map(|event| maybe(evidence, event))
            .into_iter()
            .collect(),
    }
}

fn said(evidence: &Evidence, line: Line<'_>) -> Vec<Finding> {
    let why = line.after(STAYS).and_then(|rest| rest.split_once(": "));
    let Some((_, why)) = why else {
        return Vec::new();
    };
    let refused = REFUSED.iter().any(|reason| why.starts_with(reason));
    let unwritable = UNWRITABLE.iter().any(|part| why.contains(part));
    // Whatever heals by itself may have done so since.
    let level = if refused || unwritable {
        Level::Wrong
    } else {
        Level::Note
    };
    let next = remedy::of(evidence, why).unwrap_or_else(|| describe(&evidence.pod));
    let event = warned(evidence).filter(|_| unwritable);
    let cited = event.map(|event| Finding::new(Level::Note, about(event), &*event.message));
    let mut findings = vec![Finding::new(level, LOG, line.text).next(next)];
    findings.extend(cited);
    findings
}

/// Without the sidecar's words it cannot be told whether it still is so.
fn maybe(evidence: &Evidence, event: &Told) -> Finding {
    let message = format!(
        "{}. Until that is mended the pod keeps what it has; whether it is, the sidecar's log would tell, which cannot be read",
        event.message
    );
    let next = remedy::of(evidence, &event.message).unwrap_or_else(|| describe(&evidence.pod));
    Finding::new(Level::Note, about(event), message).next(next)
}

fn about(event: &Told) -> String {
    format!("event {}", event.reason)
}

fn warned(evidence: &Evidence) -> Option<&Told> {
    warnings(evidence).find(|event| EVENTS.contains(&event.reason.as_str()))
}
