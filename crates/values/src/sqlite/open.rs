//! From a path to two pools: look before touching, then open for writing, then make or check the schema.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};

use super::OpenError;

/// "SpVv" in the file's header: a value database of Splitvault.
pub(super) const APPLICATION_ID: u32 = 0x5370_5676;
/// The newest schema known here.
pub(super) const SCHEMA_VERSION: u32 = 1;

const SCHEMA: &str = "
    CREATE TABLE value (
        token    BLOB NOT NULL PRIMARY KEY CHECK (length(token) = 16),
        envelope BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA application_id = 0x53705676;
    PRAGMA user_version = 1;
";

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 2;

pub(super) async fn open(path: &Path) -> Result<(SqlitePool, SqlitePool), OpenError> {
    if path.metadata().is_ok_and(|file| file.len() > 0) {
        inspect(path).await?;
    }
    let writer = open_writer(path).await?;
    let readers = pool(READERS).connect_lazy_with(options(path).read_only(true).pragma("query_only", "ON"));
    Ok((writer, readers))
}

/// Looks at a file without changing it: whose is it, and which version?
async fn inspect(path: &Path) -> Result<(), OpenError> {
    let sql = |error| OpenError::sql(path, error);
    let mut connection = base(path).read_only(true).connect().await.map_err(sql)?;
    let identity = identify(&mut connection, path).await;
    connection.close().await.map_err(sql)?;
    identity.map(|_| ())
}

/// What a database says it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// No table, no mark: not used yet.
    Blank,
    /// A value database that this release reads.
    Ours,
}

pub(super) async fn identify(connection: &mut SqliteConnection, path: &Path) -> Result<Identity, OpenError> {
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
    match (application_id, version, tables) {
        (0, 0, 0) => Ok(Identity::Blank),
        (APPLICATION_ID, 1..=SCHEMA_VERSION, _) => Ok(Identity::Ours),
        (APPLICATION_ID, 0, _) => Err(OpenError::Damaged {
            path: path.to_owned(),
        }),
        (APPLICATION_ID, found, _) => Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        }),
        _ => Err(OpenError::Foreign {
            path: path.to_owned(),
            application_id,
        }),
    }
}

async fn open_writer(path: &Path) -> Result<SqlitePool, OpenError> {
    let sql = |error| OpenError::sql(path, error);
    let options = options(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON");
    let writer = pool(1).connect_with(options).await.map_err(sql)?;
    // Two processes may start at once on a blank file: the second finds the first one's schema.
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
    if identify(&mut transaction, path).await? == Identity::Blank {
        sqlx::raw_sql(SCHEMA)
            .execute(&mut *transaction)
            .await
            .map_err(sql)?;
    }
    transaction.commit().await.map_err(sql)?;
    Ok(writer)
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
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
}
