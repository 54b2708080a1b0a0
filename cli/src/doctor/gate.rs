//! Whether the pod waits, and what for: the sidecar's state, and the last thing that it or the operator said. Pure.

use serde_json::Value;

use super::diagnose::{place, text};
use super::evidence::{Evidence, Looked, Told};
use super::finding::{Finding, Level};
use super::log::{DELIVERED, Line, lines};
use super::{SIDECAR, kubelet, reaction, remedy, restarts, stuck};

/// What findings about the sidecar's words are about.
pub(super) const LOG: &str = "log of container splitvault";
/// Warnings that are repeated.
const WARNINGS: usize = 3;

/// What the sidecar does, and what is said when the pod waits.
pub(super) fn look(evidence: &Evidence) -> Vec<Finding> {
    let pod = &evidence.pod;
    let statuses = |field: &str| pod["status"][field].as_array().into_iter().flatten();
    let Some(sidecar) = statuses("initContainerStatuses").find(|one| one["name"] == SIDECAR) else {
        return not_started(evidence);
    };
    let waiting: Vec<_> = statuses("containerStatuses")
        .filter(|one| !one["state"]["waiting"].is_null())
        .collect();
    let last = last_words(evidence);
    let delivered = last.is_some_and(|line| line.text.contains(DELIVERED));
    if delivered && !waiting.is_empty() {
        let (level, state) = state(pod, sidecar, &[]);
        let state = format!("{state}, and has delivered");
        let mut findings = vec![Finding::new(level, "container splitvault", state)];
        findings.extend(waiting.into_iter().map(|one| by_itself(pod, one)));
        return findings;
    }
    let (level, state) = state(pod, sidecar, &waiting);
    let mut findings = vec![Finding::new(level, "container splitvault", state)];
    if level == Level::Well {
        findings.extend(stuck::look(evidence, last));
        return findings;
    }
    let told = waiting.iter().any(|one| kubelet::waits_for_files(one));
    findings.extend(said(evidence, told));
    findings.extend(log(evidence));
    if let Some(last) = findings.last_mut() {
        last.next = last.next.take().or_else(|| Some(lead(evidence)));
    }
    findings
}

fn not_started(evidence: &Evidence) -> Vec<Finding> {
    let pod = &evidence.pod;
    let phase = text(&pod["status"]["phase"]);
    let message =
        format!("has not started (pod {phase}): no node has taken the pod, or kubelet has not come to it");
    let mut findings = vec![Finding::new(Level::Wrong, "container splitvault", message).next(describe(pod))];
    findings.extend(said(evidence, false));
    findings
}

/// To what the sidecar named last, or the newest warning that names something; else to all that is said of the pod.
fn lead(evidence: &Evidence) -> String {
    let last = last_words(evidence).and_then(|line| remedy::of(evidence, line.text));
    let warned = || warnings(evidence).find_map(|event| remedy::of(evidence, &event.message));
    last.or_else(warned).unwrap_or_else(|| describe(&evidence.pod))
}

/// The last line of the sidecar's log about its deliveries, where that may be read. What came of a reaction hides none.
fn last_words(evidence: &Evidence) -> Option<Line<'_>> {
    let Looked::Found(log) = &evidence.log else {
        return None;
    };
    let mut newest = lines(log).rev();
    newest.find(|line| !line.text.trim().is_empty() && !reaction::is_about(line))
}

/// A container that does not start though the files are there.
fn by_itself(pod: &Value, container: &Value) -> Finding {
    if kubelet::waits_for_files(container) {
        return looks_again(pod, container);
    }
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

/// Kubelet looks for the files every few seconds, and says what it saw last until then.
fn looks_again(pod: &Value, container: &Value) -> Finding {
    let message = format!(
        "waits: {} ({}); they are there now, and kubelet looks again within seconds",
        wording(container),
        kubelet::MEANING
    );
    let about = format!("container {}", text(&container["name"]));
    Finding::new(Level::Wrong, about, message).next(describe(pod))
}

/// Kubelet's own words for why a container waits.
fn wording(container: &Value) -> String {
    let waiting = &container["state"]["waiting"];
    format!("{}, {}", text(&waiting["reason"]), text(&waiting["message"]))
}

pub(super) fn describe(pod: &Value) -> String {
    let (namespace, name) = place(pod);
    format!("kubectl -n {namespace} describe pod {name}")
}

fn state(pod: &Value, sidecar: &Value, waiting: &[&Value]) -> (Level, String) {
    let again = restarts::told(pod, sidecar);
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
    if waiting.is_empty() {
        return (Level::Well, format!("runs{again}"));
    }
    let for_files = waiting.iter().find(|one| kubelet::waits_for_files(one));
    let what_for = for_files.map_or_else(
        || "for its files, or for something of their own".to_owned(),
        |one| format!("for its files ({}: {})", wording(one), kubelet::MEANING),
    );
    (
        Level::Wrong,
        format!("runs{again}, and containers of the pod wait: {what_for}"),
    )
}

/// The newest warnings, without kubelet's about the files where those were told of.
fn said(evidence: &Evidence, told: bool) -> Vec<Finding> {
    let is_new = |event: &&Told| !told || !kubelet::is_about_files(&event.message);
    match &evidence.events {
        Looked::Found(_) => warnings(evidence)
            .filter(is_new)
            .take(WARNINGS)
            .map(warning)
            .collect(),
        Looked::Forbidden => vec![Finding::new(Level::Note, "events", "you may not read them")],
        Looked::Failed(why) => vec![Finding::new(
            Level::Note,
            "events",
            format!("cannot be read: {why}"),
        )],
        Looked::Missing => Vec::new(),
    }
}

fn warning(event: &Told) -> Finding {
    let mut message = event.message.clone();
    if kubelet::is_about_files(&message) {
        message.push_str(&format!(": {}", kubelet::MEANING));
    }
    Finding::new(Level::Note, format!("event {}", event.reason), message)
}

/// Warnings about the pod, newest first.
pub(super) fn warnings(evidence: &Evidence) -> impl Iterator<Item = &Told> {
    let events = match &evidence.events {
        Looked::Found(events) => events.as_slice(),
        Looked::Missing | Looked::Forbidden | Looked::Failed(_) => &[],
    };
    events.iter().rev().filter(|event| event.warning)
}

fn log(evidence: &Evidence) -> Option<Finding> {
    match &evidence.log {
        Looked::Found(_) => Some(Finding::new(Level::Note, LOG, last_words(evidence)?.text)),
        Looked::Forbidden => Some(Finding::new(Level::Note, LOG, "you may not read it")),
        Looked::Missing | Looked::Failed(_) => None,
    }
}
