//! Doing what a request asks for. Plaintext lives in [`reveal`] and [`reseal`] only.

mod keys;
mod prune;
mod reseal;
mod reveal;
mod stage;
mod trail;

use kube::ResourceExt as _;
use splitvault_api::{Demand, Outcome, Progress};

use super::plan::{Observed, Target};
use super::status::{Said, Verdict};
use super::{Context, Failure};

/// What is kept when a VaultSecret does not say, as [`splitvault_api::Desired`] has it.
const HISTORY: usize = 5;

/// The work begins: what has to be known after a crash.
pub(super) fn begin(observed: &Observed, revision: u64) -> Verdict {
    let kept = observed.target.as_ref().ok().and_then(Option::as_ref);
    let total = kept.map_or(1, |target| target.history + 1);
    let state = match &observed.demand {
        Ok(Demand::Rotate { .. }) => "Encrypting",
        Ok(_) | Err(_) => "Restoring",
    };
    let said = Said {
        base_revision: Some(revision),
        progress: Some(progress(0, total, state)),
        ..Said::default()
    };
    Verdict::new(
        Outcome::Progressing,
        format!("begun at revision {revision}"),
        said,
    )
}

/// What was asked for is there.
pub(super) fn finish(observed: &Observed, revision: u64) -> Verdict {
    let asked = observed.demand.as_ref().ok();
    let message = match asked {
        Some(Demand::Rollback { revision: to, .. }) if *to == revision => {
            format!("revision {revision} is the current one already")
        }
        Some(Demand::Rollback { revision: to, .. }) => restored(revision, *to),
        Some(_) | None => "done".to_owned(),
    };
    let said = Said {
        revision: Some(revision),
        progress: Some(progress(1, 1, "Done")),
        ..Said::default()
    };
    Verdict::new(Outcome::Done, message, said)
}

impl Context {
    pub(super) async fn act(&self, observed: &Observed) -> Result<Verdict, Failure> {
        let demand = observed.demand.as_ref().map_err(Clone::clone)?;
        match demand {
            Demand::Reveal {
                revision, public_key, ..
            } => {
                let uid = observed.object.uid().unwrap_or_default();
                self.reveal(target(observed)?, *revision, public_key, &uid).await
            }
            Demand::Rotate { .. } => self.rotate(target(observed)?).await,
            Demand::Rollback { revision, .. } => self.rollback(target(observed)?, *revision).await,
            Demand::Reseal { .. } => self.reseal(target(observed)?).await,
            Demand::RotateMasterKey(rings) => self.rotate_masters(observed, *rings).await,
            Demand::RotateSealingKey => self.rotate_sealing(observed).await,
            Demand::RotateCertificateAuthority => self.rotate_authority().await,
            Demand::Rewrap => self.rewrap().await,
            Demand::Prune { dry_run } => self.prune(*dry_run).await,
            Demand::AuditKeys { public_key } => {
                let uid = observed.object.uid().unwrap_or_default();
                self.audit_keys(public_key, &uid).await
            }
        }
    }

    async fn rotate(&self, target: &Target) -> Result<Verdict, Failure> {
        let revisions = self.vault.reseal(&target.uid).await?.revisions;
        let earlier = revisions.saturating_sub(1);
        let message = match earlier {
            0 => format!("revision {} is encrypted anew", target.revision),
            1 => format!(
                "revision {} and an earlier one are encrypted anew",
                target.revision
            ),
            _ => format!(
                "revision {} and {earlier} earlier ones are encrypted anew",
                target.revision
            ),
        };
        let said = Said {
            revision: Some(target.revision),
            progress: Some(progress(revisions, revisions, "Done")),
            ..Said::default()
        };
        Ok(Verdict::new(Outcome::Done, message, said))
    }

    async fn rollback(&self, target: &Target, revision: u64) -> Result<Verdict, Failure> {
        let limit = target.object.spec.history_limit;
        let limit = limit.map_or(HISTORY, |limit| usize::try_from(limit).unwrap_or(HISTORY));
        let written = self.vault.rollback(&target.uid, revision, limit).await?;
        let said = Said {
            revision: Some(written.revision),
            progress: Some(progress(1, 1, "Done")),
            ..Said::default()
        };
        Ok(Verdict::new(
            Outcome::Done,
            restored(written.revision, revision),
            said,
        ))
    }
}

fn target(observed: &Observed) -> Result<&Target, Failure> {
    let target = observed.target.as_ref().map_err(Clone::clone)?;
    target
        .as_ref()
        .ok_or_else(|| Failure::Internal("a request without a VaultSecret".to_owned()))
}

fn restored(revision: u64, from: u64) -> String {
    format!("revision {revision} has the content of revision {from}")
}

fn progress(done: usize, total: usize, state: &str) -> Progress {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Progress {
        done: number(done),
        total: number(total),
        state: state.to_owned(),
    }
}
