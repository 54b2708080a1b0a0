//! Rolls workloads for changes: a namespace at a time, few workloads at once, each when it may be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client, Resource as _};
use serde_json::Value;
use splitvault_api::VaultSecret;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::consumers::{Workload, outdated};
use super::plan::{Decision, is_settled, plan};
use super::progress::list;
use super::tag::Tags;
use super::{Change, Pace, Progress, Rolls, tag};
use crate::controller::Suspicions;
use crate::events::{Events, Tone};
use crate::fault::Fault;
use crate::metrics::Metrics;

/// Between two looks while something is going on.
const SOON: Duration = Duration::from_secs(2);
/// The same when nothing has moved for long, as while a workload is paused.
const LATER: Duration = Duration::from_secs(60);
/// A roll that takes longer does not keep others waiting any more.
const LONG: Duration = Duration::from_secs(10 * 60);

/// Rolls workloads.
pub struct Roller {
    /// The API server.
    pub client: Client,
    /// What is wanted.
    pub rolls: Rolls,
    /// How careful to be.
    pub pace: Pace,
    /// Where people are told.
    pub events: Arc<Events>,
    /// Counts what becomes of workloads.
    pub metrics: Metrics,
    /// Has the controller write the status when something moved.
    pub moved: Suspicions,
    /// What is being worked on.
    pub work: Work,
}

/// What is being worked on; lost with the process, and found again.
#[derive(Debug, Default)]
pub struct Work {
    rounds: BTreeMap<String, Round>,
    rolling: BTreeMap<(String, Workload), Instant>,
}

/// The changes of one namespace, and the workloads that are left to be rolled for them.
#[derive(Debug)]
struct Round {
    changes: Vec<Change>,
    left: BTreeMap<Workload, (Tags, &'static str)>,
    rolled: Vec<(Workload, Tags)>,
}

/// Works until `shutdown`.
pub async fn run(mut roller: Roller, shutdown: CancellationToken) {
    let rolling = async {
        let mut pause = SOON;
        loop {
            let moved = roller.look().await;
            pause = if moved { SOON } else { LATER.min(pause * 2) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = roller.rolls.0.news.notified() => pause = SOON,
            }
        }
    };
    shutdown.run_until_cancelled(rolling).await;
}

impl Roller {
    /// Looks at everything once; answers whether something moved or soon may.
    pub(crate) async fn look(&mut self) -> bool {
        let due = self.rolls.due(self.pace.settle);
        self.work
            .rounds
            .retain(|namespace, _| due.contains_key(namespace));
        let mut moved = self.check_rolling().await || !self.work.rolling.is_empty();
        let waits = !self.rolls.due(Duration::ZERO).is_empty() && due.is_empty();
        for (namespace, changes) in due {
            moved |= self.advance(&namespace, changes).await;
        }
        moved || waits
    }

    /// Forgets the rolls that are over; answers whether one was.
    async fn check_rolling(&mut self) -> bool {
        let before = self.work.rolling.len();
        let rolling: Vec<_> = self.work.rolling.keys().cloned().collect();
        for key in rolling {
            let over = match self.read(&key.0, &key.1).await {
                Ok(Some(found)) => is_settled(&found),
                Ok(None) => true,
                Err(_) => false,
            };
            let began = self.work.rolling.get(&key);
            if over || began.is_some_and(|began| began.elapsed() >= LONG) {
                self.work.rolling.remove(&key);
            }
        }
        self.work.rolling.len() < before
    }

    async fn advance(&mut self, namespace: &str, changes: Vec<Change>) -> bool {
        let begun = self.work.rounds.get(namespace);
        if begun.is_none_or(|round| round.changes != changes) {
            let left = match outdated(&self.client, namespace, &changes).await {
                Ok(left) => left.into_iter().map(|(one, tags)| (one, (tags, "waiting"))),
                Err(fault) => return self.stopped(&changes, fault).await,
            };
            let round = Round {
                left: left.collect(),
                rolled: Vec::new(),
                changes,
            };
            self.work.rounds.insert(namespace.to_owned(), round);
        }
        let Some(mut round) = self.work.rounds.remove(namespace) else {
            return false;
        };
        let before = round.left.len();
        for workload in round.left.keys().cloned().collect::<Vec<_>>() {
            if let Err(fault) = self.attend(namespace, &mut round, &workload).await {
                let changes = round.changes.clone();
                self.work.rounds.insert(namespace.to_owned(), round);
                return self.stopped(&changes, fault).await;
            }
        }
        let moved = round.left.len() < before;
        self.tell(&round).await;
        if !round.left.is_empty() {
            self.work.rounds.insert(namespace.to_owned(), round);
        }
        moved
    }

    async fn attend(&mut self, namespace: &str, round: &mut Round, workload: &Workload) -> Result<(), Fault> {
        let Some((tags, why)) = round.left.get(workload).cloned() else {
            return Ok(());
        };
        let decision = match self.read(namespace, workload).await? {
            Some(found) => {
                let distance = i64::try_from(self.pace.distance.as_secs()).unwrap_or(i64::MAX);
                plan(&found, workload.kind, &tags, Timestamp::now(), distance)
            }
            None => Decision::Nothing,
        };
        let waits = match decision {
            Decision::Nothing => {
                self.metrics.restarted("Current");
                round.left.remove(workload);
                return Ok(());
            }
            Decision::Paused => "paused",
            Decision::TooSoon => "restarted a moment ago",
            Decision::Roll { .. } if self.work.rolling.len() >= self.pace.at_once => "waiting for others",
            Decision::Roll { patch, note } => {
                if !self.patch(namespace, workload, &patch).await? {
                    return Ok(());
                }
                self.work
                    .rolling
                    .insert((namespace.to_owned(), workload.clone()), Instant::now());
                round.left.remove(workload);
                round.rolled.push((workload.clone(), tags.clone()));
                self.rolled(namespace, workload, &tags, note).await;
                return Ok(());
            }
        };
        if waits != why {
            if waits == "paused" {
                self.metrics.restarted("Paused");
            }
            round.left.insert(workload.clone(), (tags, waits));
        }
        Ok(())
    }

    fn api(&self, namespace: &str, workload: &Workload) -> Api<DynamicObject> {
        let (group, version) = workload.kind.group();
        let kind = GroupVersionKind::gvk(group, version, workload.kind.as_str());
        Api::namespaced_with(self.client.clone(), namespace, &ApiResource::from_gvk(&kind))
    }

    /// `None` when it is gone, or is another one of that name.
    async fn read(&self, namespace: &str, workload: &Workload) -> Result<Option<Value>, Fault> {
        let found = match self
            .api(namespace, workload)
            .get(&workload.name)
            .await
            .map_err(Fault::from)
        {
            Ok(found) => found,
            Err(Fault::NotFound) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        if found.metadata.uid.as_ref() != Some(&workload.uid) {
            return Ok(None);
        }
        serde_json::to_value(found)
            .map(Some)
            .map_err(|_| Fault::Malformed)
    }

    /// Answers whether it took; when somebody else was faster, the next look decides anew.
    async fn patch(&self, namespace: &str, workload: &Workload, patch: &Value) -> Result<bool, Fault> {
        let params = PatchParams {
            field_manager: Some(crate::MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let api = self.api(namespace, workload);
        match api
            .patch_metadata(&workload.name, &params, &Patch::Merge(patch))
            .await
            .map_err(Fault::from)
        {
            Ok(_) => Ok(true),
            Err(Fault::Conflict | Fault::NotFound) => Ok(false),
            Err(fault @ Fault::Refused(_)) => {
                // A policy, perhaps; others can still be rolled.
                self.metrics.restarted("Failed");
                tracing::warn!(
                    namespace,
                    kind = workload.kind.as_str(),
                    name = workload.name,
                    "cannot restart a workload: {fault}"
                );
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    async fn rolled(&self, namespace: &str, workload: &Workload, tags: &Tags, note: Option<&'static str>) {
        self.metrics
            .restarted(if note.is_some() { "Patched" } else { "Restarted" });
        let names: Vec<_> = tags.0.keys().cloned().collect();
        let note = note.map(|note| format!("; {note}")).unwrap_or_default();
        let text = format!("restarted for a change of VaultSecret {}{note}", list(&names));
        tracing::info!(
            namespace,
            kind = workload.kind.as_str(),
            name = workload.name,
            "{text}"
        );
        let (group, version) = workload.kind.group();
        let reference = ObjectReference {
            api_version: Some(format!("{group}/{version}")),
            kind: Some(workload.kind.as_str().to_owned()),
            name: Some(workload.name.clone()),
            namespace: Some(namespace.to_owned()),
            uid: Some(workload.uid.clone()),
            ..ObjectReference::default()
        };
        self.events
            .changed(&reference, Tone::Normal, "Restarted", &text)
            .await;
    }

    /// Notes how far each change of a round is, and has its condition written when that is news.
    async fn tell(&self, round: &Round) {
        for change in &round.changes {
            let tag = tag::change(&change.uid, change.revision, &change.digest);
            let left = round
                .left
                .iter()
                .filter(|(_, (tags, _))| tags.has(&change.name, &tag));
            let waiting: Vec<_> = left.map(|(one, (_, why))| format!("{one} ({why})")).collect();
            let rolled = round
                .rolled
                .iter()
                .filter(|(_, tags)| tags.has(&change.name, &tag));
            let rolled: Vec<_> = rolled.map(|(one, _)| one.to_string()).collect();
            let progress = if waiting.is_empty() {
                Progress::Done
            } else {
                Progress::Outstanding {
                    done: rolled.len(),
                    waiting,
                }
            };
            let done = progress == Progress::Done;
            if self.rolls.note(change, progress) {
                if done && !rolled.is_empty() {
                    let text = format!("revision {}: restarted {}", change.revision, list(&rolled));
                    self.events
                        .changed(&reference(change), Tone::Normal, "Restarted", &text)
                        .await;
                }
                self.moved.tell(&change.namespace, &change.name).await;
            }
        }
    }

    /// The API server does not do what it is asked; what was wanted stays so.
    async fn stopped(&self, changes: &[Change], fault: Fault) -> bool {
        if fault != Fault::Forbidden {
            tracing::warn!("cannot restart workloads: {fault}; will try again");
            return true;
        }
        for change in changes {
            if self.rolls.note(change, Progress::Forbidden) {
                self.metrics.restarted("Forbidden");
                let text = Progress::Forbidden.sentence(change.revision);
                self.events
                    .changed(&reference(change), Tone::Warning, "RestartForbidden", &text)
                    .await;
                self.moved.tell(&change.namespace, &change.name).await;
            }
        }
        false
    }
}

fn reference(change: &Change) -> ObjectReference {
    ObjectReference {
        api_version: Some(VaultSecret::api_version(&()).into_owned()),
        kind: Some(VaultSecret::kind(&()).into_owned()),
        name: Some(change.name.clone()),
        namespace: Some(change.namespace.clone()),
        uid: Some(change.uid.clone()),
        ..ObjectReference::default()
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}
