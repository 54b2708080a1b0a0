//! Whether the application was told of the last change, by the sidecar's log. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use splitvault_api::{Request, annotations};

use super::diagnose::roll;
use super::evidence::{Evidence, Looked};
use super::finding::{Finding, Level};
use super::log::{self, DELIVERED, Line};
use super::marker;
use super::processes::running;

/// What the sidecar says of a reaction begins with this.
const REACTED: &str = "changed variables are in place: ";
/// What it ends with when no try did it.
const GAVE_UP: &str = "; gave up after ";
/// What it says when it may not send a signal to a process.
const NOT_SENT: &str = ", and may not send it to ";
/// Characters of what it says that are shown.
const SHOWN: usize = 300;

/// Nothing while there was no change, and when what the log says cannot be told.
pub(super) fn look(evidence: &Evidence, request: &Request) -> Option<Finding> {
    let pod = &evidence.pod;
    let setting = marker::setting(pod, marker::ON_CHANGE)?;
    // A restart in place ends the sidecar, and its log with it.
    let advice = advice(setting)?;
    let Looked::Found(log) = &evidence.log else {
        return None;
    };
    let lines: Vec<_> = log::lines(log).collect();
    let last = lines.iter().rposition(is_about)?;
    // What was cut off may have said that it failed.
    let line = lines.get(last).filter(|line| line.is_whole())?;
    let outcome = line.after(REACTED)?;
    if !outcome.contains(GAVE_UP) && !outcome.contains(NOT_SENT) {
        let message = format!("the application was told of the last change: {}", shown(outcome));
        return Some(Finding::new(Level::Well, annotations::ON_CHANGE, message));
    }
    let delivered = lines[..last]
        .iter()
        .rev()
        .find(|line| line.after(DELIVERED).is_some());
    let changed = delivered.and_then(|line| line.at).or(line.at);
    is_of_use(pod, request, changed).then(|| failed(pod, setting, outcome, advice))
}

/// Whether this line says what came of a reaction.
pub(super) fn is_about(line: &Line<'_>) -> bool {
    line.after(REACTED).is_some()
}

/// Whether a process is there that began before the change: what began later has the new variables without being told.
fn is_of_use(pod: &Value, request: &Request, changed: Option<Timestamp>) -> bool {
    let is_newer = |since: Option<Timestamp>| since.zip(changed).is_some_and(|(since, at)| since > at);
    running(pod, request)
        .iter()
        .any(|process| !is_newer(process.since))
}

fn failed(pod: &Value, setting: &str, outcome: &str, advice: &str) -> Finding {
    let message = format!(
        "{setting} did not take effect: {}. The application may still use the values of before, until the next change or a \
         restart: {advice}",
        shown(outcome)
    );
    Finding::new(Level::Wrong, annotations::ON_CHANGE, message).next(roll(pod))
}

fn advice(setting: &str) -> Option<&'static str> {
    match setting {
        "HTTP" => Some("have it listen there, or correct splitvault.dev/on-change-url in the pod template"),
        "Signal" => Some(
            "in the pod template, splitvault.dev/signal-process has to be the process' name, shareProcessNamespace true, and \
             runAsUser the same, other than 0, for the whole pod, as the sidecar has no capability to signal another user's \
             processes",
        ),
        _ => None,
    }
}

fn shown(outcome: &str) -> String {
    let start = log::first(outcome, SHOWN);
    if start.len() < outcome.len() {
        // How it ended is said at the end.
        let end = outcome.rfind(GAVE_UP).map_or("", |at| &outcome[at..]);
        return format!("{start}…{}", log::first(end, SHOWN));
    }
    start.to_owned()
}
