//! Two chores at the value store: removing what nothing points to, and asking whether it is there at all.

use std::sync::Arc;
use std::time::Duration;

use splitvault_values::ValueStore;
use splitvault_vault::Vault;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Between two sweeps.
const SWEEP: Duration = Duration::from_secs(10 * 60);
/// The first sweep comes soon, because the last process may have been killed in a write.
const FIRST_SWEEP: Duration = Duration::from_secs(30);
/// Between two questions whether the store is there.
const PROBE: Duration = Duration::from_secs(10);

/// Removes orphans, what crashes and failed writes left behind, until `shutdown`.
pub async fn run(vault: Arc<Vault>, metrics: Metrics, shutdown: CancellationToken) {
    let sweeping = async {
        tokio::time::sleep(FIRST_SWEEP).await;
        loop {
            sweep(&vault, &metrics).await;
            tokio::time::sleep(SWEEP).await;
        }
    };
    shutdown.run_until_cancelled(sweeping).await;
}

async fn sweep(vault: &Vault, metrics: &Metrics) {
    match vault.sweep().await {
        Ok(swept) => {
            let removed = u64::try_from(swept.removed).unwrap_or(u64::MAX);
            if removed > 0 {
                tracing::info!(removed, "removed orphans from the value store");
            }
            metrics.swept("Done", removed);
        }
        Err(error) => {
            tracing::warn!("orphans stay for now: {error}");
            metrics.swept(error.reason(), 0);
        }
    }
}

/// Keeps `splitvault_store_up` up to date until `shutdown`.
pub async fn probe(values: Arc<dyn ValueStore>, metrics: Metrics, shutdown: CancellationToken) {
    let probing = async {
        let mut was_up = None;
        loop {
            let answer = values.list(None, 1).await;
            metrics.store_up(answer.is_ok());
            if was_up != Some(answer.is_ok()) {
                was_up = Some(answer.is_ok());
                match answer {
                    Ok(_) => tracing::info!("the value store answers"),
                    Err(error) => tracing::warn!("the value store does not answer: {error}"),
                }
            }
            tokio::time::sleep(PROBE).await;
        }
    };
    shutdown.run_until_cancelled(probing).await;
}
