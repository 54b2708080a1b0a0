//! A stop that loses nothing.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use splitvault_store::Limits;
use splitvault_values::sqlite::SqliteValues;
use splitvault_values::{StoreError, Token, ValueStore};
use tokio::sync::Notify;

use crate::fixture::Server;
use crate::handshake::greet;

/// A store whose puts wait until they are let through.
struct Gate {
    values: SqliteValues,
    entered: Arc<Notify>,
    open: Arc<Notify>,
}

#[async_trait]
impl ValueStore for Gate {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        self.entered.notify_one();
        self.open.notified().await;
        self.values.put(envelopes).await
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.values.get(tokens).await
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        self.values.delete(tokens).await
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        self.values.list(after, limit).await
    }

    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        self.values.count_part(key, first).await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.values.checkpoint().await
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("values.db");
    let (entered, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let values = SqliteValues::open(&path).await.unwrap();
    let gate = Gate {
        values,
        entered: Arc::clone(&entered),
        open: Arc::clone(&open),
    };
    let server = Server::over(directory, gate, Limits::default()).await;
    let operator = server.operator();
    let put = tokio::spawn(async move { operator.put(vec![Bytes::from_static(b"late")]).await });

    entered.notified().await;
    server.shutdown.cancel();
    let config = server.authority.operator_config();
    crate::fixture::eventually("no new client is let in", async || {
        greet(server.address, Arc::clone(&config)).await.is_err()
    })
    .await;
    assert!(!server.task.is_finished(), "the server waits for the put");
    open.notify_one();

    let tokens = put.await.unwrap().unwrap();
    server.task.await.unwrap();
    let kept = SqliteValues::open(&path)
        .await
        .unwrap()
        .get(&tokens)
        .await
        .unwrap();
    assert_eq!(kept, [Some(Bytes::from_static(b"late"))]);
}
