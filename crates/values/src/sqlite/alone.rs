//! Whether a database file is in use: for tools that work on copies.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteLockingMode;
use sqlx::{ConnectOptions as _, Connection as _};

use super::OpenError;
use super::open::base;

/// Whether a process, this one or another, has the database at `path` open. Nothing of its content is changed; what is
/// in the write-ahead log is moved into the file.
///
/// # Errors
/// See [`OpenError`]; a file that is missing is [`OpenError::Storage`].
pub async fn is_in_use(path: &Path) -> Result<bool, OpenError> {
    // Each connection to a database with a write-ahead log holds a shared lock for as long as it is open.
    let options = base(path)
        .busy_timeout(Duration::ZERO)
        .locking_mode(SqliteLockingMode::Exclusive);
    match lock(options).await.map_err(|error| OpenError::sql(path, error)) {
        Ok(()) => Ok(false),
        Err(error) if error.is_busy() => Ok(true),
        Err(error) => Err(error),
    }
}

async fn lock(options: sqlx::sqlite::SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    let locked = sqlx::raw_sql("BEGIN EXCLUSIVE; ROLLBACK")
        .execute(&mut connection)
        .await;
    connection.close().await?;
    locked.map(drop)
}
