//! Searching, and telling of what was found.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{self, ObjectReference};
use kube::api::ListParams;
use kube::{Api, Client};
use splitvault_vault::Vault;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::evict::{Evicted, Outcome, evict, is_armed};
use super::find::{Pod, missed};
use super::{Found, Missed, Pace};
use crate::controller::Suspicions;
use crate::events::Events;
use crate::fault::Fault;
use crate::metrics::Metrics;

/// Between two looks whether a search is due, and whether this process leads.
const LOOK: Duration = Duration::from_secs(10);
/// After a search that failed.
const RETRY: Duration = Duration::from_secs(60);
/// Between two evictions.
const PACE: Duration = Duration::from_secs(3);
/// Pods on one page; the metadata of one has some two kilobytes.
const PAGE: u32 = 500;
/// Pods that are told one by one; all are counted.
const TOLD: usize = 1000;
/// One that ended needs nothing any more.
const RUNNING: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Whether this process is the one that searches.
#[async_trait]
pub trait Watchman: Send + Sync {
    /// Whether it is now.
    async fn leads(&self) -> bool;
}

#[async_trait]
impl Watchman for Vault {
    async fn leads(&self) -> bool {
        self.lead(SystemTime::now()).await.unwrap_or(false)
    }
}

/// Searches for pods that started without their variables.
pub struct Scanner {
    /// The API server.
    pub client: Client,
    /// Whether this process searches.
    pub watchman: Arc<dyn Watchman>,
    /// How often, and what to do.
    pub pace: Pace,
    /// The operator's own namespace, whose pods are never injected.
    pub namespace: String,
    /// What was found.
    pub found: Missed,
    /// Where people are told.
    pub events: Arc<Events>,
    /// Counts.
    pub metrics: Metrics,
    /// Has the controller write conditions.
    pub moved: Suspicions,
}

/// Searches until `shutdown`.
pub async fn run(scanner: Scanner, shutdown: CancellationToken) {
    let searching = async {
        let (mut next, mut evicted) = (None::<Instant>, Evicted::default());
        loop {
            if !scanner.watchman.leads().await {
                // Whoever leads next begins with a search.
                next = None;
            } else if next.is_none_or(|next| Instant::now() >= next) {
                let pause = match scanner.search().await {
                    Ok(pods) => {
                        scanner.evict(&pods, &mut evicted).await;
                        scanner.pace.interval
                    }
                    Err(fault) => {
                        tracing::warn!("cannot search for pods that were missed: {fault}; will try again");
                        RETRY.min(scanner.pace.interval)
                    }
                };
                next = Some(Instant::now() + pause);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    shutdown.run_until_cancelled(searching).await;
}

impl Scanner {
    /// Searches once, and tells of it.
    ///
    /// # Errors
    /// As the API server has them; then what was told before still holds.
    pub(super) async fn search(&self) -> Result<Vec<Pod>, Fault> {
        let api: Api<v1::Pod> = Api::all(self.client.clone());
        let mut page = ListParams::default().limit(PAGE).fields(RUNNING);
        let (mut pods, mut count) = (Vec::new(), 0);
        loop {
            let list = api.list_metadata(&page).await.map_err(Fault::from)?;
            for pod in list.items.iter().filter_map(|pod| missed(&pod.metadata)) {
                count += 1;
                if pods.len() < TOLD {
                    pods.push(pod);
                }
            }
            match list.metadata.continue_ {
                Some(next) if !next.is_empty() => page.continue_token = Some(next),
                _ => break,
            }
        }
        self.metrics.missed_pods(count);
        self.tell(&pods).await;
        Ok(pods)
    }

    async fn tell(&self, pods: &[Pod]) {
        let mut by_object = Found::new();
        for pod in pods {
            for name in &pod.asked {
                let key = (pod.namespace.clone(), name.clone());
                by_object.entry(key).or_default().push(pod.name.clone());
            }
        }
        for (namespace, name) in self.found.replace(by_object) {
            self.moved.tell(&namespace, &name).await;
        }
        for pod in pods {
            let why = if self.spared().contains(&pod.namespace.as_str()) {
                format!(
                    "pods of namespace {} are never injected: use another one",
                    pod.namespace
                )
            } else {
                format!(
                    "it started without its variables: the annotation came when it was there already, or the webhook was not \
                     asked when it was made; make it anew, with the annotation in its template (splitvault doctor pod {} -n {} \
                     says more)",
                    pod.name, pod.namespace
                )
            };
            self.events
                .warn(&reference(pod), "Inject", "NotInjected", &why)
                .await;
        }
    }

    /// Evicts what may be, if that is asked for and helps.
    pub(super) async fn evict(&self, pods: &[Pod], evicted: &mut Evicted) {
        if !self.pace.evict || pods.is_empty() || !self.armed().await {
            return;
        }
        let chosen = evicted.choose(pods, &self.spared(), Instant::now());
        for (number, pod) in chosen.into_iter().enumerate() {
            if number > 0 {
                tokio::time::sleep(PACE).await;
            }
            let outcome = evict(&self.client, pod).await;
            self.metrics.evicted(outcome.as_str());
            tracing::info!(
                namespace = pod.namespace,
                pod = pod.name,
                outcome = outcome.as_str(),
                "evicting a pod that was missed"
            );
            let note = match outcome {
                Outcome::Evicted => "evicted, so that its owner makes it anew with its variables",
                Outcome::Held => "a disruption budget keeps it from being evicted; it is tried again later",
                Outcome::Forbidden => {
                    "the operator may not evict it: set the chart's value missed.evict, or delete it yourself"
                }
                Outcome::Gone | Outcome::Failed => continue,
            };
            self.events
                .warn(&reference(pod), "Evict", outcome.as_str(), note)
                .await;
        }
    }

    async fn armed(&self) -> bool {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        api.get(crate::MANAGER).await.is_ok_and(|found| is_armed(&found))
    }

    /// Namespaces whose pods the webhook is not asked about.
    fn spared(&self) -> [&str; 2] {
        ["kube-system", &self.namespace]
    }
}

fn reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: Some(pod.name.clone()),
        namespace: Some(pod.namespace.clone()),
        uid: Some(pod.uid.clone()),
        ..ObjectReference::default()
    }
}
