//! One reconcile of one VaultSecret: observe → plan → apply → status.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use splitvault_api::{READY, Reason, Remark, VaultSecret};
use splitvault_dotenv::Name;
use tokio::time::Instant;

use super::failure::Failure;
use super::finalizer::{claim, release};
use super::pace::{LATER, retry};
use super::plan::{Observed, Step, plan};
use super::sealed::{self, Standing};
use super::source::{self, Owner};
use super::status::{self, Verdict};
use super::stored;
use super::{Context, Meta};
use crate::missed;
use crate::secret::Version;

/// Bounds one reconcile: whatever hangs must not hold up the others.
const DEADLINE: Duration = Duration::from_secs(90);

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
        let settled = self.followed.begin(&meta.uid().unwrap_or_default());
        let version = if settled { Version::Any } else { Version::Newest };
        let claimed = claim(&self.client, meta, version).await;
        drop(reading);
        let object = match claimed {
            Ok(Some(object)) => object,
            Ok(None) => return self.forget(meta),
            Err(fault) => return (Reason::Progressing, retry(meta, fault)),
        };
        let followed = is_followed(&object);
        self.followed.set(&object.uid().unwrap_or_default(), followed);
        let (observed, _room) = self.observe(object).await;
        // Without its payload, this is small.
        let mut object = observed.object.clone();
        let (output, held) = (output(&observed), observed.stored.clone().ok().flatten());
        let step = plan(&observed);
        tracing::debug!(namespace = meta.namespace(), name = meta.name_any(), step = ?step, "planned");
        let (mut verdict, mut next) = match self.apply(step, observed).await {
            Ok(Applied::Gone) => return self.forget(meta),
            Ok(Applied::Said(verdict)) => (verdict, None),
            Err(failure) => {
                let revision = object.status.as_ref().and_then(|status| status.revision);
                (Verdict::failed(&failure, revision), Some(failure.next(followed)))
            }
        };
        let stored = verdict.stored.as_ref().map(|(stored, _)| stored.clone()).or(held);
        let restarts = self.restart(&object, stored.as_ref());
        if let Some(failure) = self.keep(&mut object, &mut verdict, output, stored).await
            && next.is_none()
        {
            // What was wrong before is told first.
            next = Some(failure.next(followed));
            verdict = verdict.but(&failure);
        }
        let uid = object.uid().unwrap_or_default();
        verdict.remarks = self.remarks(&object, &uid).await;
        verdict.remarks.extend(restarts.remark);
        verdict.restarted = restarts.revision;
        let reason = verdict.reason;
        log(&object, &verdict);
        match status::write(&self.client, &self.events, &object, &verdict).await {
            Ok(written) => {
                if !written {
                    self.followed.settle(&object.uid().unwrap_or_default());
                }
                (reason, self.action(&object, next, followed))
            }
            Err(fault) => (reason, retry(meta, fault)),
        }
    }

    /// Keeps the Secret that is maintained as well, and notes which one there is; answers why it is not as it should be.
    async fn keep(
        &self,
        object: &mut VaultSecret,
        verdict: &mut Verdict,
        wanted: Option<Option<String>>,
        stored: Option<stored::Stored>,
    ) -> Option<Failure> {
        let kept = match (wanted, stored) {
            (Some(wanted), Some(stored)) => self.output(object, wanted.as_deref(), &stored).await,
            _ => Ok(status::output(object)),
        };
        verdict.output = kept
            .as_ref()
            .map_or_else(|_| status::output(object), Clone::clone);
        kept.err()
    }

    /// What is said besides whether it is ready.
    async fn remarks(&self, object: &VaultSecret, uid: &str) -> Vec<(Remark, String)> {
        let old_key = self.old_key(object);
        let quarantined = stored::quarantined(&self.vault, uid).await;
        let remarks = [
            (Remark::SealedWithOldKey, old_key),
            (Remark::Quarantined, quarantined),
            (Remark::MissedPods, self.missed(object)),
        ];
        let said = remarks.into_iter();
        said.filter_map(|(remark, message)| Some((remark, message?)))
            .collect()
    }

    /// What is said when the payload is sealed to an older key.
    fn old_key(&self, object: &VaultSecret) -> Option<String> {
        let keys = self.vault.sealing_keys();
        let standing = sealed::standing(object, keys.iter().map(|pair| &**pair));
        self.tally
            .note(&object.uid().unwrap_or_default(), standing, &self.metrics);
        match standing {
            Some(Standing::Old) => sealed::advice(object, keys.first()?),
            // The failure says it.
            Some(Standing::Unknown) | None => None,
        }
    }

    /// What is said of pods that started without it; the same as before while nobody has searched.
    fn missed(&self, object: &VaultSecret) -> Option<String> {
        let (namespace, name) = (object.namespace()?, object.name_any());
        let Some(pods) = self.missed.about(&namespace, &name) else {
            let before = &object.status.as_ref()?.conditions;
            let told = before
                .iter()
                .find(|told| told.type_ == Remark::MissedPods.as_str());
            return told.map(|told| told.message.clone());
        };
        missed::sentence(&namespace, &pods)
    }

    fn forget(&self, meta: &Meta) -> (Reason, Action) {
        self.tally
            .note(&meta.uid().unwrap_or_default(), None, &self.metrics);
        self.followed.set(&meta.uid().unwrap_or_default(), false);
        self.outputs.note(&meta.uid().unwrap_or_default(), None);
        self.rolls.forget(&meta.uid().unwrap_or_default());
        (Reason::Deleting, Action::await_change())
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
        let dotenv = found.open(owner, &self.vault.sealing_keys())?;
        let dotenv = source::generate(dotenv, &desired.generate, before.as_ref(), owner)?;
        let made = desired
            .generate
            .iter()
            .filter_map(|generate| Name::parse(&generate.name).ok());
        let made: Vec<Name> = made.collect();
        let limit = usize::try_from(desired.history_limit).unwrap_or(usize::MAX);
        stored::write(&self.vault, uid, &dotenv, &identity, &made, limit).await
    }
}

/// Whether it has to be looked at again and again: a Secret tells nobody when it changes.
fn is_followed(object: &VaultSecret) -> bool {
    let source = object.spec.source.as_ref();
    source.is_some_and(|source| source.secret_ref.is_some()) || object.spec.output.is_some()
}

/// Which Secret is wanted; `None` when what is there is to be left as it is.
fn output(observed: &Observed) -> Option<Option<String>> {
    let desired = observed.desired.as_ref().ok()?;
    (!desired.suspend).then(|| desired.output.clone())
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
