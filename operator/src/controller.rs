//! The controller of VaultSecrets: observe, plan, apply, status.
//!
//! It watches metadata only and keeps no payload. The one that decides is [`plan`], which is pure.

mod failure;
mod finalizer;
mod generate;
mod observe;
mod output;
mod pace;
mod plan;
mod reconcile;
mod restart;
mod room;
mod sealed;
mod source;
mod status;
mod stored;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::PartialObjectMeta;
use kube::runtime::controller::{Action, Config, Error, ReconcileRequest, trigger_self};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{
    Predicate, PredicateConfig, WatchStreamExt as _, applier, predicates, reflector, watcher,
};
use kube::{Api, Client};
use splitvault_api::VaultSecret;
use splitvault_crypto::KeyId;
use splitvault_vault::Vault;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::events::Events;
use crate::metrics::Metrics;
use crate::missed::Missed;
use crate::restart::Rolls;

pub use failure::{Failure, Next};
pub use output::Outputs;
pub use pace::Followed;
pub use room::Room;
pub use sealed::Tally;
pub(crate) use stored::{from_hex, remembered, to_hex};

/// Keeps an object until its content is removed from the stores.
pub const FINALIZER: &str = "splitvault.dev/cleanup";

/// Suspicions that wait to be looked at; more are dropped, the next delivery raises them again.
const SUSPICIONS: usize = 64;

/// How long an object may be without our finalizer before it looks as if somebody took it away.
const NEW: SignedDuration = SignedDuration::from_secs(60);

type Meta = PartialObjectMeta<VaultSecret>;

/// What a reconcile needs.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The stores, and the sealing keys.
    pub vault: Arc<Vault>,
    /// Where people are told.
    pub events: Arc<Events>,
    /// Counts reconciles.
    pub metrics: Metrics,
    /// Between two looks at a Secret that is followed; longer when there are very many.
    pub poll: Duration,
    /// How many there are.
    pub followed: Followed,
    /// The operator's ServiceAccount, `NAMESPACE:NAME`, for advice.
    pub grantee: String,
    /// Bounds what is in memory at once.
    pub room: Room,
    /// The objects that should be sealed anew.
    pub tally: Tally,
    /// The Secrets that are maintained as well.
    pub outputs: Outputs,
    /// The workloads that are restarted.
    pub rolls: Rolls,
    /// The pods that started without what they ask for.
    pub missed: Missed,
}

/// Tells the controller that an object's stored content looks wrong.
#[derive(Clone)]
pub struct Suspicions(mpsc::Sender<Suspect>);

/// What [`Suspicions`] tell.
pub struct Suspected(mpsc::Receiver<Suspect>);

/// Whose content looks wrong.
enum Suspect {
    /// This object's.
    Object(ObjectRef<Meta>),
    /// That of the object with this UID.
    Uid(String),
}

/// A pair: who tells and who listens.
pub fn suspicions() -> (Suspicions, Suspected) {
    let (sender, receiver) = mpsc::channel(SUSPICIONS);
    (Suspicions(sender), Suspected(receiver))
}

impl Suspicions {
    /// Has this object looked at soon.
    pub fn raise(&self, namespace: &str, name: &str) {
        let reference = ObjectRef::<Meta>::new(name).within(namespace);
        // When it is full the controller has enough to look at.
        let _told = self.0.try_send(Suspect::Object(reference));
    }

    /// Has this object looked at, however many there are: waits until there is room.
    pub async fn tell(&self, namespace: &str, name: &str) {
        let reference = ObjectRef::<Meta>::new(name).within(namespace);
        // An error only when the controller has ended.
        let _told = self.0.send(Suspect::Object(reference)).await;
    }

    /// Has the object with this UID looked at soon, if there is one.
    pub fn raise_uid(&self, uid: &str) {
        let _told = self.0.try_send(Suspect::Uid(uid.to_owned()));
    }
}

/// Reconciles all VaultSecrets, `concurrency` at a time, until `shutdown`; what is begun then is finished. Looks at all
/// of them when the sealing key is `renewed`, from what the watch has told: without asking for a list.
pub async fn run(
    context: Context,
    suspected: Suspected,
    renewed: watch::Receiver<Option<KeyId>>,
    concurrency: u16,
    shutdown: CancellationToken,
) {
    let api: Api<Meta> = Api::all(context.client.clone());
    let (reader, writer) = reflector::store::<Meta>();
    let watch = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(strip)
        .reflect(writer)
        .applied_objects()
        .predicate_filter(changes(), PredicateConfig::default())
        .inspect_err(|error| tracing::warn!("the watch of VaultSecrets is interrupted: {}", describe(error)));
    let queue = stream::select(trigger_self(watch, ()), suspected.requests(reader.clone()));
    let queue = stream::select(queue, all_when(renewed, reader.clone()));
    let queue = queue.take_until(shutdown.cancelled_owned());
    let config = Config::default().concurrency(concurrency);
    applier(
        reconcile::reconcile,
        unreachable,
        Arc::new(context),
        reader,
        queue,
        config,
    )
    .for_each(async |ended| {
        if let Err(Error::RunnerError(error)) = ended {
            tracing::error!("the controller's queue failed: {error}");
        }
    })
    .await;
}

impl Suspected {
    fn requests(
        self,
        known: reflector::Store<Meta>,
    ) -> impl Stream<Item = Result<ReconcileRequest<Meta>, watcher::Error>> {
        let mut waiting = self.0;
        let suspects = stream::poll_fn(move |context| waiting.poll_recv(context));
        suspects.filter_map(move |suspect| {
            let reference = match suspect {
                Suspect::Object(reference) => Some(reference),
                Suspect::Uid(uid) => known
                    .find(|meta| meta.metadata.uid.as_ref() == Some(&uid))
                    .map(|meta| ObjectRef::from_obj(&*meta)),
            };
            std::future::ready(reference.map(|reference| Ok(reference.into())))
        })
    }
}

/// Every object that is known, each time the sealing key is another one.
fn all_when(
    renewed: watch::Receiver<Option<KeyId>>,
    known: reflector::Store<Meta>,
) -> impl Stream<Item = Result<ReconcileRequest<Meta>, watcher::Error>> {
    let changes = stream::unfold(renewed, async |mut renewed| {
        renewed.changed().await.ok()?;
        Some(((), renewed))
    });
    changes.flat_map(move |()| {
        let known = known.state().into_iter();
        stream::iter(known.map(|meta| Ok(ObjectRef::from_obj(&*meta).into())))
    })
}

/// What is a reason to look again: the spec or a deletion, which raise the generation, and a finalizer that somebody
/// took away. What we wrote ourselves, status and finalizer, is none.
fn changes() -> impl Predicate<Meta> {
    predicates::generation.combine(stripped)
}

/// Whether somebody took our finalizer away. A new object has none yet: that it then gets one is no news.
fn stripped(meta: &Meta) -> Option<u64> {
    let metadata = &meta.metadata;
    let claimed = metadata
        .finalizers
        .as_ref()
        .is_some_and(|all| finalizer::is_claimed(all));
    let made = metadata.creation_timestamp.as_ref().map(|made| made.0);
    let is_new = made.is_some_and(|made| Timestamp::now().duration_since(made) < NEW);
    Some(u64::from(!claimed && !is_new))
}

/// Leaves of the metadata what the controller needs: an annotation may be as large as a payload.
pub(crate) fn strip<K>(object: &mut PartialObjectMeta<K>) {
    object.metadata.managed_fields = None;
    object.metadata.annotations = None;
    object.metadata.labels = None;
}

pub(crate) fn describe(error: &watcher::Error) -> crate::fault::Fault {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error.into(),
        watcher::Error::WatchError(status) => crate::fault::Fault::from_status(status.code),
        watcher::Error::NoResourceVersion => crate::fault::Fault::Malformed,
    }
}

/// Every failure of a reconcile ends in a status and an action; none is left over for this.
fn unreachable(_: Arc<Meta>, error: &Infallible, _: Arc<Context>) -> Action {
    match *error {}
}

#[cfg(test)]
mod tests;
