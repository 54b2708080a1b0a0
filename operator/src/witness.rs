//! The end of the key log, remembered outside the key database: the ConfigMap `splitvault-key-log`. An operator that finds
//! a key database whose log ends before it knows that an older one was put back. Who restores a backup on purpose
//! deletes the ConfigMap.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use splitvault_vault::{LogHead, RotationError, Vault};

use crate::controller::{from_hex, to_hex};
use crate::fault::Fault;

/// The ConfigMap's name.
pub const CONFIG_MAP: &str = "splitvault-key-log";
/// Bounds one try to remember.
const DEADLINE: Duration = Duration::from_secs(10);
const SEQUENCE: &str = "sequence";
const MAC: &str = "mac";

/// Why the key database is not served from.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The API server did not do what it was asked.
    #[error("cannot read or write the ConfigMap {CONFIG_MAP}: {0}")]
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

/// The ConfigMap of one installation.
#[derive(Clone)]
pub struct Witness {
    client: Client,
    namespace: String,
}

impl Witness {
    /// In the operator's own namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
        }
    }

    /// Holds the key database against what is remembered.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing is to be served then.
    pub async fn check(&self, vault: &Vault) -> Result<(), WitnessError> {
        let found = self.api().get_opt(CONFIG_MAP).await;
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

    /// Remembers the end of the key log as it is now; asks and writes nothing when it is remembered already. A cluster
    /// that does not answer is told of in the log and made up for by the next call.
    ///
    /// # Errors
    /// [`RotationError::RolledBack`] when what is remembered is not in the log: it stays as it is then, because what
    /// would be written over it belongs to another database.
    pub async fn remember(&self, vault: &Vault) -> Result<(), RotationError> {
        match self.try_remember(vault).await {
            Ok(()) => Ok(()),
            Err(why @ WitnessError::RolledBack { .. }) => {
                tracing::error!("{why}");
                Err(RotationError::RolledBack)
            }
            Err(why) => {
                tracing::warn!("the end of the key log is not remembered yet: {why}");
                Ok(())
            }
        }
    }

    async fn try_remember(&self, vault: &Vault) -> Result<(), WitnessError> {
        // Whoever calls this renews a lease as well, which must not wait for a connection that went dead.
        let trying = tokio::time::timeout(DEADLINE, self.remember_now(vault));
        trying
            .await
            .unwrap_or(Err(WitnessError::Cluster(Fault::Unavailable)))
    }

    async fn remember_now(&self, vault: &Vault) -> Result<(), WitnessError> {
        let head = vault.log_head().await.map_err(WitnessError::Vault)?;
        if vault.is_witnessed(&head) {
            return Ok(());
        }
        // Another process may have remembered what this database does not have.
        self.check(vault).await?;
        let wanted = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": CONFIG_MAP,
                "namespace": self.namespace,
                "labels": {"app.kubernetes.io/managed-by": crate::MANAGER},
            },
            "data": {SEQUENCE: head.sequence.to_string(), MAC: to_hex(&head.mac)},
        });
        let params = PatchParams::apply(crate::MANAGER).force();
        let written = self.api().patch(CONFIG_MAP, &params, &Patch::Apply(wanted)).await;
        written.map_err(|error| WitnessError::Cluster(error.into()))?;
        vault.witnessed(head);
        Ok(())
    }

    fn api(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
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
        let witness = Witness::new(server.client(), "vault");
        witness.check(&stores.vault).await.unwrap();
        server.asked();
        for _ in 0..2 {
            witness.remember(&stores.vault).await.unwrap();
        }
        assert_eq!(server.asked(), [format!("GET {PATH}"), format!("PATCH {PATH}")]);
        witness.check(&stores.vault).await.unwrap();
        let before = server.object(PATH);
        another_event(&stores.vault).await;
        witness.remember(&stores.vault).await.unwrap();
        assert_ne!(server.object(PATH)["data"], before["data"]);
        // What was remembered then is still in the log: an older memory is fine.
        server.put(PATH, before);
        witness.check(&stores.vault).await.unwrap();
    }

    async fn another_event(vault: &Vault) {
        let now = SystemTime::now();
        assert!(vault.lead(now).await.unwrap());
        vault.rotate_sealing_key(Cause::Requested, now).await.unwrap();
    }

    #[tokio::test]
    async fn an_older_or_another_database_is_not_served_from() {
        let (server, stores) = (Server::default(), stores().await);
        let witness = Witness::new(server.client(), "vault");
        witness.remember(&stores.vault).await.unwrap();
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
            let refused = witness.check(&stores.vault).await.unwrap_err();
            assert_eq!(
                matches!(refused, WitnessError::RolledBack { .. }),
                number < 2,
                "{refused}"
            );
        }
        server.refuse(PATH, 503);
        let refused = witness.check(&stores.vault).await;
        assert!(matches!(refused, Err(WitnessError::Cluster(_))));
    }

    #[tokio::test]
    async fn what_another_process_remembered_is_not_overwritten_by_an_older_database() {
        let (server, stores) = (Server::default(), stores().await);
        let witness = Witness::new(server.client(), "vault");
        witness.remember(&stores.vault).await.unwrap();
        // As of a process that leads over another database, whose log is as long or longer.
        for (field, other) in [("sequence", json!("99")), ("mac", json!("00".repeat(32)))] {
            let mut ahead = server.object(PATH);
            ahead["data"][field] = other;
            server.put(PATH, ahead.clone());
            another_event(&stores.vault).await;
            let refused = witness.remember(&stores.vault).await;
            assert_eq!(refused, Err(RotationError::RolledBack));
            assert_eq!(server.object(PATH), ahead, "{field}");
        }
    }

    #[tokio::test]
    async fn a_cluster_that_does_not_answer_is_made_up_for() {
        let (server, stores) = (Server::default(), stores().await);
        let witness = Witness::new(server.client(), "vault");
        server.refuse(PATH, 503);
        assert_eq!(witness.remember(&stores.vault).await, Ok(()));
        server.relent();
        assert_eq!(server.object(PATH), Value::Null);
        assert_eq!(witness.remember(&stores.vault).await, Ok(()));
        assert_ne!(server.object(PATH), Value::Null);
    }
}
