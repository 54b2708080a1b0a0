//! Orphans go; what a write in flight may still claim does not.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use splitvault_values::{StoreError, Token, ValueStore};
use splitvault_vault::{SweepError, Vault};
use tokio::sync::{Notify, Semaphore};

use crate::fixture::{Home, Installation, dotenv, owned, pairs};

/// A value store whose next put waits, after it has put, until it is let go.
struct Gate {
    inner: Arc<dyn ValueStore>,
    arrived: Notify,
    listed: Notify,
    go: Semaphore,
}

impl Gate {
    fn before(inner: Arc<dyn ValueStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            arrived: Notify::new(),
            listed: Notify::new(),
            go: Semaphore::new(0),
        })
    }
}

#[async_trait]
impl ValueStore for Gate {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        let tokens = self.inner.put(envelopes).await;
        self.arrived.notify_one();
        // Let go once, it stays open.
        drop(self.go.acquire().await);
        tokens
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.get(tokens).await
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        self.inner.delete(tokens).await
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        let page = self.inner.list(after, limit).await;
        self.listed.notify_one();
        page
    }

    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        self.inner.count_part(key, first).await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.inner.checkpoint().await
    }
}

/// A vault on the same files whose writes stop between put and commit.
async fn gated(home: &Home, installation: &Installation) -> (Arc<Vault>, Arc<Gate>) {
    let gate = Gate::before(installation.values.clone());
    let vault = Vault::open(installation.keys.clone(), gate.clone(), home.keks());
    (Arc::new(vault.await.unwrap()), gate)
}

#[tokio::test]
async fn orphans_go_and_nothing_else() {
    let home = Home::new();
    let installation = home.open().await;
    for value in ["1", "2", "3"] {
        installation.write("uid", &[("A", value)], 1).await.unwrap();
    }
    installation.write("other", &[("B", "b")], 0).await.unwrap();
    let claimed = installation.tokens().await;
    assert_eq!(claimed.len(), 3);
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 0);
    let orphans: Vec<_> = (0..500).map(|_| Bytes::from_static(b"orphan")).collect();
    installation.values.put(orphans).await.unwrap();
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 500);
    assert_eq!(installation.tokens().await, claimed);
    assert_eq!(
        installation
            .vault
            .read_revision("uid", 2)
            .await
            .unwrap()
            .map(|e| pairs(&e.dotenv)),
        Some(owned(&[("A", "2")]))
    );
}

#[tokio::test]
async fn a_write_in_flight_survives_a_sweep() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "old")], 0).await.unwrap();
    let (vault, gate) = gated(&home, &installation).await;
    let writer = vault.clone();
    let write = tokio::spawn(async move {
        let source = splitvault_vault::SourceDigestInput(b"new");
        writer
            .write("uid", &dotenv(&[("A", "new")]), &source, &[], 0)
            .await
    });
    gate.arrived.notified().await;
    assert_eq!(installation.tokens().await.len(), 2, "put, not committed");
    // From another vault on the same files, as another process would.
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 1);
    gate.go.close();
    let written = write.await.unwrap().unwrap();
    assert_eq!((written.revision, written.changed), (2, true));
    assert_eq!(installation.read("uid").await, owned(&[("A", "new")]));
    assert_eq!(installation.tokens().await.len(), 1);
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 0);
}

#[tokio::test]
async fn a_write_of_the_same_process_is_let_land_first() {
    let home = Home::new();
    let installation = home.open().await;
    let (vault, gate) = gated(&home, &installation).await;
    let (writer, sweeper) = (vault.clone(), vault);
    let write = tokio::spawn(async move {
        let source = splitvault_vault::SourceDigestInput(b"new");
        let variables = dotenv(&[("A", "new")]);
        writer.write("uid", &variables, &source, &[], 0).await
    });
    gate.arrived.notified().await;
    let before = installation.tokens().await;
    assert_eq!(before.len(), 1, "put, not committed");
    let sweep = tokio::spawn(async move { sweeper.sweep().await });
    gate.listed.notified().await;
    gate.go.close();
    assert_eq!(sweep.await.unwrap().unwrap().removed, 0);
    assert!(write.await.unwrap().unwrap().changed);
    assert_eq!(
        installation.tokens().await,
        before,
        "it did not have to begin again"
    );
    let fence = home
        .key_hand()
        .await
        .number("SELECT fence FROM installation")
        .await;
    assert_eq!(fence, 0, "nor was the fence raised");
}

#[tokio::test]
async fn a_write_cut_off_between_put_and_commit_leaves_an_orphan() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "old")], 0).await.unwrap();
    let (vault, gate) = gated(&home, &installation).await;
    let write = tokio::spawn(async move {
        let source = splitvault_vault::SourceDigestInput(b"new");
        vault
            .write("uid", &dotenv(&[("A", "new")]), &source, &[], 0)
            .await
    });
    gate.arrived.notified().await;
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    assert_eq!(installation.read("uid").await, owned(&[("A", "old")]));
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 1);
    assert_eq!(installation.read("uid").await, owned(&[("A", "old")]));
}

/// A value store that lists what it likes.
struct Liar(Vec<Token>);

#[async_trait]
impl ValueStore for Liar {
    async fn put(&self, _: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        Ok(Vec::new())
    }

    async fn get(&self, _: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &[Token]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list(&self, _: Option<Token>, _: u32) -> Result<Vec<Token>, StoreError> {
        Ok(self.0.clone())
    }

    async fn count_part(&self, _: [u8; 8], _: u8) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_store_that_answers_nonsense_is_not_believed() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    let token = |byte| Token::from_bytes([byte; 16]);
    for listed in [vec![token(2), token(1)], vec![token(1), token(2)]] {
        let liar = Arc::new(Liar(listed));
        let vault = Vault::open(installation.keys.clone(), liar, home.keks())
            .await
            .unwrap();
        assert_eq!(
            vault.sweep().await,
            Err(SweepError::Values(StoreError::Protocol)),
            "out of order, or the same page again and again"
        );
        assert!(vault.read("uid").await.is_err(), "fewer answers than questions");
        let source = splitvault_vault::SourceDigestInput(b"");
        let written = vault.write("uid", &dotenv(&[("A", "2")]), &source, &[], 0).await;
        assert!(written.is_err(), "fewer tokens than values");
    }
    assert_eq!(installation.read("uid").await, owned(&[("A", "1")]));
}
