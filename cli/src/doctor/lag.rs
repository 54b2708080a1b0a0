//! Processes that began before a change and keep the variables of before, by the sidecar's log. Pure.
//!
//! A delivery is a change when the log says that other revisions were there before it. So neither the first delivery is
//! one, nor the same revisions delivered again, nor anything of which the log does not reach back far enough.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use splitvault_api::{OnChange, Request, VaultSecret, located};

use super::diagnose::{place, roll};
use super::evidence::{Evidence, Looked, is_name};
use super::finding::{Finding, Level};
use super::log::{self, DELIVERED, Line, STAYS};
use super::processes::{Process, running};
use super::{marker, rolled};

/// What the sidecar says when it starts and finds its files; their revisions follow.
const FOUND: &str = "the files are there: ";

/// Said where `onChange: Restart` is set and of no use.
const LEFT_ALONE: &str = "; onChange: Restart leaves it alone, as it does Jobs and all pods that no Deployment, \
                          StatefulSet, DaemonSet or Rollout makes";

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
    match (asks_for_restart(evidence, newer), rolled::by(pod)) {
        (Some(own), Some(workload)) => {
            let reload = reload(pod).unwrap_or_default();
            let advice = format!(
                "{reload}Where its content has changed, onChange: Restart of VaultSecret {own} rolls {workload}"
            );
            (
                advice,
                format!("kubectl -n {namespace} describe vaultsecret {own}"),
            )
        }
        (asks, workload) => {
            let of_use = asks.is_none() && workload.is_some() && newer.keys().any(|asked| is_own(pod, asked));
            let by_roll = match asks {
                Some(_) => LEFT_ALONE,
                None if of_use => ", or spec.onChange: Restart on the VaultSecret",
                None => "",
            };
            (format!("{}{by_roll}", by_itself(pod)), roll(pod))
        }
    }
}

/// How the pod gets what changes by itself.
fn by_itself(pod: &Value) -> String {
    let in_place = "splitvault.dev/on-change: RestartContainers in the pod template";
    match reload(pod) {
        Some(reload) => {
            format!("{reload}To have it get them by itself, set splitvault.dev/mode: file, or {in_place}")
        }
        None => format!("To have it get them by itself, set {in_place}"),
    }
}

/// That an application was told to reload brings it nothing that stands in an environment.
fn reload(pod: &Value) -> Option<String> {
    let setting = marker::setting(pod, marker::ON_CHANGE)?;
    ["Signal", "HTTP"].contains(&setting).then(|| {
        format!(
            "A reload, as by splitvault.dev/on-change: {setting}, cannot bring them, as a process' environment is fixed. "
        )
    })
}

/// Whether the VaultSecret is of the pod's namespace: no other one's changes roll a workload.
fn is_own(pod: &Value, asked: &str) -> bool {
    let (namespace, _) = place(pod);
    located(namespace, asked).0 == namespace
}

/// A VaultSecret, of those that have something newer, that has workloads rolled when it changes.
fn asks_for_restart<'a>(evidence: &'a Evidence, newer: &Revisions<'_>) -> Option<&'a str> {
    let asks = |found: &Looked<VaultSecret>| matches!(found, Looked::Found(object) if object.spec.on_change == Some(OnChange::Restart));
    let mut secrets = evidence.secrets.iter();
    let (asked, _) = secrets
        .find(|(asked, found)| newer.contains_key(&**asked) && is_own(&evidence.pod, asked) && asks(found))?;
    Some(located("", asked).1)
}
