//! Gets deleted bytes out of the write-ahead log soon after a delete, but not after each.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Row as _, SqlitePool};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// Between a delete and the truncation of the log; deletes meanwhile share it.
const DELAY: Duration = Duration::from_secs(2);

/// A background task that truncates the log when called; stops with its owner.
#[derive(Debug)]
pub struct Janitor {
    bell: Arc<Notify>,
    task: AbortHandle,
}

impl Janitor {
    /// Starts it, on the runtime that calls.
    pub fn start(writer: SqlitePool) -> Self {
        let bell = Arc::new(Notify::new());
        let task = tokio::spawn(work(writer, Arc::clone(&bell))).abort_handle();
        Self { bell, task }
    }

    /// Asks for a truncation within seconds; cheap.
    pub fn call(&self) {
        self.bell.notify_one();
    }

    /// Ends it; what was deleted stays in the log until the next truncation.
    pub fn stop(&self) {
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

/// Moves the log into the database and truncates it.
///
/// # Errors
/// [`sqlx::Error::PoolTimedOut`] while a reader is in the way.
pub async fn checkpoint(writer: &SqlitePool) -> Result<(), sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(writer)
        .await?;
    let blocked: i64 = row.try_get(0)?;
    if blocked == 0 {
        Ok(())
    } else {
        Err(sqlx::Error::PoolTimedOut)
    }
}
