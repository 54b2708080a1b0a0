//! The installation and its wrapped keys.

use splitvault_crypto::KeyId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::read::{counter, id, labelled, signed};
use super::{event, key_store_error};
use crate::keys::{KeyEvent, KeyState, KeyStoreError, Ring, Root, WrappedKey};

pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Option<Root>, KeyStoreError> {
    let row = sqlx::query("SELECT id FROM installation")
        .fetch_optional(&mut *connection)
        .await
        .map_err(key_store_error)?;
    let Some(row) = row else { return Ok(None) };
    let keys = sqlx::query(
        "SELECT id, ring, state, wrapped, entered, activated, drawn, operations FROM wrapped_key ORDER BY id",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(key_store_error)?;
    Ok(Some(Root {
        installation: id(&row, 0)?,
        keys: keys.iter().map(wrapped_key).collect::<Result<_, _>>()?,
        last: event::last(connection).await?,
    }))
}

pub(super) async fn found(
    writer: &SqlitePool,
    root: &Root,
    events: &[KeyEvent],
) -> Result<Root, KeyStoreError> {
    let mut transaction = writer
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(key_store_error)?;
    // Two processes may start at once: the second takes what the first one made.
    if let Some(earlier) = read(&mut transaction).await? {
        return Ok(earlier);
    }
    sqlx::query("INSERT INTO installation (one, id, fence) VALUES (1, ?1, 0)")
        .bind(root.installation.as_bytes().as_slice())
        .execute(&mut *transaction)
        .await
        .map_err(key_store_error)?;
    for key in &root.keys {
        insert(&mut transaction, key).await?;
    }
    event::append(&mut transaction, events).await?;
    let kept = read(&mut transaction).await?.ok_or(KeyStoreError::Internal)?;
    transaction.commit().await.map_err(key_store_error)?;
    Ok(kept)
}

pub(super) async fn insert(connection: &mut SqliteConnection, key: &WrappedKey) -> Result<(), KeyStoreError> {
    sqlx::query(
        "INSERT INTO wrapped_key (id, ring, state, wrapped, entered, activated, drawn, operations)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(key.id.as_bytes().as_slice())
    .bind(key.ring.label())
    .bind(key.state.label())
    .bind(key.wrapped.as_deref())
    .bind(signed(key.entered)?)
    .bind(signed(key.activated)?)
    .bind(signed(key.drawn)?)
    .bind(signed(key.operations)?)
    .execute(connection)
    .await
    .map(drop)
    .map_err(key_store_error)
}

fn wrapped_key(row: &SqliteRow) -> Result<WrappedKey, KeyStoreError> {
    let (ring, state): (&str, &str) = (
        row.try_get(1).map_err(key_store_error)?,
        row.try_get(2).map_err(key_store_error)?,
    );
    Ok(WrappedKey {
        ring: labelled(&Ring::ALL, |known| known.label() == ring)?,
        id: key_id(row, 0)?,
        state: labelled(&KeyState::ALL, |known| known.label() == state)?,
        wrapped: row.try_get(3).map_err(key_store_error)?,
        entered: counter(row, 4)?,
        activated: counter(row, 5)?,
        drawn: counter(row, 6)?,
        operations: counter(row, 7)?,
    })
}

pub(super) fn key_id(row: &SqliteRow, column: usize) -> Result<KeyId, KeyStoreError> {
    let bytes: &[u8] = row.try_get(column).map_err(key_store_error)?;
    let bytes = bytes.try_into().map_err(|_| KeyStoreError::Corrupt)?;
    Ok(KeyId::from_bytes(bytes))
}
