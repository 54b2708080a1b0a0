//! What a client does while the store is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use splitvault_store::Limits;
use splitvault_values::grpc::{Deadlines, RemoteValues};
use splitvault_values::{StoreError, Token, ValueStore};

use crate::certificates::Authority;
use crate::fixture::{Server, connect, eventually};

/// Answers the first calls with an outage, and the later ones with nothing found; counts all.
#[derive(Clone)]
struct Flaky {
    outages: u32,
    calls: Arc<AtomicU32>,
}

impl Flaky {
    fn call<T>(&self, answer: T) -> Result<T, StoreError> {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst);
        if calls < self.outages {
            Err(StoreError::Unavailable)
        } else {
            Ok(answer)
        }
    }
}

#[async_trait]
impl ValueStore for Flaky {
    async fn put(&self, _: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        self.call(Vec::new())
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.call(vec![None; tokens.len()])
    }

    async fn delete(&self, _: &[Token]) -> Result<(), StoreError> {
        self.call(())
    }

    async fn list(&self, _: Option<Token>, _: u32) -> Result<Vec<Token>, StoreError> {
        self.call(Vec::new())
    }

    async fn count_part(&self, _: [u8; 8], _: u8) -> Result<u64, StoreError> {
        self.call(0)
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.call(())
    }
}

async fn flaky(outages: u32) -> (Server, Flaky) {
    let store = Flaky {
        outages,
        calls: Arc::default(),
    };
    let server = Server::over(tempfile::tempdir().unwrap(), store.clone(), Limits::default()).await;
    (server, store)
}

#[tokio::test]
async fn all_but_puts_are_tried_again() {
    let token = Token::make().unwrap();
    let (server, store) = flaky(3).await;
    assert_eq!(server.operator().get(&[token]).await, Ok(vec![None]));
    assert_eq!(store.calls.load(Ordering::SeqCst), 4);
    let (server, _) = flaky(3).await;
    assert_eq!(server.operator().list(None, 1).await, Ok(vec![]));
    let (server, _) = flaky(3).await;
    assert_eq!(server.operator().delete(&[token]).await, Ok(()));
    let (server, _) = flaky(3).await;
    assert_eq!(server.operator().count_part([0; 8], 0).await, Ok(0));
    let (server, _) = flaky(3).await;
    assert_eq!(server.operator().checkpoint().await, Ok(()));
}

#[tokio::test]
async fn an_outage_that_lasts_is_told() {
    let (server, store) = flaky(u32::MAX).await;
    assert_eq!(
        server.operator().list(None, 1).await,
        Err(StoreError::Unavailable)
    );
    assert_eq!(store.calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_put_is_tried_once() {
    let (server, store) = flaky(1).await;
    let put = server.operator().put(vec![Bytes::from_static(b"once")]).await;
    assert_eq!(put, Err(StoreError::Unavailable));
    assert_eq!(store.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_of_the_wrong_length_is_not_believed() {
    let (server, _) = flaky(0).await;
    let put = server
        .operator()
        .put(vec![Bytes::from_static(b"one envelope, no token")])
        .await;
    assert_eq!(put, Err(StoreError::Protocol));
}

/// Takes connections and never says a word.
#[tokio::test]
async fn a_silent_store_is_unavailable_after_the_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = connect(listener.local_addr().unwrap(), Authority::new().operator_config());
    let deadline = Duration::from_millis(50);
    let values = RemoteValues::new(channel).with_deadlines(Deadlines {
        short: deadline,
        put: deadline,
    });
    assert_eq!(values.put(vec![Bytes::new()]).await, Err(StoreError::Unavailable));
    assert_eq!(values.list(None, 1).await, Err(StoreError::Unavailable));
}

#[tokio::test]
async fn the_same_client_goes_on_after_a_restart_of_the_store() {
    let server = Server::start().await;
    let operator = server.operator();
    let tokens = operator.put(vec![Bytes::from_static(b"kept")]).await.unwrap();
    let server = server.restart().await;
    eventually("the client is connected again", async || {
        operator.get(&tokens).await == Ok(vec![Some(Bytes::from_static(b"kept"))])
    })
    .await;
    drop(server);
}
