//! The controller of VaultRequests: observe, plan, apply, status.
//!
//! It watches metadata only. The one that decides is [`plan`], which is pure. What a request asks for is done once: the
//! revision at which the work began is written into the status before the work, and tells after a crash whether it was
//! done.

mod apply;
mod audit;
mod failure;
mod observe;
mod pace;
mod plan;
mod reconcile;
mod review;
mod seen;
mod stamp;
mod status;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::jiff::SignedDuration;
use kube::api::PartialObjectMeta;
use kube::runtime::controller::{Action, Config, Error, trigger_self};
use kube::runtime::{PredicateConfig, WatchStreamExt as _, applier, predicates, reflector, watcher};
use kube::{Api, Client};
use splitvault_api::VaultRequest;
use splitvault_vault::Vault;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::controller::{Suspicions, describe, strip};
use crate::events::Events;
use crate::metrics::Metrics;
use crate::pki::Rotation;

pub use failure::Failure;
use pace::Pace;
use seen::Seen;
pub use stamp::{StampError, StampKey, Unstamped, is_of, stamp, verify};

/// Requests that are worked on at once.
const CONCURRENCY: u16 = 4;
/// Environments in clear that requests have in memory at once.
const REVEALS: usize = 1;
/// How long a request is tried before it fails; one that nobody looked at for so long fails at once.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// Between two looks at what goes on by itself or may heal.
const SOON: Duration = Duration::from_secs(2);

type Meta = PartialObjectMeta<VaultRequest>;

/// What a reconcile needs.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The stores, and the sealing keys.
    pub vault: Arc<Vault>,
    /// What stamps are made with.
    pub key: Arc<dyn StampKey>,
    /// The internal certificate authority.
    pub authority: Rotation,
    /// Where people are told.
    pub events: Arc<Events>,
    /// Counts requests.
    pub metrics: Metrics,
    /// Has the controller of VaultSecrets look at what was changed.
    pub changed: Suspicions,
    /// The operator's own namespace, where requests about the whole installation belong.
    pub namespace: String,
    /// How old a master key may become, for the auditor.
    pub ceiling: Duration,
    /// What keeps requests from each other.
    pub bounds: Bounds,
}

/// What keeps requests from each other.
#[derive(Debug)]
pub struct Bounds {
    seen: Seen,
    pace: Pace,
    reveals: Semaphore,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            seen: Seen::default(),
            pace: Pace::default(),
            reveals: Semaphore::new(REVEALS),
        }
    }
}

/// Answers all VaultRequests until `shutdown`; what is begun then is finished.
pub async fn run(context: Context, shutdown: CancellationToken) {
    let api: Api<Meta> = Api::all(context.client.clone());
    let (reader, writer) = reflector::store::<Meta>();
    let watch = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(strip)
        .reflect(writer)
        .applied_objects()
        // What we wrote ourselves, the status, is no reason to look again.
        .predicate_filter(predicates::generation, PredicateConfig::default())
        .inspect_err(|error| tracing::warn!("the watch of VaultRequests is interrupted: {}", describe(error)));
    let queue = trigger_self(watch, ()).take_until(shutdown.cancelled_owned());
    applier(
        reconcile::reconcile,
        unreachable,
        Arc::new(context),
        reader,
        queue,
        Config::default().concurrency(CONCURRENCY),
    )
    .for_each(async |ended| {
        if let Err(Error::RunnerError(error)) = ended {
            tracing::error!("the queue of VaultRequests failed: {error}");
        }
    })
    .await;
}

/// Every failure of a reconcile ends in a status and an action; none is left over for this.
fn unreachable(_: Arc<Meta>, error: &Infallible, _: Arc<Context>) -> Action {
    match *error {}
}

#[cfg(test)]
mod tests;
