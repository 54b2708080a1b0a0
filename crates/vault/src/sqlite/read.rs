//! Statements that read. What does not have the shape of the schema is damage.

use splitvault_crypto::Id;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool, ValueRef as _};

use super::key_store_error;
use crate::keys::{Head, KeyStoreError, Row, Standing};

pub(super) async fn fence(connection: &mut SqliteConnection) -> Result<u64, KeyStoreError> {
    let fence: Option<i64> = sqlx::query_scalar("SELECT fence FROM installation")
        .fetch_optional(connection)
        .await
        .map_err(key_store_error)?;
    unsigned(fence.unwrap_or_default())
}

/// One statement is one snapshot, without a transaction around it.
pub(super) async fn standing(readers: &SqlitePool, uid: &str) -> Result<Standing, KeyStoreError> {
    let row = sqlx::query(
        "SELECT e.id, e.revision, e.writes, coalesce(m.envelope, x''), coalesce(i.fence, 0)
         FROM (SELECT 1) LEFT JOIN installation i
         LEFT JOIN environment e ON e.uid = ?1
         LEFT JOIN manifest m ON m.environment = e.id AND m.revision = e.revision",
    )
    .bind(uid)
    .fetch_one(readers)
    .await
    .map_err(key_store_error)?;
    let is_there = !is_null(&row, 0)?;
    Ok(Standing {
        fence: counter(&row, 4)?,
        head: is_there.then(|| head_of(&row, uid)).transpose()?,
    })
}

/// The head and then its rows, which are told apart by the columns that only a head has. One statement, as above.
pub(super) async fn current(
    readers: &SqlitePool,
    uid: &str,
) -> Result<Option<(Head, Vec<Row>)>, KeyStoreError> {
    let found = sqlx::query(
        "SELECT e.id, e.revision, e.writes, coalesce(m.envelope, x'')
         FROM environment e LEFT JOIN manifest m ON m.environment = e.id AND m.revision = e.revision
         WHERE e.uid = ?1
         UNION ALL
         SELECT r.id, NULL, NULL, r.envelope
         FROM environment e JOIN entry r ON r.environment = e.id AND r.revision = e.revision
         WHERE e.uid = ?1",
    )
    .bind(uid)
    .fetch_all(readers)
    .await
    .map_err(key_store_error)?;
    let (mut head, mut rows) = (None, Vec::with_capacity(found.len()));
    for row in &found {
        if is_null(row, 1)? {
            rows.push(Row {
                id: id(row, 0)?,
                envelope: row.try_get(3).map_err(key_store_error)?,
            });
        } else {
            head = Some(head_of(row, uid)?);
        }
    }
    Ok(head.map(|head| (head, rows)))
}

pub(super) async fn head(
    connection: &mut SqliteConnection,
    uid: &str,
) -> Result<Option<Head>, KeyStoreError> {
    let row = sqlx::query(
        "SELECT e.id, e.revision, e.writes, coalesce(m.envelope, x'')
         FROM environment e LEFT JOIN manifest m ON m.environment = e.id AND m.revision = e.revision
         WHERE e.uid = ?1",
    )
    .bind(uid)
    .fetch_optional(connection)
    .await
    .map_err(key_store_error)?;
    row.map(|row| head_of(&row, uid)).transpose()
}

fn head_of(row: &SqliteRow, uid: &str) -> Result<Head, KeyStoreError> {
    Ok(Head {
        environment: id(row, 0)?,
        uid: uid.to_owned(),
        revision: counter(row, 1)?,
        writes: counter(row, 2)?,
        manifest: row.try_get(3).map_err(key_store_error)?,
    })
}

pub(super) async fn manifest(
    connection: &mut SqliteConnection,
    environment: Id,
    revision: u64,
) -> Result<Option<Vec<u8>>, KeyStoreError> {
    sqlx::query_scalar("SELECT envelope FROM manifest WHERE environment = ?1 AND revision = ?2")
        .bind(environment.as_bytes().as_slice())
        .bind(signed(revision)?)
        .fetch_optional(connection)
        .await
        .map_err(key_store_error)
}

pub(super) async fn rows(
    connection: &mut SqliteConnection,
    environment: Id,
    revision: u64,
) -> Result<Vec<Row>, KeyStoreError> {
    let rows = sqlx::query("SELECT id, envelope FROM entry WHERE environment = ?1 AND revision = ?2")
        .bind(environment.as_bytes().as_slice())
        .bind(signed(revision)?)
        .fetch_all(connection)
        .await
        .map_err(key_store_error)?;
    let row = |row: SqliteRow| {
        Ok(Row {
            id: id(&row, 0)?,
            envelope: row.try_get(1).map_err(key_store_error)?,
        })
    };
    rows.into_iter().map(row).collect()
}

fn is_null(row: &SqliteRow, column: usize) -> Result<bool, KeyStoreError> {
    row.try_get_raw(column)
        .map(|value| value.is_null())
        .map_err(key_store_error)
}

pub(super) async fn revisions(readers: &SqlitePool, environment: Id) -> Result<Vec<u64>, KeyStoreError> {
    let found: Vec<i64> =
        sqlx::query_scalar("SELECT revision FROM manifest WHERE environment = ?1 ORDER BY revision")
            .bind(environment.as_bytes().as_slice())
            .fetch_all(readers)
            .await
            .map_err(key_store_error)?;
    found.into_iter().map(unsigned).collect()
}

pub(super) fn id(row: &SqliteRow, column: usize) -> Result<Id, KeyStoreError> {
    let bytes: &[u8] = row.try_get(column).map_err(key_store_error)?;
    bytes
        .try_into()
        .map(Id::from_bytes)
        .map_err(|_| KeyStoreError::Corrupt)
}

pub(super) fn counter(row: &SqliteRow, column: usize) -> Result<u64, KeyStoreError> {
    unsigned(row.try_get(column).map_err(key_store_error)?)
}

fn unsigned(number: i64) -> Result<u64, KeyStoreError> {
    u64::try_from(number).map_err(|_| KeyStoreError::Corrupt)
}

/// The one of a closed set that a word stands for.
pub(super) fn labelled<T: Copy>(all: &[T], is: impl Fn(&T) -> bool) -> Result<T, KeyStoreError> {
    all.iter()
        .copied()
        .find(|known| is(known))
        .ok_or(KeyStoreError::Corrupt)
}

/// SQLite's integers are signed. Nobody writes 2⁶³ revisions.
pub(super) fn signed(number: u64) -> Result<i64, KeyStoreError> {
    i64::try_from(number).map_err(|_| KeyStoreError::Internal)
}
