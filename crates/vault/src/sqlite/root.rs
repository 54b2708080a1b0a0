//! The installation and its wrapped keys.

use splitvault_crypto::KeyId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::key_store_error;
use super::read::id;
use crate::keys::{KeyState, KeyStoreError, Ring, Root, WrappedKey};

pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Option<Root>, KeyStoreError> {
    let row = sqlx::query("SELECT id FROM installation")
        .fetch_optional(&mut *connection)
        .await
        .map_err(key_store_error)?;
    let Some(row) = row else { return Ok(None) };
    let keys = sqlx::query("SELECT id, ring, state, wrapped FROM wrapped_key ORDER BY id")
        .fetch_all(connection)
        .await
        .map_err(key_store_error)?;
    Ok(Some(Root {
        installation: id(&row, 0)?,
        keys: keys.iter().map(wrapped_key).collect::<Result<_, _>>()?,
    }))
}

pub(super) async fn found(writer: &SqlitePool, root: &Root) -> Result<Root, KeyStoreError> {
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
        sqlx::query("INSERT INTO wrapped_key (id, ring, state, wrapped) VALUES (?1, ?2, ?3, ?4)")
            .bind(key.id.as_bytes().as_slice())
            .bind(key.ring.label())
            .bind(key.state.label())
            .bind(key.wrapped.as_deref())
            .execute(&mut *transaction)
            .await
            .map_err(key_store_error)?;
    }
    let kept = read(&mut transaction).await?.ok_or(KeyStoreError::Internal)?;
    transaction.commit().await.map_err(key_store_error)?;
    Ok(kept)
}

fn wrapped_key(row: &SqliteRow) -> Result<WrappedKey, KeyStoreError> {
    let bytes: &[u8] = row.try_get(0).map_err(key_store_error)?;
    let ring: &str = row.try_get(1).map_err(key_store_error)?;
    let state: &str = row.try_get(2).map_err(key_store_error)?;
    Ok(WrappedKey {
        ring: labelled(&Ring::ALL, |known| known.label() == ring)?,
        id: KeyId::from_bytes(bytes.try_into().map_err(|_| KeyStoreError::Corrupt)?),
        state: labelled(&KeyState::ALL, |known| known.label() == state)?,
        wrapped: row.try_get(3).map_err(key_store_error)?,
    })
}

fn labelled<T: Copy>(all: &[T], is: impl Fn(&T) -> bool) -> Result<T, KeyStoreError> {
    all.iter()
        .copied()
        .find(|known| is(known))
        .ok_or(KeyStoreError::Corrupt)
}
