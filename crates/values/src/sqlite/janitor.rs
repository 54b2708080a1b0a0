//! Gets deleted bytes out of the write-ahead log soon after a delete, but not after each.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Row as _, SqlitePool};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::error::store_error;
use crate::StoreError;

/// Between a delete and the truncation of the log; deletes meanwhile share it.
const DELAY: Duration = Duration::from_secs(2);

/// A background task that truncates the log when called; stops with its owner.
#[derive(Debug)]
pub(super) struct Janitor {
    bell: Arc<Notify>,
    task: AbortHandle,
}

impl Janitor {
    pub(super) fn start(writer: SqlitePool) -> Self {
        let bell = Arc::new(Notify::new());
        let task = tokio::spawn(work(writer, Arc::clone(&bell))).abort_handle();
        Self { bell, task }
    }

    /// Asks for a truncation within seconds; cheap.
    pub(super) fn call(&self) {
        self.bell.notify_one();
    }

    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn work(writer: SqlitePool, bell: Arc<Notify>) {
    loop {
        bell.notified().await;
        tokio::time::sleep(DELAY).await;
        match checkpoint(&writer).await {
            Ok(()) => {}
            Err(_) if writer.is_closed() => return,
            // A reader held on to the log: deleted bytes are still there, so try again.
            Err(_) => bell.notify_one(),
        }
    }
}

pub(super) async fn checkpoint(writer: &SqlitePool) -> Result<(), StoreError> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(writer)
        .await
        .map_err(store_error)?;
    let blocked: i64 = row.try_get(0).map_err(store_error)?;
    if blocked == 0 {
        Ok(())
    } else {
        Err(StoreError::Unavailable)
    }
}
