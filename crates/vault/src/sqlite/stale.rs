//! What has yet to be re-encrypted. The manifest table says in clear under which keys the rows and the values of a
//! revision are; it is a hint for speed, and [`super::life`] counts the envelopes themselves.

use splitvault_crypto::{Id, KeyId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::key_store_error;
use super::read::{self, counter, signed};
use crate::keys::{KeyStoreError, Quarantined, Revision};

/// Two searches of an index each, which `OR` would not be.
pub(super) async fn uids(
    readers: &SqlitePool,
    names: KeyId,
    values: KeyId,
    limit: u32,
) -> Result<Vec<String>, KeyStoreError> {
    sqlx::query_scalar(
        "SELECT uid FROM environment WHERE id IN (
             SELECT environment FROM (
                 SELECT environment FROM manifest WHERE names_key < ?1 AND NOT quarantined
                 UNION ALL SELECT environment FROM manifest WHERE names_key > ?1 AND NOT quarantined
                 UNION ALL SELECT environment FROM manifest WHERE values_key < ?2 AND NOT quarantined
                 UNION ALL SELECT environment FROM manifest WHERE values_key > ?2 AND NOT quarantined
             ) LIMIT ?3 * 4
         ) LIMIT ?3",
    )
    .bind(names.as_bytes().as_slice())
    .bind(values.as_bytes().as_slice())
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(key_store_error)
}

/// Each with its rows, ascending.
pub(super) async fn revisions(
    connection: &mut SqliteConnection,
    environment: Id,
    names: KeyId,
    values: KeyId,
    limit: u32,
) -> Result<Vec<(u64, Revision)>, KeyStoreError> {
    let manifests = sqlx::query(
        "SELECT revision, envelope FROM manifest
         WHERE environment = ?1 AND (names_key <> ?2 OR values_key <> ?3) AND NOT quarantined
         ORDER BY revision LIMIT ?4",
    )
    .bind(environment.as_bytes().as_slice())
    .bind(names.as_bytes().as_slice())
    .bind(values.as_bytes().as_slice())
    .bind(limit)
    .fetch_all(&mut *connection)
    .await
    .map_err(key_store_error)?;
    let mut revisions = Vec::with_capacity(manifests.len());
    for row in manifests {
        let revision = counter(&row, 0)?;
        let found = Revision {
            manifest: row.try_get(1).map_err(key_store_error)?,
            rows: read::rows(connection, environment, revision).await?,
        };
        revisions.push((revision, found));
    }
    Ok(revisions)
}

pub(super) async fn progress(
    readers: &SqlitePool,
    names: KeyId,
    values: KeyId,
) -> Result<(u64, u64), KeyStoreError> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM environment),
                (SELECT count(DISTINCT environment) FROM manifest WHERE names_key <> ?1 OR values_key <> ?2)",
    )
    .bind(names.as_bytes().as_slice())
    .bind(values.as_bytes().as_slice())
    .fetch_one(readers)
    .await
    .map_err(key_store_error)?;
    Ok((counter(&row, 0)?, counter(&row, 1)?))
}

pub(super) async fn distrust(writer: &SqlitePool) -> Result<u64, KeyStoreError> {
    let sql = "UPDATE manifest SET names_key = zeroblob(8), values_key = zeroblob(8) WHERE NOT quarantined";
    let done = sqlx::query(sql).execute(writer).await;
    Ok(done.map_err(key_store_error)?.rows_affected())
}

pub(super) async fn quarantine(
    writer: &SqlitePool,
    environment: Id,
    revision: u64,
) -> Result<(), KeyStoreError> {
    sqlx::query("UPDATE manifest SET quarantined = 1 WHERE environment = ?1 AND revision = ?2")
        .bind(environment.as_bytes().as_slice())
        .bind(signed(revision)?)
        .execute(writer)
        .await
        .map(drop)
        .map_err(key_store_error)
}

pub(super) async fn release(writer: &SqlitePool) -> Result<(), KeyStoreError> {
    sqlx::query("UPDATE manifest SET quarantined = 0 WHERE quarantined")
        .execute(writer)
        .await
        .map(drop)
        .map_err(key_store_error)
}

pub(super) async fn quarantined(
    readers: &SqlitePool,
    uid: Option<&str>,
    limit: u32,
) -> Result<Vec<Quarantined>, KeyStoreError> {
    let rows = sqlx::query(
        "SELECT e.uid, m.revision FROM manifest m JOIN environment e ON e.id = m.environment
         WHERE m.quarantined AND (?1 IS NULL OR e.uid = ?1) LIMIT ?2",
    )
    .bind(uid)
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(key_store_error)?;
    let quarantined = |row: &SqliteRow| {
        Ok(Quarantined {
            uid: row.try_get(0).map_err(key_store_error)?,
            revision: counter(row, 1)?,
        })
    };
    rows.iter().map(quarantined).collect()
}
