//! One reconcile of one VaultSecret: observe → plan → apply → status.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use splitvault_api::{Desired, DesiredSource, READY, Reason, VaultSecret};
use splitvault_dotenv::Name;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::failure::{Failure, Next};
use super::finalizer::{claim, release};
use super::pace::{jittered, patience};
use super::plan::{Observed, Step, plan};
use super::source::{self, Found, Owner};
use super::status::{self, Verdict};
use super::stored;
use super::{Context, Meta};
use crate::fault::Fault;

/// Bounds one reconcile: whatever hangs must not hold up the others.
const DEADLINE: Duration = Duration::from_secs(90);
/// Between two looks at an object about which nothing is announced.
const RESYNC: Duration = Duration::from_secs(30 * 60);
/// The longest pause between two looks at what may heal by itself.
const SOON: Duration = Duration::from_secs(60);
/// The same at what a person must mend somewhere else.
const LATER: Duration = Duration::from_secs(5 * 60);

/// Reconciles on a task of its own, so that reconciles use all cores and one that panics is only its own.
pub(super) fn reconcile(
    meta: Arc<Meta>,
    context: Arc<Context>,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Action, Infallible>> + Send>> {
    let task = tokio::spawn(async move { context.reconcile(&meta).await });
    Box::pin(async move {
        Ok(task.await.unwrap_or_else(|_| {
            tracing::error!("a reconcile panicked");
            Action::requeue(LATER)
        }))
    })
}

/// What a step came to.
enum Applied {
    /// The object is, or will be, gone: there is nothing to say any more.
    Gone,
    /// There is something to say.
    Said(Verdict),
}

impl Context {
    pub(super) async fn reconcile(&self, meta: &Meta) -> Action {
        let start = Instant::now();
        let (reason, action) = match tokio::time::timeout(DEADLINE, self.work(meta)).await {
            Ok(ended) => ended,
            Err(_) => {
                tracing::warn!(
                    namespace = meta.namespace(),
                    name = meta.name_any(),
                    "a reconcile took too long"
                );
                (Reason::Progressing, Action::requeue(LATER))
            }
        };
        self.metrics.reconciled(reason.as_str(), start.elapsed());
        action
    }

    async fn work(&self, meta: &Meta) -> (Reason, Action) {
        let reading = self.room.to_read().await;
        let claimed = claim(&self.client, meta).await;
        drop(reading);
        let object = match claimed {
            Ok(Some(object)) => object,
            Ok(None) => return (Reason::Deleting, Action::await_change()),
            Err(fault) => return (Reason::Progressing, retry(meta, fault)),
        };
        let followed = object
            .spec
            .source
            .as_ref()
            .is_some_and(|source| source.secret_ref.is_some());
        let (observed, _room) = self.observe(object).await;
        // Without its payload, this is small.
        let object = observed.object.clone();
        let step = plan(&observed);
        tracing::debug!(namespace = meta.namespace(), name = meta.name_any(), step = ?step, "planned");
        let (verdict, next) = match self.apply(step, observed).await {
            Ok(Applied::Gone) => return (Reason::Deleting, Action::await_change()),
            Ok(Applied::Said(verdict)) => (verdict, None),
            Err(failure) => {
                let revision = object.status.as_ref().and_then(|status| status.revision);
                (Verdict::failed(&failure, revision), Some(failure.next(followed)))
            }
        };
        let reason = verdict.reason;
        log(&object, &verdict);
        match status::write(&self.client, &self.events, &object, &verdict).await {
            Ok(()) => (reason, self.action(&object, next, followed)),
            Err(fault) => (reason, retry(meta, fault)),
        }
    }

    /// Reads only. With what keeps the room that the payload takes.
    pub(super) async fn observe(&self, mut object: VaultSecret) -> (Observed, Option<SemaphorePermit<'_>>) {
        let mut desired = Desired::try_from(&object.spec);
        if let Some(sealed) = object
            .spec
            .source
            .as_mut()
            .and_then(|source| source.sealed.as_mut())
        {
            // It is in `desired` as well, decoded.
            sealed.payload = String::new();
        }
        let source = desired.as_mut().ok().and_then(|desired| desired.source.take());
        let leaving = object.metadata.deletion_timestamp.is_some();
        let held = if leaving {
            Ok(None)
        } else {
            stored::look(&self.vault, &object).await
        };
        let found = match (&desired, &held) {
            (Ok(desired), Ok(_)) if !leaving && !desired.suspend => self.find(&object, source).await,
            _ => Ok(Found::Nothing),
        };
        let room = self.room.for_payload(found.as_ref().map_or(0, Found::size)).await;
        let current = match (&desired, &held, &found) {
            (Ok(desired), Ok(Some(held)), Ok(found)) => {
                held.keeps_at_most(desired.history_limit)
                    && held.is_made_from(&found.identity(&desired.generate))
            }
            _ => false,
        };
        let observed = Observed {
            object,
            desired,
            stored: held.map(|held| held.map(|held| held.stored)),
            found,
            current,
        };
        (observed, room)
    }

    async fn find(&self, object: &VaultSecret, source: Option<DesiredSource>) -> Result<Found, Failure> {
        let _reading = self.room.to_read().await;
        let namespace = object.namespace().unwrap_or_default();
        source::find(&self.client, &namespace, source, &self.grantee).await
    }

    async fn apply(&self, step: Step, observed: Observed) -> Result<Applied, Failure> {
        let uid = observed.object.uid().unwrap_or_default();
        let (reason, stored) = match step {
            Step::Forget => return Ok(Applied::Gone),
            Step::Remove => {
                stored::remove(&self.vault, &uid).await?;
                return self.release(&observed.object).await;
            }
            Step::Release => return self.release(&observed.object).await,
            Step::Stop(failure) => return Err(failure),
            Step::Pause => (Reason::Suspended, observed.stored?),
            Step::Keep => (Reason::Synced, observed.stored?),
            Step::Write => (Reason::Synced, Some(self.write(&uid, observed).await?)),
        };
        let Some(stored) = stored else {
            return Ok(Applied::Said(Verdict::good(reason, None)));
        };
        let history = stored::history(&self.vault, &uid).await?;
        Ok(Applied::Said(Verdict::good(reason, Some((stored, history)))))
    }

    async fn release(&self, object: &VaultSecret) -> Result<Applied, Failure> {
        release(&self.client, object).await.map_err(Failure::Cluster)?;
        tracing::info!(
            namespace = object.namespace(),
            name = object.name_any(),
            "let go of a deleted VaultSecret"
        );
        Ok(Applied::Gone)
    }

    /// Opens the source, adds what is generated, and writes the next revision. Plaintext lives in here only.
    async fn write(&self, uid: &str, observed: Observed) -> Result<stored::Stored, Failure> {
        let desired = observed.desired.map_err(Failure::Spec)?;
        let (namespace, name) = (
            observed.object.namespace().unwrap_or_default(),
            observed.object.name_any(),
        );
        let owner = Owner {
            namespace: &namespace,
            name: &name,
            exposes_names: observed.object.spec.exposes_names(),
        };
        let found = observed.found?;
        let identity = found.identity(&desired.generate);
        let before = match observed.stored? {
            Some(_) if !desired.generate.is_empty() => stored::read(&self.vault, uid).await?,
            _ => None,
        };
        let dotenv = found.open(owner, self.vault.sealing_keys())?;
        let dotenv = source::generate(dotenv, &desired.generate, before.as_ref(), owner)?;
        let made = desired
            .generate
            .iter()
            .filter_map(|generate| Name::parse(&generate.name).ok());
        let made: Vec<Name> = made.collect();
        let limit = usize::try_from(desired.history_limit).unwrap_or(usize::MAX);
        stored::write(&self.vault, uid, &dotenv, &identity, &made, limit).await
    }

    fn action(&self, object: &VaultSecret, next: Option<Next>, followed: bool) -> Action {
        let uid = object.uid().unwrap_or_default();
        let pause = match next {
            None if followed => self.poll,
            None | Some(Next::OnChange) => RESYNC,
            Some(Next::Poll) => self.poll,
            Some(Next::Later) => patience(object, Timestamp::now(), LATER),
            Some(Next::Soon) => patience(object, Timestamp::now(), SOON),
        };
        Action::requeue(jittered(pause, &uid))
    }
}

/// Without the object there is no status to write; the log has to do.
fn retry(meta: &Meta, fault: Fault) -> Action {
    tracing::warn!(namespace = meta.namespace(), name = meta.name_any(), %fault, "a reconcile failed; will try again");
    Action::requeue(jittered(Duration::from_secs(3), &meta.uid().unwrap_or_default()))
}

fn log(object: &VaultSecret, verdict: &Verdict) {
    let (namespace, name) = (object.namespace(), object.name_any());
    let before = object
        .status
        .as_ref()
        .and_then(|status| status.conditions.iter().find(|c| c.type_ == READY));
    if before
        .is_none_or(|before| before.reason != verdict.reason.as_str() || before.message != verdict.message)
    {
        tracing::info!(
            namespace,
            name,
            reason = verdict.reason.as_str(),
            "{}",
            verdict.message
        );
    }
}
