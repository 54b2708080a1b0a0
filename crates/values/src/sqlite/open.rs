//! From a path to two pools: look before touching, then open for writing, then make or check the schema.
//!
//! The key database is opened by the same code, with a schema of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};

use super::OpenError;

/// Whose database a file is, and what is in it.
#[derive(Debug)]
pub struct Schema {
    /// What people call it, as in "value database".
    pub kind: &'static str,
    /// Four bytes in the file's header that mark it as ours.
    pub application_id: u32,
    /// The newest version known here.
    pub version: u32,
    /// Makes version 1 in a blank file; sets `application_id` and `user_version` as well.
    pub sql: &'static str,
    /// From version 1 to 2, from 2 to 3 and so on; each sets `user_version`.
    pub upgrades: &'static [&'static str],
}

/// The two ways into one file.
#[derive(Debug)]
pub struct Pools {
    /// The one connection that writes.
    pub writer: SqlitePool,
    /// A few that cannot.
    pub readers: SqlitePool,
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(20);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 2;

impl Schema {
    /// Opens the database at `path`, or makes it (the directory must be there): write-ahead log, full
    /// synchronization, deleted bytes overwritten, no trust in the file's own schema.
    ///
    /// # Errors
    /// Anything else at that path is refused untouched: see [`OpenError`].
    pub async fn open(&self, path: &Path) -> Result<Pools, OpenError> {
        if path.metadata().is_ok_and(|file| file.len() > 0) {
            self.inspect(path).await?;
        }
        let writer = self.open_patiently(path).await?;
        let readers =
            pool(READERS).connect_lazy_with(options(path).read_only(true).pragma("query_only", "ON"));
        Ok(Pools { writer, readers })
    }

    /// Looks at a file without changing it: whose is it, and which version?
    async fn inspect(&self, path: &Path) -> Result<(), OpenError> {
        let sql = |error| OpenError::sql(path, error);
        let mut connection = base(path).read_only(true).connect().await.map_err(sql)?;
        // One snapshot: another process may just be making the schema.
        let mut snapshot = connection.begin().await.map_err(sql)?;
        let identity = self.identify(&mut snapshot, path).await;
        drop(snapshot);
        connection.close().await.map_err(sql)?;
        identity.map(|_| ())
    }

    pub(super) async fn identify(
        &self,
        connection: &mut SqliteConnection,
        path: &Path,
    ) -> Result<Identity, OpenError> {
        let number = async |connection: &mut SqliteConnection, sql: &'static str| {
            let found: i64 = sqlx::query_scalar(sql).fetch_one(connection).await?;
            Ok(u32::try_from(found & 0xffff_ffff).unwrap_or_default())
        };
        let sql = |error| OpenError::sql(path, error);
        let application_id = number(connection, "PRAGMA application_id").await.map_err(sql)?;
        let version = number(connection, "PRAGMA user_version").await.map_err(sql)?;
        let tables = number(connection, "SELECT count(*) FROM sqlite_schema")
            .await
            .map_err(sql)?;
        let path = path.to_owned();
        if (application_id, version, tables) == (0, 0, 0) {
            return Ok(Identity::Blank);
        }
        if application_id != self.application_id {
            return Err(OpenError::Foreign {
                path,
                kind: self.kind,
                application_id,
            });
        }
        match version {
            0 => Err(OpenError::Damaged { path }),
            found if found > self.version => Err(OpenError::Newer {
                path,
                found,
                known: self.version,
            }),
            version => Ok(Identity::Ours { version }),
        }
    }

    /// The switch to the write-ahead log does not wait for a lock as statements do (SQLite's busy handler is not asked),
    /// so of two processes that start at once on a blank file one is turned away and must come again.
    async fn open_patiently(&self, path: &Path) -> Result<SqlitePool, OpenError> {
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            match self.open_writer(path).await {
                Err(error) if error.is_busy() && Instant::now() < deadline => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn open_writer(&self, path: &Path) -> Result<SqlitePool, OpenError> {
        let sql = |error| OpenError::sql(path, error);
        let options = options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON");
        let writer = pool(1).connect_with(options).await.map_err(sql)?;
        // Two processes may start at once on a blank file: the second finds the first one's schema.
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
        let missing = match self.identify(&mut transaction, path).await? {
            Identity::Blank => {
                sqlx::raw_sql(self.sql)
                    .execute(&mut *transaction)
                    .await
                    .map_err(sql)?;
                self.upgrades
            }
            Identity::Ours { version } => {
                let done = usize::try_from(version).map_or(usize::MAX, |version| version - 1);
                self.upgrades.get(done..).unwrap_or_default()
            }
        };
        for upgrade in missing {
            sqlx::raw_sql(*upgrade)
                .execute(&mut *transaction)
                .await
                .map_err(sql)?;
        }
        transaction.commit().await.map_err(sql)?;
        Ok(writer)
    }
}

/// What a database says it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// No table, no mark: not used yet.
    Blank,
    /// A database of this schema that this release reads.
    Ours {
        /// Which version, from 1.
        version: u32,
    },
}

/// Nothing but the path: for looking.
pub(super) fn base(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY")
        // Kibibytes, by the minus: the page cache of the kernel is the real one.
        .pragma("cache_size", "-512")
}

fn options(path: &Path) -> SqliteConnectOptions {
    base(path).foreign_keys(true)
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        // Asks a server whether it still answers; a file has none.
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
}
