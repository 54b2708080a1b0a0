//! The life of keys: transitions, leadership, replicas.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use splitvault_crypto::{Id, KeyId};
use splitvault_values::failpoint;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::read::{counter, id, labelled, signed};
use super::{SqliteKeys, checkpoint_patiently, event, key_store_error, root};
use crate::keys::{
    Escrowed, KeyChange, KeyEvent, KeyState, KeyStoreError, Leadership, LifeStore, Replica, Ring, Root, Step,
};

#[async_trait]
impl LifeStore for SqliteKeys {
    async fn root(&self) -> Result<Option<Root>, KeyStoreError> {
        let mut snapshot = self.readers.begin().await.map_err(key_store_error)?;
        root::read(&mut snapshot).await
    }

    async fn found(&self, root: Root, events: Vec<KeyEvent>) -> Result<Root, KeyStoreError> {
        root::found(&self.writer, &root, &events).await
    }

    async fn change(&self, change: &KeyChange) -> Result<(), KeyStoreError> {
        self::change(&self.writer, change).await?;
        self.janitor.call();
        Ok(())
    }

    async fn claim(&self, epoch: u64, key: KeyId, from: u64, to: u64) -> Result<(), KeyStoreError> {
        let mut transaction = begin(&self.writer).await?;
        lead_by(&mut transaction, epoch).await?;
        draw(&mut transaction, key, from, to).await?;
        transaction.commit().await.map_err(key_store_error)
    }

    async fn reserve(&self, operations: &[(KeyId, u64)]) -> Result<(), KeyStoreError> {
        let mut transaction = begin(&self.writer).await?;
        for (key, count) in operations {
            sqlx::query("UPDATE wrapped_key SET operations = operations + ?2 WHERE id = ?1")
                .bind(key.as_bytes().as_slice())
                .bind(signed(*count)?)
                .execute(&mut *transaction)
                .await
                .map_err(key_store_error)?;
        }
        transaction.commit().await.map_err(key_store_error)
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<KeyEvent>, KeyStoreError> {
        let mut snapshot = self.readers.begin().await.map_err(key_store_error)?;
        event::page(&mut snapshot, after, limit).await
    }

    async fn escrowed(&self) -> Result<Vec<Escrowed>, KeyStoreError> {
        let rows = sqlx::query("SELECT key, ring, sealed FROM escrow ORDER BY key")
            .fetch_all(&self.readers)
            .await
            .map_err(key_store_error)?;
        let escrowed = |row: &SqliteRow| {
            let ring: &str = row.try_get(1).map_err(key_store_error)?;
            Ok(Escrowed {
                id: root::key_id(row, 0)?,
                ring: labelled(&Ring::ALL, |known| known.label() == ring)?,
                sealed: row.try_get(2).map_err(key_store_error)?,
            })
        };
        rows.iter().map(escrowed).collect()
    }

    async fn beat(&self, replica: &Replica) -> Result<(), KeyStoreError> {
        sqlx::query(
            "INSERT INTO replica (id, acknowledged, seen) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET acknowledged = excluded.acknowledged, seen = excluded.seen",
        )
        .bind(replica.id.as_bytes().as_slice())
        .bind(signed(replica.acknowledged)?)
        .bind(signed(replica.seen)?)
        .execute(&self.writer)
        .await
        .map(drop)
        .map_err(key_store_error)
    }

    async fn replicas(&self, seen: RangeInclusive<u64>) -> Result<Vec<Replica>, KeyStoreError> {
        let mut transaction = begin(&self.writer).await?;
        sqlx::query("DELETE FROM replica WHERE seen NOT BETWEEN ?1 AND ?2")
            .bind(signed(*seen.start())?)
            .bind(signed(*seen.end())?)
            .execute(&mut *transaction)
            .await
            .map_err(key_store_error)?;
        let rows = sqlx::query("SELECT id, acknowledged, seen FROM replica ORDER BY id")
            .fetch_all(&mut *transaction)
            .await
            .map_err(key_store_error)?;
        transaction.commit().await.map_err(key_store_error)?;
        let replica = |row: &SqliteRow| {
            Ok(Replica {
                id: id(row, 0)?,
                acknowledged: counter(row, 1)?,
                seen: counter(row, 2)?,
            })
        };
        rows.iter().map(replica).collect()
    }

    async fn leave(&self, replica: Id) -> Result<(), KeyStoreError> {
        let mut transaction = begin(&self.writer).await?;
        // The epoch stays: a fencing token is never given out twice.
        for sql in [
            "DELETE FROM replica WHERE id = ?1",
            "UPDATE leader SET renewed = 0 WHERE holder = ?1",
        ] {
            sqlx::query(sql)
                .bind(replica.as_bytes().as_slice())
                .execute(&mut *transaction)
                .await
                .map_err(key_store_error)?;
        }
        transaction.commit().await.map_err(key_store_error)
    }

    async fn lead(&self, holder: Id, now: u64, expired: u64) -> Result<Leadership, KeyStoreError> {
        let mut transaction = begin(&self.writer).await?;
        // A new holder raises the epoch; the same one only renews.
        sqlx::query(
            "INSERT INTO leader (one, holder, epoch, renewed) VALUES (1, ?1, 1, ?2)
             ON CONFLICT DO UPDATE SET
                 epoch = epoch + (holder <> excluded.holder), holder = excluded.holder, renewed = excluded.renewed
             WHERE holder = excluded.holder OR renewed < ?3",
        )
        .bind(holder.as_bytes().as_slice())
        .bind(signed(now)?)
        .bind(signed(expired)?)
        .execute(&mut *transaction)
        .await
        .map_err(key_store_error)?;
        let row = sqlx::query("SELECT holder, epoch, renewed FROM leader")
            .fetch_one(&mut *transaction)
            .await
            .map_err(key_store_error)?;
        transaction.commit().await.map_err(key_store_error)?;
        Ok(Leadership {
            holder: id(&row, 0)?,
            epoch: counter(&row, 1)?,
            renewed: counter(&row, 2)?,
        })
    }

    async fn count(&self, ring: Ring, key: KeyId) -> Result<u64, KeyStoreError> {
        let mut snapshot = self.readers.begin().await.map_err(key_store_error)?;
        count(&mut snapshot, ring, key).await
    }

    async fn checkpoint(&self) -> Result<(), KeyStoreError> {
        checkpoint_patiently(&self.writer).await
    }
}

pub(super) async fn begin(
    writer: &SqlitePool,
) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, KeyStoreError> {
    writer
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(key_store_error)
}

async fn change(writer: &SqlitePool, change: &KeyChange) -> Result<(), KeyStoreError> {
    let mut transaction = begin(writer).await?;
    apply(&mut transaction, change).await?;
    failpoint!("rotation::before-change");
    transaction.commit().await.map_err(key_store_error)?;
    failpoint!("rotation::after-change");
    Ok(())
}

/// The change, in a transaction that is not committed yet.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    change: &KeyChange,
) -> Result<(), KeyStoreError> {
    if let Some(epoch) = change.epoch {
        lead_by(connection, epoch).await?;
    }
    let last = event::last(connection).await?;
    if last.map_or(0, |last| last.sequence) != change.expected {
        return Err(KeyStoreError::Conflict);
    }
    event::append(connection, &change.events).await?;
    let entered = change
        .events
        .last()
        .map_or(change.expected, |event| event.sequence);
    for step in &change.steps {
        take(connection, step, entered).await?;
    }
    Ok(())
}

/// The fencing token: a leader that was replaced changes nothing.
async fn lead_by(connection: &mut SqliteConnection, epoch: u64) -> Result<(), KeyStoreError> {
    let current: Option<i64> = sqlx::query_scalar("SELECT epoch FROM leader")
        .fetch_optional(connection)
        .await
        .map_err(key_store_error)?;
    if current == Some(signed(epoch)?) {
        Ok(())
    } else {
        Err(KeyStoreError::Conflict)
    }
}

async fn take(connection: &mut SqliteConnection, step: &Step, entered: u64) -> Result<(), KeyStoreError> {
    match step {
        Step::Insert(key) => root::insert(connection, key).await,
        Step::Move {
            id,
            from,
            to,
            activated,
        } => {
            if *to == KeyState::Destroyed {
                unused(connection, *id).await?;
            }
            let destroyed = *to == KeyState::Destroyed;
            let query = sqlx::query(
                "UPDATE wrapped_key SET state = ?3, entered = ?4, activated = coalesce(?5, activated),
                     drawn = coalesce(?5, drawn), wrapped = CASE WHEN ?6 THEN NULL ELSE wrapped END
                 WHERE id = ?1 AND state = ?2",
            )
            .bind(id.as_bytes().as_slice())
            .bind(from.label())
            .bind(to.label())
            .bind(signed(entered)?)
            .bind(activated.map(signed).transpose()?)
            .bind(destroyed);
            changed(query.execute(connection).await)
        }
        Step::Rewrap { id, from, to } => {
            let query = sqlx::query("UPDATE wrapped_key SET wrapped = ?3 WHERE id = ?1 AND wrapped = ?2")
                .bind(id.as_bytes().as_slice())
                .bind(from.as_slice())
                .bind(to.as_slice());
            changed(query.execute(connection).await)
        }
        Step::Escrow(escrowed) => sqlx::query(
            "INSERT INTO escrow (key, ring, sealed) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET sealed = excluded.sealed",
        )
        .bind(escrowed.id.as_bytes().as_slice())
        .bind(escrowed.ring.label())
        .bind(escrowed.sealed.as_slice())
        .execute(connection)
        .await
        .map(drop)
        .map_err(key_store_error),
        Step::Draw { id, from, to } => draw(connection, *id, *from, *to).await,
    }
}

async fn draw(
    connection: &mut SqliteConnection,
    key: KeyId,
    from: u64,
    to: u64,
) -> Result<(), KeyStoreError> {
    let query =
        sqlx::query("UPDATE wrapped_key SET drawn = ?3 WHERE id = ?1 AND drawn = ?2 AND state = 'active'")
            .bind(key.as_bytes().as_slice())
            .bind(signed(from)?)
            .bind(signed(to)?);
    changed(query.execute(connection).await)
}

/// A statement that found nothing to change was meant for another state.
fn changed(done: Result<sqlx::sqlite::SqliteQueryResult, sqlx::Error>) -> Result<(), KeyStoreError> {
    match done.map_err(key_store_error)?.rows_affected() {
        0 => Err(KeyStoreError::Conflict),
        _ => Ok(()),
    }
}

async fn unused(connection: &mut SqliteConnection, key: KeyId) -> Result<(), KeyStoreError> {
    for ring in Ring::MASTER {
        if count(connection, ring, key).await? > 0 {
            return Err(KeyStoreError::InUse);
        }
    }
    Ok(())
}

/// By the headers of the envelopes themselves (bytes 2 to 9, counted from 1), not by what the manifest table says.
async fn count(connection: &mut SqliteConnection, ring: Ring, key: KeyId) -> Result<u64, KeyStoreError> {
    let sql = match ring {
        Ring::Names => {
            "SELECT (SELECT count(*) FROM entry WHERE substr(envelope, 2, 8) = ?1)
                  + (SELECT count(*) FROM manifest WHERE substr(envelope, 2, 8) = ?1 OR names_key = ?1)"
        }
        Ring::Values => "SELECT count(*) FROM manifest WHERE values_key = ?1",
        Ring::Sealing | Ring::Mac => return Ok(0),
    };
    let row = sqlx::query(sql)
        .bind(key.as_bytes().as_slice())
        .fetch_one(connection)
        .await
        .map_err(key_store_error)?;
    counter(&row, 0)
}
