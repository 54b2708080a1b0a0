//! Whether the pod waits, and what for: the sidecar's state, and the last thing that it or the operator said. Pure.

use serde_json::Value;

use super::SIDECAR;
use super::diagnose::text;
use super::evidence::{Evidence, Looked};
use super::finding::{Finding, Level};

/// Warnings that are repeated.
const WARNINGS: usize = 3;

/// What the sidecar does, and what is said when the pod waits.
pub(super) fn look(evidence: &Evidence) -> Vec<Finding> {
    let pod = &evidence.pod;
    let statuses = |field: &str| pod["status"][field].as_array().into_iter().flatten();
    let Some(sidecar) = statuses("initContainerStatuses").find(|one| one["name"] == SIDECAR) else {
        let phase = text(&pod["status"]["phase"]);
        let message = format!(
            "has not started (pod {phase}): no node has taken the pod, or kubelet has not come to it"
        );
        let mut findings =
            vec![Finding::new(Level::Wrong, "container splitvault", message).next(describe(pod))];
        findings.extend(said(evidence));
        return findings;
    };
    let waits = statuses("containerStatuses").any(|one| !one["state"]["waiting"].is_null());
    let (level, state) = state(sidecar, waits);
    let mut findings = vec![Finding::new(level, "container splitvault", state)];
    if level != Level::Well {
        findings.extend(said(evidence));
        findings.extend(log(evidence));
        if let Some(last) = findings.last_mut() {
            last.next = last.next.take().or_else(|| Some(describe(pod)));
        }
    }
    findings
}

fn describe(pod: &Value) -> String {
    let (namespace, name) = (
        text(&pod["metadata"]["namespace"]),
        text(&pod["metadata"]["name"]),
    );
    format!("kubectl -n {namespace} describe pod {name}")
}

fn state(sidecar: &Value, waits: bool) -> (Level, String) {
    let restarts = sidecar["restartCount"].as_i64().unwrap_or(0);
    let again = if restarts > 0 {
        format!(", restarted {restarts} times")
    } else {
        String::new()
    };
    let state = &sidecar["state"];
    if let Some(reason) = state["waiting"]["reason"].as_str() {
        let message = text(&state["waiting"]["message"]);
        return (
            Level::Wrong,
            format!("waits: {reason} {message}{again}").trim_end().to_owned(),
        );
    }
    if let Some(code) = state["terminated"]["exitCode"].as_i64() {
        return match code {
            0 => (Level::Well, "has delivered".to_owned()),
            code => (
                Level::Wrong,
                format!(
                    "ended with {code}{again}: {}",
                    text(&state["terminated"]["message"])
                ),
            ),
        };
    }
    if waits {
        return (
            Level::Wrong,
            format!(
                "runs{again}, and containers of the pod wait: for its files, or for something of their own"
            ),
        );
    }
    (Level::Well, format!("runs{again}"))
}

/// The newest warnings.
fn said(evidence: &Evidence) -> Vec<Finding> {
    let events = match &evidence.events {
        Looked::Found(events) => events,
        Looked::Forbidden => return vec![Finding::new(Level::Note, "events", "you may not read them")],
        Looked::Failed(why) => {
            return vec![Finding::new(
                Level::Note,
                "events",
                format!("cannot be read: {why}"),
            )];
        }
        Looked::Missing => return Vec::new(),
    };
    let warnings = events.iter().rev().filter(|event| event.warning).take(WARNINGS);
    let finding = |event: &super::evidence::Told| {
        Finding::new(
            Level::Note,
            format!("event {}", event.reason),
            event.message.clone(),
        )
    };
    warnings.map(finding).collect()
}

fn log(evidence: &Evidence) -> Option<Finding> {
    let about = "log of container splitvault";
    match &evidence.log {
        Looked::Found(log) => {
            let last = log.lines().rev().find(|line| !line.trim().is_empty())?;
            Some(Finding::new(Level::Note, about, last))
        }
        Looked::Forbidden => Some(Finding::new(Level::Note, about, "you may not read it")),
        Looked::Missing | Looked::Failed(_) => None,
    }
}
