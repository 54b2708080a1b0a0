//! Two chores at the value store: removing what nothing points to, and asking whether it is there at all.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{ApiResource, ListParams, NotUsed, Object};
use kube::{Api, Client};
use splitvault_api::{VaultSecret, VaultSecretStatus};
use splitvault_values::ValueStore;
use splitvault_vault::{ReadError, Vault};
use tokio_util::sync::CancellationToken;

use crate::controller::remembered;
use crate::fault::Fault;
use crate::metrics::Metrics;

/// Between two sweeps.
const SWEEP: Duration = Duration::from_secs(10 * 60);
/// The first sweep comes soon, because the last process may have been killed in a write.
const FIRST_SWEEP: Duration = Duration::from_secs(30);
/// VaultSecrets on one page; each may hold a payload of a megabyte, which arrives though it is not kept.
const PAGE: u32 = 8;
/// Between two questions whether the store is there.
const PROBE: Duration = Duration::from_secs(10);

/// Removes orphans, what crashes and failed writes left behind, until `shutdown`.
pub async fn run(client: Client, vault: Arc<Vault>, metrics: Metrics, shutdown: CancellationToken) {
    let sweeping = async {
        tokio::time::sleep(FIRST_SWEEP).await;
        // In a database that was put back, values of newer revisions look like orphans: first every object is held
        // against its status, once for each process, because a database does not go back under a running one.
        while let Err(why) = check(&client, &vault).await {
            tracing::warn!("orphans stay for now: {why}");
            tokio::time::sleep(FIRST_SWEEP).await;
        }
        loop {
            sweep(&vault, &metrics).await;
            tokio::time::sleep(SWEEP).await;
        }
    };
    shutdown.run_until_cancelled(sweeping).await;
}

/// A VaultSecret without its spec: payloads are not needed here.
type Slim = Object<NotUsed, VaultSecretStatus>;

/// Why not every object was held against its status.
#[derive(Debug, thiserror::Error)]
enum Unchecked {
    #[error("VaultSecrets cannot be listed: {0}")]
    Cluster(Fault),
    #[error(transparent)]
    Vault(ReadError),
}

async fn check(client: &Client, vault: &Vault) -> Result<(), Unchecked> {
    let api: Api<Slim> = Api::all_with(client.clone(), &ApiResource::erase::<VaultSecret>(&()));
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let found = api.list(&page).await;
        let found = found.map_err(|error| Unchecked::Cluster(error.into()))?;
        for object in &found.items {
            let status = object.status.as_ref().and_then(remembered);
            let (Some(uid), Some((revision, digest))) = (&object.metadata.uid, status) else {
                continue;
            };
            // What is found is remembered by the vault, and told to people by the controller.
            if let Err(error) = vault.check(uid, revision, &digest).await
                && error.is_transient()
            {
                return Err(Unchecked::Vault(error));
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use splitvault_vault::SweepError;

    use super::*;
    use crate::fixture::{Server, stores};

    #[tokio::test]
    async fn nothing_is_swept_while_the_database_is_older_than_a_status() {
        let (server, stores) = (Server::default(), stores().await);
        let orphan = vec![bytes::Bytes::from_static(b"an orphan")];
        stores.values.put(orphan).await.unwrap();
        let status = json!({"revision": 7, "digest": "00".repeat(32), "conditions": [], "history": []});
        let object = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1"},
            "spec": {"of": ["a later version"]},
            "status": status,
        });
        let path = "/apis/splitvault.dev/v1alpha1/vaultsecrets";
        server.put(path, json!({"metadata": {}, "items": [object]}));
        check(&server.client(), &stores.vault).await.unwrap();
        let swept = stores.vault.sweep().await;
        assert_eq!(swept, Err(SweepError::Suspended { environments: 1 }));
        server.refuse(path, 500);
        assert!(check(&server.client(), &stores.vault).await.is_err());
    }
}
