//! The end of the key log, remembered outside the key database: the ConfigMap `splitvault-key-log`. An operator that finds
//! a key database whose log ends before it knows that an older one was put back. Who restores a backup on purpose
//! deletes the ConfigMap.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use splitvault_vault::{LogHead, RotationError, Vault};

use crate::controller::{from_hex, to_hex};
use crate::fault::Fault;

/// The ConfigMap's name.
pub const CONFIG_MAP: &str = "splitvault-key-log";
const SEQUENCE: &str = "sequence";
const MAC: &str = "mac";

/// Why the key database is not served from.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The API server did not do what it was asked.
    #[error("cannot read the ConfigMap {CONFIG_MAP}: {0}")]
    Cluster(Fault),
    /// Somebody wrote something else into it.
    #[error(
        "the ConfigMap {CONFIG_MAP} does not hold the end of a key log: restore it, or delete it if you know that the \
         key database is the newest one"
    )]
    Malformed,
    /// An older database was put back.
    #[error(
        "the key database is older than the one before: event {sequence} of its key log was seen and is not there. \
         Restore the newer database; if you put this one back on purpose, delete the ConfigMap {CONFIG_MAP} \
         (docs/recovery.md)"
    )]
    RolledBack {
        /// The event that is missing.
        sequence: u64,
    },
    /// The key database did not answer.
    #[error(transparent)]
    Vault(RotationError),
}

/// Holds the key database against what is remembered.
///
/// # Errors
/// [`WitnessError`]; nothing is to be served then.
pub async fn check(client: &Client, namespace: &str, vault: &Vault) -> Result<(), WitnessError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(CONFIG_MAP).await;
    let found = found.map_err(|error| WitnessError::Cluster(error.into()))?;
    let Some(found) = found else { return Ok(()) };
    let remembered = read(&found).ok_or(WitnessError::Malformed)?;
    match vault.check_log(&remembered).await {
        Err(RotationError::RolledBack) => Err(WitnessError::RolledBack {
            sequence: remembered.sequence,
        }),
        checked => checked.map_err(WitnessError::Vault),
    }
}

/// Remembers the end of the key log as it is now; writes nothing when it is remembered already. A failure is told in the
/// log and made up for by the next call.
pub async fn remember(client: &Client, namespace: &str, vault: &Vault) {
    if let Err(why) = try_remember(client, namespace, vault).await {
        tracing::warn!("the end of the key log is not remembered yet: {why}");
    }
}

async fn try_remember(client: &Client, namespace: &str, vault: &Vault) -> Result<(), String> {
    let head = vault.log_head().await.map_err(|error| error.to_string())?;
    if vault.is_witnessed(&head) {
        return Ok(());
    }
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let wanted = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": CONFIG_MAP,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": crate::MANAGER},
        },
        "data": {SEQUENCE: head.sequence.to_string(), MAC: to_hex(&head.mac)},
    });
    let params = PatchParams::apply(crate::MANAGER).force();
    let written = api.patch(CONFIG_MAP, &params, &Patch::Apply(wanted)).await;
    written.map_err(|error| Fault::from(error).to_string())?;
    vault.witnessed(head);
    Ok(())
}

fn read(found: &ConfigMap) -> Option<LogHead> {
    let data = found.data.as_ref()?;
    Some(LogHead {
        sequence: data.get(SEQUENCE)?.parse().ok()?,
        mac: from_hex(data.get(MAC)?)?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::Value;
    use splitvault_vault::Cause;

    use super::*;
    use crate::fixture::{Server, stores};

    const PATH: &str = "/api/v1/namespaces/vault/configmaps/splitvault-key-log";

    #[tokio::test]
    async fn the_end_of_the_log_is_remembered_once_for_each_change() {
        let (server, stores) = (Server::default(), stores().await);
        let client = server.client();
        check(&client, "vault", &stores.vault).await.unwrap();
        server.asked();
        for _ in 0..2 {
            remember(&client, "vault", &stores.vault).await;
        }
        assert_eq!(server.asked(), [format!("PATCH {PATH}")]);
        check(&client, "vault", &stores.vault).await.unwrap();
        let before = server.object(PATH);
        stores.vault.lead(SystemTime::now()).await.unwrap();
        stores
            .vault
            .rotate_sealing_key(Cause::Requested, SystemTime::now())
            .await
            .unwrap();
        remember(&client, "vault", &stores.vault).await;
        assert_ne!(server.object(PATH)["data"], before["data"]);
        // What was remembered then is still in the log: an older memory is fine.
        server.put(PATH, before);
        check(&client, "vault", &stores.vault).await.unwrap();
    }

    #[tokio::test]
    async fn an_older_or_another_database_is_not_served_from() {
        let (server, stores) = (Server::default(), stores().await);
        let client = server.client();
        remember(&client, "vault", &stores.vault).await;
        let good = server.object(PATH);
        let changes: [fn(&mut Value); 5] = [
            |c| c["data"]["sequence"] = json!("99"),
            |c| c["data"]["mac"] = json!("00".repeat(32)),
            |c| c["data"]["mac"] = json!("CANARY"),
            |c| c["data"]["sequence"] = json!("-1"),
            |c| c["data"] = Value::Null,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut other = good.clone();
            change(&mut other);
            server.put(PATH, other);
            let refused = check(&client, "vault", &stores.vault).await.unwrap_err();
            assert_eq!(
                matches!(refused, WitnessError::RolledBack { .. }),
                number < 2,
                "{refused}"
            );
        }
        server.refuse(PATH, 503);
        let refused = check(&client, "vault", &stores.vault).await;
        assert!(matches!(refused, Err(WitnessError::Cluster(_))));
    }
}
