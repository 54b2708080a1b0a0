//! The transactions that change an environment: whole or not at all, and only from the state they were made for.

use splitvault_crypto::Id;
use splitvault_values::failpoint;
use sqlx::{SqliteConnection, SqlitePool};

use super::key_store_error;
use super::read::{fence, signed};
use crate::keys::{Commit, KeyStoreError, Row};

/// All in one transaction; a conflict is noticed before anything of that commit is written.
pub(super) async fn commit_all(
    writer: &SqlitePool,
    commits: &[Commit],
) -> Result<Vec<Result<(), KeyStoreError>>, KeyStoreError> {
    let mut transaction = writer
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(key_store_error)?;
    let mut outcomes = Vec::with_capacity(commits.len());
    for commit in commits {
        if fence(&mut transaction).await? != commit.fence {
            return Err(KeyStoreError::Fenced);
        }
        under_active_keys(&mut transaction, commit).await?;
        match make(&mut transaction, commit).await {
            Err(error @ KeyStoreError::Conflict) => outcomes.push(Err(error)),
            made => outcomes.push(Ok(made?)),
        }
    }
    failpoint!("vault::before-commit");
    transaction.commit().await.map_err(key_store_error)?;
    failpoint!("vault::after-commit");
    Ok(outcomes)
}

/// The fence of writers: whoever slept through a rotation writes nothing under the key that was.
async fn under_active_keys(connection: &mut SqliteConnection, commit: &Commit) -> Result<(), KeyStoreError> {
    let active: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM wrapped_key WHERE state = 'active'
         AND ((ring = 'names' AND id = ?1) OR (ring = 'values' AND id = ?2))",
    )
    .bind(commit.names_key.as_bytes().as_slice())
    .bind(commit.values_key.as_bytes().as_slice())
    .fetch_one(connection)
    .await
    .map_err(key_store_error)?;
    if active == 2 {
        Ok(())
    } else {
        Err(KeyStoreError::Rotated)
    }
}

async fn make(connection: &mut SqliteConnection, commit: &Commit) -> Result<(), KeyStoreError> {
    swap_head(connection, commit).await?;
    for revision in &commit.dropped {
        execute(
            connection,
            "DELETE FROM manifest WHERE environment = ?1 AND revision = ?2",
            commit.environment,
            *revision,
        )
        .await?;
    }
    for (revision, envelope) in &commit.manifests {
        let fresh = commit.rows.iter().any(|(with_rows, _)| with_rows == revision);
        put_manifest(connection, commit, *revision, envelope, fresh).await?;
    }
    for (revision, rows) in &commit.rows {
        replace_rows(connection, commit.environment, *revision, rows).await?;
    }
    Ok(())
}

/// With `fresh` rows, which are under the keys of this commit, the revision is out of quarantine.
async fn put_manifest(
    connection: &mut SqliteConnection,
    commit: &Commit,
    revision: u64,
    envelope: &[u8],
    fresh: bool,
) -> Result<(), KeyStoreError> {
    let sql = if fresh {
        "INSERT INTO manifest (environment, revision, envelope, names_key, values_key) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET envelope = excluded.envelope, names_key = excluded.names_key,
             values_key = excluded.values_key, quarantined = 0"
    } else {
        "INSERT INTO manifest (environment, revision, envelope, names_key, values_key) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET envelope = excluded.envelope"
    };
    sqlx::query(sql)
        .bind(commit.environment.as_bytes().as_slice())
        .bind(signed(revision)?)
        .bind(envelope)
        .bind(commit.names_key.as_bytes().as_slice())
        .bind(commit.values_key.as_bytes().as_slice())
        .execute(connection)
        .await
        .map(drop)
        .map_err(key_store_error)
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
