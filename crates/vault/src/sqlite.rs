//! The key database on SQLite: one file, one writer, a few readers.
//!
//! The file is opened as the value database is: write-ahead log, full synchronization, deleted bytes overwritten, also in
//! the log, which is truncated a moment after a change. Whoever changes several tables does it in one transaction.

mod commit;
mod event;
mod life;
mod read;
mod recovery;
mod root;
mod schema;
mod stale;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use splitvault_crypto::{Id, KeyId};
use splitvault_values::sqlite::{Janitor, Pools, checkpoint, classify};
use sqlx::SqlitePool;

pub use splitvault_values::sqlite::OpenError;

use crate::keys::{Commit, Head, KeyStore, KeyStoreError, Quarantined, Revision, Row, Stale, Standing};

/// How long a checkpoint waits for readers.
const PATIENCE: Duration = Duration::from_secs(5);

/// The key database in an SQLite file. Shared through an `Arc`.
#[derive(Debug)]
pub struct SqliteKeys {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    janitor: Janitor,
}

impl SqliteKeys {
    /// Opens the database at `path`, or makes it (the directory must be there).
    ///
    /// # Errors
    /// Anything else at that path is refused untouched: see [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let Pools { writer, readers } = schema::SCHEMA.open(path).await?;
        let janitor = Janitor::start(writer.clone());
        Ok(Self {
            path: path.to_owned(),
            writer,
            readers,
            janitor,
        })
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for what is running, checkpoints and closes. Later calls get [`KeyStoreError::Unavailable`].
    pub async fn close(&self) {
        self.janitor.stop();
        self.readers.close().await;
        if let Err(error) = checkpoint(&self.writer).await.map_err(key_store_error) {
            tracing::warn!(reason = error.label(), "write-ahead log not truncated on close");
        }
        self.writer.close().await;
    }
}

#[async_trait]
impl KeyStore for SqliteKeys {
    async fn standing(&self, uid: &str) -> Result<Standing, KeyStoreError> {
        read::standing(&self.readers, uid).await
    }

    async fn current(&self, uid: &str) -> Result<Option<(Head, Vec<Row>)>, KeyStoreError> {
        read::current(&self.readers, uid).await
    }

    async fn revision(&self, environment: Id, revision: u64) -> Result<Option<Revision>, KeyStoreError> {
        let mut snapshot = self.readers.begin().await.map_err(key_store_error)?;
        let Some(manifest) = read::manifest(&mut snapshot, environment, revision).await? else {
            return Ok(None);
        };
        let rows = read::rows(&mut snapshot, environment, revision).await?;
        Ok(Some(Revision { manifest, rows }))
    }

    async fn revisions(&self, environment: Id) -> Result<Vec<u64>, KeyStoreError> {
        read::revisions(&self.readers, environment).await
    }

    async fn uids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, KeyStoreError> {
        sqlx::query_scalar("SELECT uid FROM environment WHERE uid > ?1 ORDER BY uid LIMIT ?2")
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(key_store_error)
    }

    async fn stale_revisions(
        &self,
        uid: &str,
        names: KeyId,
        values: KeyId,
        limit: u32,
    ) -> Result<Option<Stale>, KeyStoreError> {
        let mut snapshot = self.readers.begin().await.map_err(key_store_error)?;
        let Some(head) = read::head(&mut snapshot, uid).await? else {
            return Ok(None);
        };
        Ok(Some(Stale {
            fence: read::fence(&mut snapshot).await?,
            revisions: stale::revisions(&mut snapshot, head.environment, names, values, limit).await?,
            head,
        }))
    }

    async fn commit_all(&self, commits: &[Commit]) -> Result<Vec<Result<(), KeyStoreError>>, KeyStoreError> {
        let outcomes = commit::commit_all(&self.writer, commits).await?;
        if commits.iter().any(|commit| commit.expected.is_some()) {
            self.janitor.call();
        }
        Ok(outcomes)
    }

    async fn stale(&self, names: KeyId, values: KeyId, limit: u32) -> Result<Vec<String>, KeyStoreError> {
        stale::uids(&self.readers, names, values, limit).await
    }

    async fn progress(&self, names: KeyId, values: KeyId) -> Result<(u64, u64), KeyStoreError> {
        stale::progress(&self.readers, names, values).await
    }

    async fn distrust(&self) -> Result<u64, KeyStoreError> {
        stale::distrust(&self.writer).await
    }

    async fn quarantine(&self, environment: Id, revision: u64) -> Result<(), KeyStoreError> {
        stale::quarantine(&self.writer, environment, revision).await
    }

    async fn release(&self) -> Result<(), KeyStoreError> {
        stale::release(&self.writer).await
    }

    async fn quarantined(&self, uid: Option<&str>, limit: u32) -> Result<Vec<Quarantined>, KeyStoreError> {
        stale::quarantined(&self.readers, uid, limit).await
    }

    async fn remove(&self, environment: Id, writes: u64) -> Result<(), KeyStoreError> {
        commit::remove(&self.writer, environment, writes).await?;
        self.janitor.call();
        Ok(())
    }

    async fn raise_fence(&self) -> Result<(), KeyStoreError> {
        sqlx::query("UPDATE installation SET fence = fence + 1")
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(key_store_error)
    }
}

/// Moves the write-ahead log into the database and truncates it; a reader may be in the way for a moment.
async fn checkpoint_patiently(writer: &SqlitePool) -> Result<(), KeyStoreError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match checkpoint(writer).await {
            Err(sqlx::Error::PoolTimedOut) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done.map_err(key_store_error),
        }
    }
}

/// Maps what a statement came back with; anything but an everyday refusal is logged here, where it is known.
fn key_store_error(error: sqlx::Error) -> KeyStoreError {
    let mapped = KeyStoreError::of(classify(&error));
    if !matches!(error, sqlx::Error::PoolClosed) {
        // SQLite's messages name tables and codes, never content; all content is bound, not spelled.
        tracing::warn!(reason = mapped.label(), %error, "key database");
    }
    mapped
}

#[cfg(test)]
mod tests;
