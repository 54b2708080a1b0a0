//! Processes that began before a change and keep the variables of before, by the sidecar's log. Pure.
//!
//! A delivery is a change when the log says that other revisions were there before it. So neither the first delivery is
//! one, nor the same revisions delivered again, nor anything of which the log does not reach back far enough.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use splitvault_api::{OnChange, Request, VaultSecret, located};

use super::diagnose::{owner, place, roll, text};
use super::evidence::{Evidence, Looked, is_name};
use super::finding::{Finding, Level};
use super::log::{self, DELIVERED, Line, STAYS};
use super::marker;
use super::processes::{Process, running};

/// What the sidecar says when it starts and finds its files; their revisions follow.
const FOUND: &str = "the files are there: ";

/// Revisions by VaultSecret.
type Revisions<'a> = BTreeMap<&'a str, u64>;

/// A delivery of other revisions than those before.
struct Change<'a> {
    at: Timestamp,
    before: Revisions<'a>,
    after: Revisions<'a>,
}

/// A finding for each container that is behind.
pub(super) fn look(evidence: &Evidence, request: &Request) -> Vec<Finding> {
    let Looked::Found(log) = &evidence.log else {
        return Vec::new();
    };
    let changes = changes(log);
    let processes = running(&evidence.pod, request);
    let keeping = processes.iter().filter(|process| process.keeps);
    keeping
        .filter_map(|process| behind(evidence, process, &changes))
        .collect()
}

fn changes(log: &str) -> Vec<Change<'_>> {
    let mut known: Option<Revisions<'_>> = None;
    let mut changes = Vec::new();
    for line in log::lines(log).filter(Line::is_whole) {
        let (Some(at), Some(there)) = (line.at, revisions(&line)) else {
            continue;
        };
        let before = known.replace(there.clone());
        let other = before.filter(|before| *before != there && before.keys().eq(there.keys()));
        if let (Some(before), true) = (other, line.after(DELIVERED).is_some()) {
            let after = there;
            changes.push(Change { at, before, after });
        }
    }
    changes
}

/// The revisions that are there when a line says so.
fn revisions<'a>(line: &Line<'a>) -> Option<Revisions<'a>> {
    let stays = || Some(line.after(STAYS)?.split_once(": ")?.0);
    let list = line
        .after(DELIVERED)
        .or_else(|| line.after(FOUND))
        .or_else(stays)?;
    let item = |item: &'a str| {
        let (name, revision) = item.split_once(':')?;
        Some((name, revision.parse().ok()?)).filter(|_| is_name(name))
    };
    list.split(',').map(item).collect()
}

fn behind(evidence: &Evidence, process: &Process<'_>, changes: &[Change<'_>]) -> Option<Finding> {
    let since = process.since?;
    let mut missed = changes.iter().filter(|change| change.at > since);
    let first = missed.next()?;
    let last = missed.next_back().unwrap_or(first);
    let mut newer = last.after.clone();
    newer.retain(|name, revision| first.before.get(name) != Some(revision));
    if newer.is_empty() {
        return None;
    }
    let list: Vec<_> = newer
        .iter()
        .map(|(name, revision)| format!("{name}:{revision}"))
        .collect();
    let (advice, next) = advice(evidence, &newer);
    let message = format!(
        "runs since {since} with the variables of before, where they differ: its process began before revision {} was delivered ({}). {advice}",
        list.join(","),
        last.at
    );
    Some(Finding::new(Level::Note, format!("container {}", process.container), message).next(next))
}

/// How it gets them, and the command to go on with.
fn advice(evidence: &Evidence, newer: &Revisions<'_>) -> (String, String) {
    let pod = &evidence.pod;
    let (namespace, name) = place(pod);
    if marker::setting(pod, marker::ON_CHANGE) == Some("RestartContainers") {
        let advice =
            "Where what it gets has changed, splitvault.dev/on-change restarts it within two minutes";
        return (
            advice.to_owned(),
            format!("kubectl -n {namespace} get pod {name}"),
        );
    }
    let mut secrets = evidence.secrets.iter();
    if let Some((asked, _)) =
        secrets.find(|(asked, found)| newer.contains_key(&**asked) && rolls(pod, asked, found))
    {
        let (_, own) = located(namespace, asked);
        let advice = format!(
            "Where its content has changed, VaultSecret {own} has the workload rolled (onChange: Restart)"
        );
        return (
            advice,
            format!("kubectl -n {namespace} describe vaultsecret {own}"),
        );
    }
    let advice = "To have it get them by itself, set splitvault.dev/on-change: RestartContainers in the pod template, or \
                  spec.onChange: Restart on the VaultSecret";
    (advice.to_owned(), roll(pod))
}

/// Whether the operator rolls what made the pod when this VaultSecret changes.
fn rolls(pod: &Value, asked: &str, found: &Looked<VaultSecret>) -> bool {
    let (namespace, _) = place(pod);
    let asks = matches!(found, Looked::Found(object) if object.spec.on_change == Some(OnChange::Restart));
    let is_rolled = |kind| ["ReplicaSet", "StatefulSet", "DaemonSet"].contains(&kind);
    let by_kind = owner(pod).is_some_and(|owner| is_rolled(text(&owner["kind"])));
    asks && by_kind && located(namespace, asked).0 == namespace
}
