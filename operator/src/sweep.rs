//! Two chores at the value store: removing what nothing points to, and asking whether it is there at all.

use std::sync::Arc;
use std::time::Duration;

use kube::api::ListParams;
use kube::{Api, Client};
use splitvault_api::VaultSecret;
use splitvault_values::ValueStore;
use splitvault_vault::Vault;
use tokio_util::sync::CancellationToken;

use crate::controller::remembered;
use crate::fault::Fault;
use crate::metrics::Metrics;

/// Between two sweeps.
const SWEEP: Duration = Duration::from_secs(10 * 60);
/// The first sweep comes soon, because the last process may have been killed in a write.
const FIRST_SWEEP: Duration = Duration::from_secs(30);
/// VaultSecrets on one page; each may hold a payload of a megabyte.
const PAGE: u32 = 50;
/// Between two questions whether the store is there.
const PROBE: Duration = Duration::from_secs(10);

/// Removes orphans, what crashes and failed writes left behind, until `shutdown`.
pub async fn run(client: Client, vault: Arc<Vault>, metrics: Metrics, shutdown: CancellationToken) {
    let sweeping = async {
        tokio::time::sleep(FIRST_SWEEP).await;
        // In a database that was put back, values of newer revisions look like orphans: first every object is held
        // against its status, once for each process, because a database does not go back under a running one.
        while let Err(fault) = check(&client, &vault).await {
            tracing::warn!(%fault, "orphans stay for now: VaultSecrets cannot be listed");
            tokio::time::sleep(FIRST_SWEEP).await;
        }
        loop {
            sweep(&vault, &metrics).await;
            tokio::time::sleep(SWEEP).await;
        }
    };
    shutdown.run_until_cancelled(sweeping).await;
}

async fn check(client: &Client, vault: &Vault) -> Result<(), Fault> {
    let api: Api<VaultSecret> = Api::all(client.clone());
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let found = api.list(&page).await?;
        for object in &found.items {
            if let (Some(uid), Some((revision, digest))) = (&object.metadata.uid, remembered(object)) {
                // What is found is remembered by the vault, and told to people by the controller.
                let _told = vault.check(uid, revision, &digest).await;
            }
        }
        match found.metadata.continue_ {
            Some(next) if !next.is_empty() => page.continue_token = Some(next),
            _ => return Ok(()),
        }
    }
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
            metrics.swept(error.reason().as_str(), 0);
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
