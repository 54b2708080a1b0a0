//! The key database on SQLite: one file, one writer, a few readers.
//!
//! The file is opened as the value database is: write-ahead log, full synchronization, deleted bytes overwritten, also in
//! the log, which is truncated a moment after a change. Whoever changes several tables does it in one transaction.

mod commit;
mod read;
mod root;
mod schema;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use splitvault_crypto::Id;
use splitvault_values::sqlite::{Janitor, Pools, checkpoint, classify};
use sqlx::SqlitePool;

pub use splitvault_values::sqlite::OpenError;

use crate::keys::{Commit, Head, KeyStore, KeyStoreError, Revision, Root, Row, Standing};

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

    /// Moves the write-ahead log into the database and truncates it. Happens by itself within seconds of a change.
    ///
    /// # Errors
    /// [`KeyStoreError::Unavailable`] while a reader is in the way.
    pub async fn checkpoint(&self) -> Result<(), KeyStoreError> {
        checkpoint(&self.writer).await.map_err(key_store_error)
    }

    /// Waits for what is running, checkpoints and closes. Later calls get [`KeyStoreError::Unavailable`].
    pub async fn close(&self) {
        self.janitor.stop();
        self.readers.close().await;
        if let Err(error) = self.checkpoint().await {
            tracing::warn!(reason = error.label(), "write-ahead log not truncated on close");
        }
        self.writer.close().await;
    }
}

#[async_trait]
impl KeyStore for SqliteKeys {
    async fn root(&self) -> Result<Option<Root>, KeyStoreError> {
        let mut snapshot = self.readers.begin().await.map_err(key_store_error)?;
        root::read(&mut snapshot).await
    }

    async fn found(&self, root: Root) -> Result<Root, KeyStoreError> {
        root::found(&self.writer, &root).await
    }

    async fn standing(&self, uid: &str) -> Result<Standing, KeyStoreError> {
        let mut snapshot = self.readers.begin().await.map_err(key_store_error)?;
        Ok(Standing {
            fence: read::fence(&mut snapshot).await?,
            head: read::head(&mut snapshot, uid).await?,
        })
    }

    async fn current(&self, uid: &str) -> Result<Option<(Head, Vec<Row>)>, KeyStoreError> {
        let mut snapshot = self.readers.begin().await.map_err(key_store_error)?;
        let Some(head) = read::head(&mut snapshot, uid).await? else {
            return Ok(None);
        };
        let rows = read::rows(&mut snapshot, head.environment, head.revision).await?;
        Ok(Some((head, rows)))
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

    async fn commit(&self, commit: &Commit) -> Result<(), KeyStoreError> {
        commit::commit(&self.writer, commit).await?;
        if commit.expected.is_some() {
            self.janitor.call();
        }
        Ok(())
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
