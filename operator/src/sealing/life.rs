//! The life of sealing keys: replaced at their age or when asked, and destroyed when nobody needs them any more.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kube::Client;
use splitvault_crypto::KeyId;
use splitvault_vault::{Cause, KeyLine, Ring, RotationError, Vault};
use tokio::sync::Notify;

use super::pace::{Due, Line, Pace, due};
use super::usage::needed;
use crate::fault::Fault;

/// Between two searches for objects that need a key which would otherwise go.
const SEARCH: Duration = Duration::from_secs(60 * 60);

/// Why sealing keys are not looked after.
#[derive(Debug, thiserror::Error)]
pub enum LifeError {
    /// Another replica looks after them.
    #[error("another replica leads the rotation of keys")]
    NotLeader,
    /// The key database, or what wraps its keys, does not do what it is asked.
    #[error("the sealing keys cannot be looked after: {0}")]
    Keys(#[from] RotationError),
    /// Whether anybody needs a key is not known.
    #[error("an old sealing key stays for now: VaultSecrets cannot be listed: {0}")]
    Cluster(Fault),
}

/// Looks after sealing keys; cheap to clone.
#[derive(Clone)]
pub struct Life {
    client: Client,
    vault: Arc<Vault>,
    pace: Pace,
    wake: Arc<Notify>,
}

impl Life {
    /// Nothing is done yet.
    pub fn new(client: Client, vault: Arc<Vault>, pace: Pace) -> Self {
        Self {
            client,
            vault,
            pace,
            wake: Arc::default(),
        }
    }

    /// Makes a new current key at once, for whoever may ask for one. What was sealed before still opens.
    ///
    /// # Errors
    /// [`LifeError`]; only the leader may.
    pub async fn renew(&self, now: SystemTime) -> Result<KeyId, LifeError> {
        self.lead(now).await?;
        let id = self.vault.rotate_sealing_key(Cause::Requested, now).await?;
        tracing::info!(key = %id, "a new sealing key was asked for");
        self.wake.notify_one();
        Ok(id)
    }

    /// Until a new key was asked for.
    pub async fn renewed(&self) {
        self.wake.notified().await;
    }

    /// Does what is due; answers when the current key became that. `searched` is when the cluster was last searched for
    /// keys that are needed.
    ///
    /// # Errors
    /// [`LifeError`]; what is due stays due.
    pub async fn tend(
        &self,
        searched: &mut Option<SystemTime>,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, LifeError> {
        let lines = self.lines().await?;
        let made = lines.first().map(|line| line.activated);
        match due(&lines, now, &self.pace) {
            Due::Nothing => Ok(made),
            Due::Renewal => {
                self.lead(now).await?;
                let id = self.vault.rotate_sealing_key(Cause::Age, now).await?;
                tracing::info!(key = %id, "the sealing key was replaced at its age");
                Ok(Some(now))
            }
            Due::Farewell(idle) => {
                let past = |then: SystemTime| now.duration_since(then).is_ok_and(|gone| gone >= SEARCH);
                if searched.is_none_or(past) {
                    self.lead(now).await?;
                    *searched = Some(now);
                    self.take_leave(&idle, now).await?;
                }
                Ok(made)
            }
        }
    }

    async fn lead(&self, now: SystemTime) -> Result<(), LifeError> {
        let leads = self.vault.lead(now).await?;
        leads.then_some(()).ok_or(LifeError::NotLeader)
    }

    /// The current one first, then those before it, the newest first.
    async fn lines(&self) -> Result<Vec<Line>, LifeError> {
        let lines = self.vault.key_lines(Ring::Sealing).await?;
        let line = |line: &KeyLine| Line {
            id: line.id,
            activated: SystemTime::UNIX_EPOCH + Duration::from_millis(line.activated),
        };
        Ok(lines.iter().rev().map(line).collect())
    }

    async fn take_leave(&self, idle: &[KeyId], now: SystemTime) -> Result<(), LifeError> {
        let needed = needed(&self.client).await.map_err(LifeError::Cluster)?;
        for id in idle.iter().filter(|id| !needed.contains(&id.to_string())) {
            self.vault.destroy_sealing_key(*id, now).await?;
            tracing::info!(key = %id, "destroyed a sealing key that nothing in the cluster needs");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
