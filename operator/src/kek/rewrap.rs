//! Keys follow their provider: to a new key of a KMS, and from a former provider to the one that wraps now.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::future::select_all;
use splitvault_kms::Health;
use splitvault_vault::{RotationError, Vault};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Providers;

/// Between two looks when no plugin has news.
const LOOK: Duration = Duration::from_secs(600);
/// The shortest time between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// The same after a failure, and while another replica leads.
const AGAIN: Duration = Duration::from_secs(30);

/// Wraps anew whatever is not under what its ring's provider wraps with now, until told to stop.
pub async fn run(vault: Arc<Vault>, providers: Providers, shutdown: CancellationToken) {
    let following = follow(&vault, providers.healths());
    shutdown.run_until_cancelled(following).await;
}

async fn follow(vault: &Vault, mut healths: Vec<watch::Receiver<Health>>) {
    let mut told = None;
    loop {
        let result = rewrap(vault).await;
        let reason = result.as_ref().err().map(RotationError::reason);
        let done = matches!(result, Ok(Some(_)));
        match result {
            Ok(None | Some(0)) => {}
            Ok(Some(keys)) => {
                tracing::info!(keys, "rewrapped: every key is under its provider's current key")
            }
            Err(_) if told == reason => {}
            Err(error) => tracing::error!("cannot rewrap: {error}; the keys stay in use, will try again"),
        }
        told = reason;
        if done {
            tokio::time::sleep(PAUSE).await;
            news(&mut healths).await;
        } else {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Until a plugin has news, or it is time to look anyway.
async fn news(healths: &mut [watch::Receiver<Health>]) {
    let changes: Vec<_> = healths
        .iter_mut()
        .map(|health| Box::pin(health.changed()))
        .collect();
    if changes.is_empty() {
        tokio::time::sleep(LOOK).await;
    } else {
        let _elapsed = tokio::time::timeout(LOOK, select_all(changes)).await;
    }
}

/// How many keys were wrapped anew; `None` while there are some and another replica leads.
async fn rewrap(vault: &Vault) -> Result<Option<usize>, RotationError> {
    if vault.wrapped_under_former().await? == 0 {
        return Ok(Some(0));
    }
    match vault.rewrap(SystemTime::now()).await {
        Err(RotationError::NotLeader) => Ok(None),
        done => done.map(Some),
    }
}

#[cfg(test)]
mod tests;
