//! The transactions that change an environment: whole or not at all, and only from the state they were made for.

use splitvault_crypto::Id;
use splitvault_values::failpoint;
use sqlx::{SqliteConnection, SqlitePool};

use super::key_store_error;
use super::read::{fence, signed};
use crate::keys::{Commit, KeyStoreError, Row};

pub(super) async fn commit(writer: &SqlitePool, commit: &Commit) -> Result<(), KeyStoreError> {
    let mut transaction = writer
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(key_store_error)?;
    if fence(&mut transaction).await? != commit.fence {
        return Err(KeyStoreError::Fenced);
    }
    swap_head(&mut transaction, commit).await?;
    for revision in &commit.dropped {
        execute(
            &mut transaction,
            "DELETE FROM manifest WHERE environment = ?1 AND revision = ?2",
            commit.environment,
            *revision,
        )
        .await?;
    }
    for (revision, envelope) in &commit.manifests {
        sqlx::query(
            "INSERT INTO manifest (environment, revision, envelope) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET envelope = excluded.envelope",
        )
        .bind(commit.environment.as_bytes().as_slice())
        .bind(signed(*revision)?)
        .bind(envelope.as_slice())
        .execute(&mut *transaction)
        .await
        .map_err(key_store_error)?;
    }
    for (revision, rows) in &commit.rows {
        replace_rows(&mut transaction, commit.environment, *revision, rows).await?;
    }
    failpoint!("vault::before-commit");
    transaction.commit().await.map_err(key_store_error)?;
    failpoint!("vault::after-commit");
    Ok(())
}

pub(super) async fn remove(writer: &SqlitePool, environment: Id, writes: u64) -> Result<(), KeyStoreError> {
    let done = sqlx::query("DELETE FROM environment WHERE id = ?1 AND writes = ?2")
        .bind(environment.as_bytes().as_slice())
        .bind(signed(writes)?)
        .execute(writer)
        .await
        .map_err(key_store_error)?;
    if done.rows_affected() == 0 {
        return Err(KeyStoreError::Conflict);
    }
    Ok(())
}

/// The compare-and-swap.
async fn swap_head(connection: &mut SqliteConnection, commit: &Commit) -> Result<(), KeyStoreError> {
    let environment = commit.environment.as_bytes().as_slice();
    let query = match commit.expected {
        None => sqlx::query(
            "INSERT INTO environment (id, uid, revision, writes) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT DO NOTHING",
        )
        .bind(environment)
        .bind(&commit.uid)
        .bind(signed(commit.revision)?),
        Some(writes) => sqlx::query(
            "UPDATE environment SET revision = ?3, writes = writes + 1
             WHERE id = ?1 AND uid = ?2 AND writes = ?4",
        )
        .bind(environment)
        .bind(&commit.uid)
        .bind(signed(commit.revision)?)
        .bind(signed(writes)?),
    };
    let done = query.execute(connection).await.map_err(key_store_error)?;
    if done.rows_affected() == 0 {
        return Err(KeyStoreError::Conflict);
    }
    Ok(())
}

async fn replace_rows(
    connection: &mut SqliteConnection,
    environment: Id,
    revision: u64,
    rows: &[Row],
) -> Result<(), KeyStoreError> {
    let delete = "DELETE FROM entry WHERE environment = ?1 AND revision = ?2";
    execute(connection, delete, environment, revision).await?;
    for row in rows {
        sqlx::query("INSERT INTO entry (environment, revision, id, envelope) VALUES (?1, ?2, ?3, ?4)")
            .bind(environment.as_bytes().as_slice())
            .bind(signed(revision)?)
            .bind(row.id.as_bytes().as_slice())
            .bind(row.envelope.as_slice())
            .execute(&mut *connection)
            .await
            .map_err(key_store_error)?;
    }
    Ok(())
}

async fn execute(
    connection: &mut SqliteConnection,
    sql: &'static str,
    environment: Id,
    revision: u64,
) -> Result<(), KeyStoreError> {
    sqlx::query(sql)
        .bind(environment.as_bytes().as_slice())
        .bind(signed(revision)?)
        .execute(connection)
        .await
        .map(drop)
        .map_err(key_store_error)
}
