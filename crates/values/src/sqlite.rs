//! The value store on SQLite: one file, one writer, a few readers.
//!
//! Deleted envelopes are overwritten (`secure_delete`), also in the write-ahead log: it is truncated a moment
//! after a delete, and on close. Rows carry a token and an envelope, nothing else; a batch goes in shuffled,
//! so that neither the log nor the pages tell which values belong together in which order.

mod alone;
mod error;
mod janitor;
mod open;
mod verify;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{Row as _, SqlitePool};

pub use alone::is_in_use;
pub use error::{OpenError, classify};
pub use janitor::{Janitor, checkpoint};
pub use open::{Pools, Schema};
pub use verify::{Verified, verify};

use crate::{StoreError, Token, ValueStore, failpoint, limits};
use error::store_error;

/// "SpVv" in the file's header.
const SCHEMA: Schema = Schema {
    kind: "value database",
    application_id: 0x5370_5676,
    version: 1,
    sql: "
        CREATE TABLE value (
            token    BLOB NOT NULL PRIMARY KEY CHECK (length(token) = 16),
            envelope BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        PRAGMA application_id = 0x53705676;
        PRAGMA user_version = 1;
    ",
    upgrades: &[],
};

/// Tokens in one statement.
const CHUNK: usize = 500;

/// How long a checkpoint waits for readers, besides the last attempt, which waits as long as any statement.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// The value store in an SQLite file. Shared through an `Arc`.
#[derive(Debug)]
pub struct SqliteValues {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    janitor: Janitor,
}

impl SqliteValues {
    /// Opens the database at `path`, or makes it (the directory must be there).
    ///
    /// # Errors
    /// Anything else at that path is refused untouched: see [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let Pools { writer, readers } = SCHEMA.open(path).await?;
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

    /// Waits for what is running, checkpoints and closes. Later calls get [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.janitor.stop();
        self.readers.close().await;
        if let Err(error) = checkpoint(&self.writer).await.map_err(store_error) {
            tracing::warn!(reason = error.label(), "write-ahead log not truncated on close");
        }
        self.writer.close().await;
    }

    async fn insert(&self, mut rows: Vec<(Token, Bytes)>) -> Result<(), StoreError> {
        shuffle(&mut rows)?;
        failpoint!("values::before-insert");
        let mut transaction = self
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(store_error)?;
        for (token, envelope) in &rows {
            sqlx::query("INSERT INTO value (token, envelope) VALUES (?1, ?2)")
                .bind(token.as_bytes().as_slice())
                .bind(envelope.as_ref())
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
        }
        failpoint!("values::after-insert-before-commit");
        transaction.commit().await.map_err(store_error)?;
        failpoint!("values::after-commit");
        Ok(())
    }
}

#[async_trait]
impl ValueStore for SqliteValues {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        limits::check_put(&envelopes)?;
        if envelopes.is_empty() {
            return Ok(Vec::new());
        }
        let tokens = envelopes
            .iter()
            .map(|_| Token::make())
            .collect::<Result<Vec<_>, _>>()?;
        self.insert(tokens.iter().copied().zip(envelopes).collect())
            .await?;
        Ok(tokens)
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut answer = Vec::with_capacity(tokens.len());
        for chunk in tokens.chunks(CHUNK) {
            let rows = sqlx::query(
                "SELECT v.token, v.envelope FROM json_each(?1) j JOIN value v ON v.token = unhex(j.value)",
            )
            .bind(json(chunk))
            .fetch_all(&self.readers)
            .await
            .map_err(store_error)?;
            let mut found = HashMap::with_capacity(rows.len());
            for row in rows {
                let token = token(row.try_get(0).map_err(store_error)?)?;
                found.insert(
                    token,
                    Bytes::from(row.try_get::<Vec<u8>, _>(1).map_err(store_error)?),
                );
            }
            answer.extend(chunk.iter().map(|token| found.get(token).cloned()));
        }
        Ok(answer)
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        for chunk in tokens.chunks(CHUNK) {
            failpoint!("values::before-delete");
            let mut transaction = self
                .writer
                .begin_with("BEGIN IMMEDIATE")
                .await
                .map_err(store_error)?;
            let done =
                sqlx::query("DELETE FROM value WHERE token IN (SELECT unhex(value) FROM json_each(?1))")
                    .bind(json(chunk))
                    .execute(&mut *transaction)
                    .await
                    .map_err(store_error)?;
            failpoint!("values::after-delete-before-commit");
            transaction.commit().await.map_err(store_error)?;
            if done.rows_affected() > 0 {
                self.janitor.call();
            }
        }
        Ok(())
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        let after = after
            .as_ref()
            .map_or(&[][..], |token| token.as_bytes().as_slice());
        let rows = sqlx::query("SELECT token FROM value WHERE token > ?1 ORDER BY token LIMIT ?2")
            .bind(after)
            .bind(limit.min(limits::PAGE))
            .fetch_all(&self.readers)
            .await
            .map_err(store_error)?;
        rows.iter()
            .map(|row| token(row.try_get(0).map_err(store_error)?))
            .collect()
    }

    /// Reads every envelope of the part; there is no index, since this is asked at the end of a rotation only.
    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        // Blobs compare byte by byte, so one byte is below all tokens that begin with it.
        let sql = "SELECT count(*) FROM value
            WHERE token >= ?1 AND (?2 IS NULL OR token < ?2) AND substr(envelope, 2, 8) = ?3";
        let count: i64 = sqlx::query_scalar(sql)
            .bind([first].as_slice())
            .bind(first.checked_add(1).map(|next| vec![next]))
            .bind(key.as_slice())
            .fetch_one(&self.readers)
            .await
            .map_err(store_error)?;
        u64::try_from(count).map_err(|_| StoreError::Corrupt)
    }

    /// Moves the write-ahead log into the database and truncates it. Happens by itself within seconds of a delete.
    async fn checkpoint(&self) -> Result<(), StoreError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match checkpoint(&self.writer).await {
                Err(sqlx::Error::PoolTimedOut) if Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await
                }
                done => return done.map_err(store_error),
            }
        }
    }
}

fn token(bytes: &[u8]) -> Result<Token, StoreError> {
    Token::parse(bytes).ok_or(StoreError::Corrupt)
}

/// The tokens as a JSON array of hexadecimal strings, one bound parameter for any number of them.
fn json(tokens: &[Token]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + tokens.len() * (2 * Token::LEN + 3));
    text.push('[');
    for (index, token) in tokens.iter().enumerate() {
        text.push_str(if index == 0 { "\"" } else { ",\"" });
        for byte in token.as_bytes() {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text.push('"');
    }
    text.push(']');
    text
}

/// Puts the rows into a random order (Fisher and Yates). A modulo bias of 2⁻⁵³ at most does not matter here.
fn shuffle<T>(rows: &mut [T]) -> Result<(), StoreError> {
    let mut random = vec![0; rows.len() * 8];
    getrandom::fill(&mut random).map_err(|_| StoreError::Random)?;
    for (index, bytes) in random.as_chunks::<8>().0.iter().enumerate().skip(1) {
        let other = u64::from_ne_bytes(*bytes) % (index as u64 + 1);
        rows.swap(index, usize::try_from(other).unwrap_or(index));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
