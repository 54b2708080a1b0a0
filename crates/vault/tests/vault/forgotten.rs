//! Values that were put for a change that then did not come to a commit are forgotten at once, not left to a sweep.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use splitvault_values::{StoreError, Token, ValueStore};
use splitvault_vault::{Cause, Ring, SourceDigestInput, Vault, WriteError};

use crate::fixture::{Home, dotenv};

/// A value store that takes so many puts and no more.
struct Taking {
    inner: Arc<dyn ValueStore>,
    puts: AtomicUsize,
}

impl Taking {
    fn allow(&self, puts: usize) {
        self.puts.store(puts, Ordering::SeqCst);
    }
}

#[async_trait]
impl ValueStore for Taking {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        let left = |left: usize| left.checked_sub(1);
        self.puts
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            .map_err(|_| StoreError::Unavailable)?;
        self.inner.put(envelopes).await
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.get(tokens).await
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        self.inner.delete(tokens).await
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        self.inner.list(after, limit).await
    }

    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        self.inner.count_part(key, first).await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.inner.checkpoint().await
    }
}

#[tokio::test]
async fn a_batch_whose_second_message_fails_leaves_nothing_of_the_first() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    let taking = Arc::new(Taking {
        inner: installation.values.clone(),
        puts: AtomicUsize::new(usize::MAX),
    });
    let vault = Vault::open(installation.keys.clone(), taking.clone(), home.keks());
    let vault = vault.await.unwrap();
    // Each is padded to 64 KiB, so that three environments are more than one message.
    let value = "x".repeat(32 * 1024);
    let names: Vec<_> = (0..25).map(|n| format!("A{n}")).collect();
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    for uid in ["a", "b", "c"] {
        let source = SourceDigestInput(uid.as_bytes());
        vault
            .write(uid, &dotenv(&variables), &source, &[], 0)
            .await
            .unwrap();
    }
    vault.beat(now).await.unwrap();
    assert!(vault.lead(now).await.unwrap());
    vault
        .begin_rotation(Ring::Values, Cause::Requested, now)
        .await
        .unwrap();
    vault.advance(now, 1_000).await.unwrap();
    let before = installation.tokens().await;
    for puts in [0, 1] {
        taking.allow(puts);
        let failed = vault.reseal_stale(1_000).await;
        assert_eq!(failed, Err(WriteError::Values(StoreError::Unavailable)), "{puts}");
        assert_eq!(installation.tokens().await, before, "after {puts} puts");
    }
    taking.allow(usize::MAX);
    assert_eq!(vault.reseal_stale(1_000).await.unwrap().environments, 3);
    assert_eq!(installation.tokens().await.len(), before.len());
}

#[tokio::test]
async fn a_write_whose_manifest_does_not_fit_leaves_no_value() {
    let home = Home::new();
    let installation = home.open().await;
    // No object has such a UID; but whatever makes a manifest too large is found out after the values were put.
    let uid = "u".repeat(32 * 1024 * 1024);
    let refused = installation.write(&uid, &[("A", "1")], 0).await;
    assert!(matches!(refused, Err(WriteError::TooLarge { .. })), "{refused:?}");
    assert_eq!(installation.tokens().await, []);
}
