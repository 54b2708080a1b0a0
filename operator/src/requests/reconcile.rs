//! One reconcile of one VaultRequest: observe → plan → apply → status.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Api, Resource as _, ResourceExt as _};
use splitvault_api::{Action as Asked, Demand, Outcome, Standing, VaultRequest, VaultSecret};
use tokio::time::Instant;

use super::audit::audit;
use super::plan::{Observed, Step, plan};
use super::status::{self, Verdict};
use super::{Context, Failure, Meta, SOON};
use crate::events::Tone;
use crate::fault::Fault;

/// Bounds one reconcile: whatever hangs must not hold up the others.
const DEADLINE: Duration = Duration::from_secs(90);

/// Reconciles on a task of its own, so that one that panics is only its own.
pub(super) fn reconcile(
    meta: Arc<Meta>,
    context: Arc<Context>,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Action, Infallible>> + Send>> {
    let task = tokio::spawn(async move {
        let worked = tokio::time::timeout(DEADLINE, context.reconcile(&meta)).await;
        worked.unwrap_or_else(|_| {
            tracing::warn!(
                namespace = meta.namespace(),
                request = meta.name_any(),
                "a request took too long"
            );
            Action::requeue(SOON)
        })
    });
    Box::pin(async move {
        Ok(task.await.unwrap_or_else(|_| {
            tracing::error!("a request panicked");
            Action::requeue(DEADLINE)
        }))
    })
}

impl Context {
    pub(super) async fn reconcile(&self, meta: &Meta) -> Action {
        let object = match self.find(meta).await {
            Ok(Some(object)) => object,
            Ok(None) => return Action::await_change(),
            Err(fault) => return retry(meta, fault),
        };
        let namespace = object.namespace().unwrap_or_default();
        if object.status.is_none() {
            let wait = self.bounds.pace.wait(&namespace, Instant::now());
            if !wait.is_zero() {
                return Action::requeue(wait);
            }
        }
        let observed = self.observe(object, Timestamp::now()).await;
        let step = plan(&observed);
        tracing::debug!(namespace, request = meta.name_any(), step = ?step, "planned");
        let worked = match step {
            Step::Forget => return Action::await_change(),
            Step::Delete => {
                return match status::delete(&self.client, &observed.object).await {
                    Ok(()) => Action::await_change(),
                    Err(fault) => retry(meta, fault),
                };
            }
            Step::Stay(left) => return Action::requeue(left + Duration::from_millis(100)),
            Step::Stop(failure) => Err(failure),
            Step::Begin(revision) => Ok(super::apply::begin(&observed, revision)),
            Step::Finish(revision) => Ok(super::apply::finish(&observed, revision)),
            Step::Do => self.act(&observed).await,
        };
        let verdict = worked.unwrap_or_else(|failure| Verdict::from(&failure));
        // What was written down before the work is done at once; what goes on by itself is looked at now and then.
        let noted = verdict.said.base_revision.is_some() || !verdict.said.begun.is_empty();
        match self.say(&observed, verdict).await {
            Ok(outcome) => match outcome.standing() {
                Standing::Open if noted => Action::requeue(Duration::ZERO),
                Standing::Open => Action::requeue(SOON),
                Standing::Done | Standing::Failed => Action::requeue(observed.object.spec.ttl()),
            },
            Err(fault) => retry(meta, fault),
        }
    }

    /// Writes the audit line, then the status, then tells people. What does not fit into an object fails for that.
    async fn say(&self, observed: &Observed, verdict: Verdict) -> Result<Outcome, Fault> {
        let object = &observed.object;
        let status = verdict.status(object, observed.now);
        if !status.is_over() {
            status::write(&self.client, object, &status).await?;
            return Ok(verdict.outcome);
        }
        let vouched = observed.vouched.is_ok();
        audit(object, vouched, verdict.outcome, status.revision);
        match status::write(&self.client, object, &status).await {
            Ok(()) => {}
            Err(fault @ Fault::Refused(_)) if verdict.outcome == Outcome::Done => {
                let failed = Verdict::from(&Failure::Unwritten(fault));
                audit(object, vouched, failed.outcome, None);
                let status = failed.status(object, observed.now);
                status::write(&self.client, object, &status).await?;
                return Ok(failed.outcome);
            }
            Err(fault) => return Err(fault),
        }
        self.metrics
            .requested(object.spec.action.as_str(), verdict.outcome.as_str());
        if vouched {
            self.tell(observed, &verdict).await;
        }
        Ok(verdict.outcome)
    }

    /// An event on the VaultSecret, and a look at it when its content is another.
    async fn tell(&self, observed: &Observed, verdict: &Verdict) {
        let object = &observed.object;
        let (Ok(demand), Some(namespace)) = (&observed.demand, object.namespace()) else {
            return;
        };
        let Some(name) = demand.vault_secret() else {
            return;
        };
        let done = verdict.outcome.standing() == Standing::Done;
        if done && matches!(demand, Demand::Rollback { .. }) {
            self.changed.raise(&namespace, name);
        }
        let reference = match &observed.target {
            Ok(Some(target)) => target.object.object_ref(&()),
            Ok(None) | Err(_) => {
                let api: Api<VaultSecret> = Api::namespaced(self.client.clone(), &namespace);
                match api.get_metadata(name).await {
                    Ok(found) => {
                        let mut reference = found.object_ref(&());
                        reference.kind = Some(VaultSecret::kind(&()).into_owned());
                        reference.api_version = Some(VaultSecret::api_version(&()).into_owned());
                        reference
                    }
                    Err(_) => return,
                }
            }
        };
        let note = note(object, verdict);
        if done {
            let reason = done_reason(object.spec.action);
            self.events.changed(&reference, Tone::Normal, reason, &note).await;
        } else {
            self.events
                .warn(&reference, "Request", "RequestRefused", &note)
                .await;
        }
    }
}

fn note(object: &VaultRequest, verdict: &Verdict) -> String {
    let user = object
        .spec
        .requester
        .as_ref()
        .map(|requester| &*requester.username);
    format!(
        "{} asked by {} (VaultRequest {}): {}",
        object.spec.action.as_str(),
        user.unwrap_or("nobody"),
        object.name_any(),
        verdict.message
    )
}

const fn done_reason(action: Asked) -> &'static str {
    match action {
        Asked::Reveal => "Revealed",
        Asked::Rotate => "Rotated",
        Asked::Rollback => "Restored",
        Asked::Reseal => "Resealed",
        Asked::RotateMasterKey
        | Asked::RotateSealingKey
        | Asked::RotateCertificateAuthority
        | Asked::Rewrap
        | Asked::AuditKeys
        | Asked::Prune => "RequestDone",
    }
}

/// Without the object there is no status to write; the log has to do.
fn retry(meta: &Meta, fault: Fault) -> Action {
    tracing::warn!(
        namespace = meta.namespace(),
        request = meta.name_any(),
        %fault,
        "a request cannot be worked on; will try again"
    );
    Action::requeue(SOON)
}
