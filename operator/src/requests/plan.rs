//! What is to be done about one VaultRequest, decided from what was observed. Pure.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use splitvault_api::{Begun, Demand, Standing, VaultRequest, VaultRequestStatus, VaultSecret};

use super::{Failure, PATIENCE};

/// What was observed; nothing was changed yet.
#[derive(Debug)]
pub(super) struct Observed {
    /// The request, as the API server has it.
    pub(super) object: VaultRequest,
    /// When.
    pub(super) now: Timestamp,
    /// What it asks for.
    pub(super) demand: Result<Demand, Failure>,
    /// Whether its stamp is believed.
    pub(super) vouched: Result<(), Failure>,
    /// Whether the requester may have it done.
    pub(super) allowed: Result<(), Failure>,
    /// The VaultSecret that it is about, if it is about one.
    pub(super) target: Result<Option<Target>, Failure>,
}

/// A VaultSecret, and what is stored for it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) uid: String,
    pub(super) object: VaultSecret,
    /// The revision now.
    pub(super) revision: u64,
    /// How many earlier ones are kept.
    pub(super) history: usize,
    /// The revision whose content this one has, when it came by a rollback.
    pub(super) restored_from: Option<u64>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: it is on its way out.
    Forget,
    /// Delete it: it was answered long enough ago.
    Delete,
    /// Nothing for so long: it is answered.
    Stay(Duration),
    /// Say why it is not done.
    Stop(Failure),
    /// Write down that the work begins, at this revision.
    Begin(u64),
    /// Do it.
    Do,
    /// Say that it was done: this is the revision that came of it.
    Finish(u64),
}

impl Observed {
    /// Where the vault was when the work began.
    pub(super) fn base(&self) -> Option<u64> {
        let status = self.object.status.as_ref()?;
        u64::try_from(status.base_revision?).ok()
    }

    /// The keys that were made for it.
    pub(super) fn begun(&self) -> &[Begun] {
        self.object.status.as_ref().map_or(&[], |status| &status.begun)
    }

    /// One that nothing more has to be known about.
    pub(super) fn settled(object: VaultRequest, now: Timestamp) -> Self {
        Self {
            object,
            now,
            demand: Err(Failure::NotSupported),
            vouched: Ok(()),
            allowed: Ok(()),
            target: Ok(None),
        }
    }
}

/// Decides. Nothing is done for a request that nobody vouches for, and what was done is told whatever happened since.
pub(super) fn plan(observed: &Observed) -> Step {
    let object = &observed.object;
    if object.metadata.deletion_timestamp.is_some() {
        return Step::Forget;
    }
    let status = object.status.as_ref();
    if let Some(status) = status.filter(|status| status.is_over()) {
        return stay(status, observed.now);
    }
    if let Err(failure) = &observed.vouched {
        return Step::Stop(failure.clone());
    }
    let demand = match &observed.demand {
        Ok(demand) => demand,
        Err(failure) => return Step::Stop(failure.clone()),
    };
    if !observed.begun().is_empty() {
        return Step::Do;
    }
    let base = observed.base();
    if let (Some(base), Demand::Rollback { revision, .. }) = (base, demand) {
        match &observed.target {
            // Whether it was done shows there only.
            Err(failure @ (Failure::Store(_) | Failure::Cluster(_))) => return Step::Stop(failure.clone()),
            Ok(Some(target)) if was_done(target, base, *revision) => return Step::Finish(target.revision),
            Ok(Some(target)) if target.revision != base => {
                return Step::Stop(Failure::Conflict(target.revision));
            }
            Ok(_) | Err(_) => {}
        }
    }
    open(observed, demand, base)
}

/// Whether the rollback to `revision` that began at `base` is what made the current revision.
fn was_done(target: &Target, base: u64, revision: u64) -> bool {
    target.revision == base + 1 && target.restored_from == Some(revision)
}

fn open(observed: &Observed, demand: &Demand, base: Option<u64>) -> Step {
    let failed = observed.allowed.as_ref().err().or(observed.target.as_ref().err());
    let waited = waited(&observed.object, observed.now);
    // Of a key that may have been made only the key log tells.
    let may_be_done = base.is_some() && demand.vault_secret().is_none();
    if waited > PATIENCE
        && !may_be_done
        && failed.is_none_or(|failure| failure.outcome().standing() == Standing::Open)
    {
        return Step::Stop(Failure::Expired {
            minutes: PATIENCE.as_mins(),
            because: failed.map(|failure| format!(" ({failure})")).unwrap_or_default(),
        });
    }
    if let Some(failure) = failed {
        return Step::Stop(failure.clone());
    }
    match (demand, &observed.target) {
        (Demand::Rollback { vault_secret, .. }, Ok(Some(target)))
            if target.object.spec.suspend == Some(true) =>
        {
            Step::Stop(Failure::Suspended(vault_secret.clone()))
        }
        (Demand::Rollback { revision, .. }, Ok(Some(target))) if target.revision == *revision => {
            Step::Finish(*revision)
        }
        (Demand::Rollback { .. } | Demand::Rotate { .. }, Ok(Some(target))) if base.is_none() => {
            Step::Begin(target.revision)
        }
        _ => Step::Do,
    }
}

fn waited(object: &VaultRequest, now: Timestamp) -> SignedDuration {
    let created = object.metadata.creation_timestamp.as_ref();
    created.map_or(SignedDuration::ZERO, |created| now.duration_since(created.0))
}

fn stay(status: &VaultRequestStatus, now: Timestamp) -> Step {
    let until = |until: &Time| until.0.duration_since(now);
    let left = status.expires_at.as_ref().map_or(SignedDuration::ZERO, until);
    match Duration::try_from(left) {
        Ok(left) if !left.is_zero() => Step::Stay(left),
        _ => Step::Delete,
    }
}

#[cfg(test)]
mod tests;
