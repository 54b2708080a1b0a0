//! Whether the pod waits, and what for: the sidecar's state, and the last thing that it or the operator said. Pure.

use serde_json::Value;

use super::SIDECAR;
use super::diagnose::{place, text};
use super::evidence::{Evidence, Looked};
use super::finding::{Finding, Level};
use super::log::{DELIVERED, STAYS, lines};
use super::reaction;

const LOG: &str = "log of container splitvault";
/// Reasons that stay until a person changes something.
const REFUSED: [&str; 3] = ["NotRequested", "NotAllowed", "Tampered"];
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
    let waiting: Vec<_> = statuses("containerStatuses")
        .filter(|one| !one["state"]["waiting"].is_null())
        .collect();
    let last = last_words(evidence);
    if last.is_some_and(|line| line.contains(DELIVERED)) && !waiting.is_empty() {
        let (level, state) = state(sidecar, false);
        let mut findings = vec![Finding::new(
            level,
            "container splitvault",
            format!("{state}, and has delivered"),
        )];
        findings.extend(waiting.into_iter().map(|one| by_itself(pod, one)));
        return findings;
    }
    let (level, state) = state(sidecar, !waiting.is_empty());
    let mut findings = vec![Finding::new(level, "container splitvault", state)];
    if level != Level::Well {
        findings.extend(said(evidence));
        findings.extend(log(evidence));
        if let Some(last) = findings.last_mut() {
            last.next = last.next.take().or_else(|| Some(describe(pod)));
        }
    } else if let Some(line) = last.filter(|line| line.contains(STAYS)) {
        // Whatever heals by itself may have done so since.
        let refused = REFUSED.iter().any(|reason| line.contains(reason));
        let level = if refused { Level::Wrong } else { Level::Note };
        findings.push(Finding::new(level, LOG, line).next(describe(pod)));
    }
    findings
}

/// The last line of the sidecar's log about its deliveries, where that may be read. What came of a reaction hides none.
fn last_words(evidence: &Evidence) -> Option<&str> {
    let Looked::Found(log) = &evidence.log else {
        return None;
    };
    let mut newest = lines(log).rev();
    let line = newest.find(|line| !line.text.trim().is_empty() && !reaction::is_about(line))?;
    Some(line.text)
}

/// A container that does not start though the files are there.
fn by_itself(pod: &Value, container: &Value) -> Finding {
    let waiting = &container["state"]["waiting"];
    let ended = &container["lastState"]["terminated"];
    let mut message = "waits, and not for its variables, which are there:".to_owned();
    for part in [
        &waiting["reason"],
        &waiting["message"],
        &ended["reason"],
        &ended["message"],
    ] {
        let part = text(part).trim();
        if !part.is_empty() {
            message.push(' ');
            message.push_str(part);
        }
    }
    let (namespace, name) = place(pod);
    let container = text(&container["name"]);
    let next = format!("kubectl -n {namespace} logs {name} -c {container} --previous");
    Finding::new(Level::Wrong, format!("container {container}"), message).next(next)
}

fn describe(pod: &Value) -> String {
    let (namespace, name) = place(pod);
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
    match &evidence.log {
        Looked::Found(_) => Some(Finding::new(Level::Note, LOG, last_words(evidence)?)),
        Looked::Forbidden => Some(Finding::new(Level::Note, LOG, "you may not read it")),
        Looked::Missing | Looked::Failed(_) => None,
    }
}
