//! Verifies a database file that no process uses, for instance a restored backup.

use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::open::{Identity, base};
use super::{OpenError, SCHEMA};

/// Complaints reported at most; one is enough to restore a backup.
const COMPLAINTS: usize = 20;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Envelopes in the database.
    pub values: u64,
    /// Bytes of all envelopes.
    pub bytes: u64,
    /// SQLite's complaints about pages and indexes; none in a sound file. They hold no content.
    pub complaints: Vec<String>,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.complaints.is_empty()
    }
}

/// Reads every page of the database at `path` without changing it.
///
/// # Errors
/// See [`OpenError`]; a file that is missing is [`OpenError::Storage`].
pub async fn verify(path: &Path) -> Result<Verified, OpenError> {
    let sql = |error| OpenError::sql(path, error);
    let mut connection = base(path).read_only(true).connect().await.map_err(sql)?;
    let verified = match SCHEMA.identify(&mut connection, path).await? {
        Identity::Blank => Verified {
            values: 0,
            bytes: 0,
            complaints: Vec::new(),
        },
        Identity::Ours { .. } => inspect(&mut connection).await.map_err(sql)?,
    };
    connection.close().await.map_err(sql)?;
    Ok(verified)
}

async fn inspect(connection: &mut SqliteConnection) -> Result<Verified, sqlx::Error> {
    let mut complaints: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
        .fetch_all(&mut *connection)
        .await?;
    complaints.truncate(COMPLAINTS);
    complaints.retain(|line| line != "ok");
    let totals = sqlx::query("SELECT count(*), coalesce(sum(length(envelope)), 0) FROM value")
        .fetch_one(connection)
        .await?;
    let number = |index| totals.try_get::<i64, _>(index).map(i64::unsigned_abs);
    Ok(Verified {
        values: number(0)?,
        bytes: number(1)?,
        complaints,
    })
}
