//! The key log.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::key_store_error;
use super::read::{counter, labelled, signed};
use super::root::key_id;
use crate::keys::{Cause, Deed, KeyEvent, KeyStoreError, Ring};

pub(super) async fn last(connection: &mut SqliteConnection) -> Result<Option<KeyEvent>, KeyStoreError> {
    let row = sqlx::query(
        "SELECT sequence, at, ring, key, deed, cause, mac FROM key_event ORDER BY sequence DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(key_store_error)?;
    row.as_ref().map(event).transpose()
}

pub(super) async fn page(
    connection: &mut SqliteConnection,
    after: u64,
    limit: u32,
) -> Result<Vec<KeyEvent>, KeyStoreError> {
    let rows = sqlx::query(
        "SELECT sequence, at, ring, key, deed, cause, mac FROM key_event WHERE sequence > ?1
         ORDER BY sequence LIMIT ?2",
    )
    .bind(signed(after)?)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(key_store_error)?;
    rows.iter().map(event).collect()
}

/// A number that is there already is refused by the table.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    events: &[KeyEvent],
) -> Result<(), KeyStoreError> {
    for event in events {
        sqlx::query(
            "INSERT INTO key_event (sequence, at, ring, key, deed, cause, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(signed(event.sequence)?)
        .bind(signed(event.at)?)
        .bind(event.ring.label())
        .bind(event.key.as_bytes().as_slice())
        .bind(event.deed.label())
        .bind(event.cause.label())
        .bind(event.mac.as_slice())
        .execute(&mut *connection)
        .await
        .map_err(key_store_error)?;
    }
    Ok(())
}

fn event(row: &SqliteRow) -> Result<KeyEvent, KeyStoreError> {
    let text = |column: usize| row.try_get::<&str, _>(column).map_err(key_store_error);
    let (ring, deed, cause) = (text(2)?, text(4)?, text(5)?);
    let mac: &[u8] = row.try_get(6).map_err(key_store_error)?;
    Ok(KeyEvent {
        sequence: counter(row, 0)?,
        at: counter(row, 1)?,
        ring: labelled(&Ring::ALL, |known| known.label() == ring)?,
        key: key_id(row, 3)?,
        deed: labelled(&Deed::ALL, |known| known.label() == deed)?,
        cause: labelled(&Cause::ALL, |known| known.label() == cause)?,
        mac: mac.try_into().map_err(|_| KeyStoreError::Corrupt)?,
    })
}
