//! The key database in memory.

mod kept;
mod life;

use std::sync::Mutex;

use async_trait::async_trait;
use splitvault_crypto::{Id, KeyId};

use super::{lock, turn};
use crate::keys::{
    Commit, Head, KeyStore, KeyStoreError, Quarantined, Revision, Row, Stale, Standing, WrappedKey,
};
use kept::Kept;

/// A key database in memory. Shared through an `Arc`.
#[derive(Debug, Default)]
pub struct MemoryKeys(Mutex<Kept>);

impl MemoryKeys {
    /// All keys, as they are now.
    pub fn keys(&self) -> Vec<WrappedKey> {
        lock(&self.0).keys.clone()
    }

    /// Every envelope of names that is kept, in no particular order.
    pub fn envelopes(&self) -> Vec<Vec<u8>> {
        lock(&self.0).envelopes()
    }

    /// How many rows are kept, so how many values are claimed.
    pub fn rows(&self) -> usize {
        lock(&self.0).rows()
    }

    /// How many changes were made.
    pub fn changes(&self) -> u64 {
        lock(&self.0).changes
    }

    async fn look<T>(&self, look: impl FnOnce(&Kept) -> T + Send) -> Result<T, KeyStoreError> {
        turn().await;
        Ok(look(&lock(&self.0)))
    }

    /// Makes a change as a whole or, after an error, not at all.
    async fn transact<T>(
        &self,
        change: impl FnOnce(&mut Kept) -> Result<T, KeyStoreError> + Send,
    ) -> Result<T, KeyStoreError> {
        turn().await;
        let mut kept = lock(&self.0);
        let mut changed = kept.clone();
        let answer = change(&mut changed)?;
        changed.changes += 1;
        *kept = changed;
        Ok(answer)
    }
}

#[async_trait]
impl KeyStore for MemoryKeys {
    async fn standing(&self, uid: &str) -> Result<Standing, KeyStoreError> {
        let standing = |kept: &Kept| Standing {
            fence: kept.fence,
            head: kept.head(uid),
        };
        self.look(standing).await
    }

    async fn current(&self, uid: &str) -> Result<Option<(Head, Vec<Row>)>, KeyStoreError> {
        let current = |kept: &Kept| {
            let head = kept.head(uid)?;
            let rows = kept
                .revision(head.environment, head.revision)
                .map(|found| found.rows);
            Some((head, rows.unwrap_or_default()))
        };
        self.look(current).await
    }

    async fn revision(&self, environment: Id, revision: u64) -> Result<Option<Revision>, KeyStoreError> {
        self.look(|kept| kept.revision(environment, revision)).await
    }

    async fn revisions(&self, environment: Id) -> Result<Vec<u64>, KeyStoreError> {
        self.look(|kept| kept.revisions(environment)).await
    }

    async fn uids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, KeyStoreError> {
        self.look(|kept| kept.uids(after, limit as usize)).await
    }

    async fn stale_revisions(
        &self,
        uid: &str,
        names: KeyId,
        values: KeyId,
        limit: u32,
    ) -> Result<Option<Stale>, KeyStoreError> {
        let stale = |kept: &Kept| {
            let head = kept.head(uid)?;
            let mut revisions = kept.stale_revisions(head.environment, names, values);
            revisions.truncate(limit as usize);
            Some(Stale {
                fence: kept.fence,
                head,
                revisions,
            })
        };
        self.look(stale).await
    }

    async fn commit_all(&self, commits: &[Commit]) -> Result<Vec<Result<(), KeyStoreError>>, KeyStoreError> {
        self.transact(|kept| commits.iter().map(|commit| kept.commit(commit)).collect())
            .await
    }

    async fn stale(&self, names: KeyId, values: KeyId, limit: u32) -> Result<Vec<String>, KeyStoreError> {
        let stale = |kept: &Kept| {
            let mut stale = kept.stale(names, values, false);
            stale.truncate(limit as usize);
            stale
        };
        self.look(stale).await
    }

    async fn progress(&self, names: KeyId, values: KeyId) -> Result<(u64, u64), KeyStoreError> {
        let progress = |kept: &Kept| {
            let stale = kept.stale(names, values, true);
            (kept.environments.len() as u64, stale.len() as u64)
        };
        self.look(progress).await
    }

    async fn distrust(&self) -> Result<u64, KeyStoreError> {
        self.transact(|kept| Ok(kept.distrust())).await
    }

    async fn quarantine(&self, environment: Id, revision: u64) -> Result<(), KeyStoreError> {
        self.transact(|kept| {
            kept.quarantine(environment, revision);
            Ok(())
        })
        .await
    }

    async fn release(&self) -> Result<(), KeyStoreError> {
        self.transact(|kept| {
            kept.release();
            Ok(())
        })
        .await
    }

    async fn quarantined(&self, uid: Option<&str>, limit: u32) -> Result<Vec<Quarantined>, KeyStoreError> {
        self.look(|kept| kept.quarantined(uid, limit as usize)).await
    }

    async fn remove(&self, environment: Id, writes: u64) -> Result<(), KeyStoreError> {
        self.transact(|kept| {
            let found = kept.environments.get(&environment);
            found
                .filter(|found| found.writes == writes)
                .ok_or(KeyStoreError::Conflict)?;
            kept.environments.remove(&environment);
            Ok(())
        })
        .await
    }

    async fn raise_fence(&self) -> Result<(), KeyStoreError> {
        self.transact(|kept| {
            kept.fence += 1;
            Ok(())
        })
        .await
    }
}
