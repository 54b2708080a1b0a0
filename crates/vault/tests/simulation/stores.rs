//! Both stores at the far end of a line.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use splitvault_crypto::{Id, KeyId};
use splitvault_values::{StoreError, Token, ValueStore};
use splitvault_vault::KeyStoreError;
use splitvault_vault::keys::{
    Commit, Escrowed, Head, KeyChange, KeyEvent, KeyStore, Leadership, LifeStore, Quarantined, Replica,
    Revision, Ring, Root, Row, Stale, Standing,
};

use crate::network::{Guard, Line};

/// A store as a replica reaches it.
pub(crate) struct Far<S: ?Sized> {
    pub(crate) line: Line,
    pub(crate) store: Arc<S>,
}

/// Sends what the call says, with its own copies of these arguments, so that it may be sent twice or arrive late.
macro_rules! send {
    ($self:ident, $store:ident, [$($argument:ident),*], $call:expr) => {
        send!($self, true, $store, [$($argument),*], $call)
    };
    ($self:ident, $delayable:expr, $store:ident, [$($argument:ident),*], $call:expr) => {{
        let far = Arc::clone(&$self.store);
        $self
            .line
            .call($delayable, move || {
                let $store = Arc::clone(&far);
                $(let $argument = $argument.clone();)*
                Box::pin(async move { $call.await })
            })
            .await
    }};
}

#[async_trait]
impl<S: ValueStore + ?Sized> ValueStore for Far<S> {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        send!(self, store, [envelopes], store.put(envelopes))
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let tokens = tokens.to_vec();
        send!(self, store, [tokens], store.get(&tokens))
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        let tokens = tokens.to_vec();
        send!(self, store, [tokens], store.delete(&tokens))
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        send!(self, store, [], store.list(after, limit))
    }

    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        send!(self, store, [], store.count_part(key, first))
    }

    // One message for all 256 parts: they are only a way to keep each short.
    async fn count(&self, key: [u8; 8]) -> Result<u64, StoreError> {
        if self.line.lacks(Guard::Count) {
            return Ok(0);
        }
        send!(self, store, [], store.count(key))
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        send!(self, store, [], store.checkpoint())
    }
}

#[async_trait]
impl<S: KeyStore + ?Sized> KeyStore for Far<S> {
    async fn standing(&self, uid: &str) -> Result<Standing, KeyStoreError> {
        let uid = uid.to_owned();
        send!(self, store, [uid], store.standing(&uid))
    }

    async fn current(&self, uid: &str) -> Result<Option<(Head, Vec<Row>)>, KeyStoreError> {
        let uid = uid.to_owned();
        send!(self, store, [uid], store.current(&uid))
    }

    async fn revision(&self, environment: Id, revision: u64) -> Result<Option<Revision>, KeyStoreError> {
        send!(self, store, [], store.revision(environment, revision))
    }

    async fn revisions(&self, environment: Id) -> Result<Vec<u64>, KeyStoreError> {
        send!(self, store, [], store.revisions(environment))
    }

    async fn uids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, KeyStoreError> {
        let after = after.map(ToOwned::to_owned);
        send!(self, store, [after], store.uids(after.as_deref(), limit))
    }

    async fn stale_revisions(
        &self,
        uid: &str,
        names: KeyId,
        values: KeyId,
        limit: u32,
    ) -> Result<Option<Stale>, KeyStoreError> {
        let uid = uid.to_owned();
        send!(
            self,
            store,
            [uid],
            store.stale_revisions(&uid, names, values, limit)
        )
    }

    /// A first commit does not arrive late: after a removal it would bring the object back, which nothing that the
    /// database knows could tell from being made again.
    async fn commit_all(&self, commits: &[Commit]) -> Result<Vec<Result<(), KeyStoreError>>, KeyStoreError> {
        let delayable = commits.iter().all(|commit| commit.expected.is_some());
        let commits = commits.to_vec();
        let (fence, compare) = (
            !self.line.lacks(Guard::WriterFence),
            !self.line.lacks(Guard::Comparison),
        );
        send!(self, delayable, store, [commits], async move {
            let mut commits = commits;
            if !fence {
                without_fence(&*store, &mut commits).await?;
            }
            if !compare {
                without_comparison(&*store, &mut commits).await?;
            }
            store.commit_all(&commits).await
        })
    }

    async fn stale(&self, names: KeyId, values: KeyId, limit: u32) -> Result<Vec<String>, KeyStoreError> {
        let limit = if self.line.lacks(Guard::Count) { 0 } else { limit };
        send!(self, store, [], store.stale(names, values, limit))
    }

    async fn progress(&self, names: KeyId, values: KeyId) -> Result<(u64, u64), KeyStoreError> {
        send!(self, store, [], store.progress(names, values))
    }

    async fn distrust(&self) -> Result<u64, KeyStoreError> {
        send!(self, store, [], store.distrust())
    }

    async fn quarantine(&self, environment: Id, revision: u64) -> Result<(), KeyStoreError> {
        send!(self, store, [], store.quarantine(environment, revision))
    }

    async fn release(&self) -> Result<(), KeyStoreError> {
        send!(self, store, [], store.release())
    }

    async fn quarantined(&self, uid: Option<&str>, limit: u32) -> Result<Vec<Quarantined>, KeyStoreError> {
        let uid = uid.map(ToOwned::to_owned);
        send!(self, store, [uid], store.quarantined(uid.as_deref(), limit))
    }

    async fn remove(&self, environment: Id, writes: u64) -> Result<(), KeyStoreError> {
        send!(self, store, [], store.remove(environment, writes))
    }

    async fn raise_fence(&self) -> Result<(), KeyStoreError> {
        if self.line.lacks(Guard::SweepFence) {
            return Ok(());
        }
        send!(self, store, [], store.raise_fence())
    }
}

#[async_trait]
impl<S: KeyStore + ?Sized> LifeStore for Far<S> {
    async fn root(&self) -> Result<Option<Root>, KeyStoreError> {
        send!(self, store, [], store.root())
    }

    async fn found(&self, root: Root, events: Vec<KeyEvent>) -> Result<Root, KeyStoreError> {
        send!(self, store, [root, events], store.found(root, events))
    }

    async fn change(&self, change: &KeyChange) -> Result<(), KeyStoreError> {
        let change = change.clone();
        send!(self, store, [change], store.change(&change))
    }

    async fn claim(&self, epoch: u64, key: KeyId, from: u64, to: u64) -> Result<(), KeyStoreError> {
        send!(self, store, [], store.claim(epoch, key, from, to))
    }

    async fn reserve(&self, operations: &[(KeyId, u64)]) -> Result<(), KeyStoreError> {
        let operations = operations.to_vec();
        send!(self, store, [operations], store.reserve(&operations))
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<KeyEvent>, KeyStoreError> {
        send!(self, store, [], store.events(after, limit))
    }

    async fn escrowed(&self) -> Result<Vec<Escrowed>, KeyStoreError> {
        send!(self, store, [], store.escrowed())
    }

    async fn beat(&self, replica: &Replica) -> Result<(), KeyStoreError> {
        let replica = *replica;
        send!(self, store, [replica], store.beat(&replica))
    }

    async fn replicas(&self, seen: RangeInclusive<u64>) -> Result<Vec<Replica>, KeyStoreError> {
        let mut replicas: Vec<Replica> = send!(self, store, [seen], store.replicas(seen.clone()))?;
        if self.line.lacks(Guard::Acknowledgement) {
            replicas
                .iter_mut()
                .for_each(|replica| replica.acknowledged = u64::MAX);
        }
        Ok(replicas)
    }

    async fn leave(&self, replica: Id) -> Result<(), KeyStoreError> {
        send!(self, store, [], store.leave(replica))
    }

    async fn lead(&self, holder: Id, now: u64, expired: u64) -> Result<Leadership, KeyStoreError> {
        send!(self, store, [], store.lead(holder, now, expired))
    }

    async fn count(&self, ring: Ring, key: KeyId) -> Result<u64, KeyStoreError> {
        if self.line.lacks(Guard::Count) {
            return Ok(0);
        }
        send!(self, store, [], store.count(ring, key))
    }

    async fn checkpoint(&self) -> Result<(), KeyStoreError> {
        send!(self, store, [], store.checkpoint())
    }
}

/// The commits say that they were sealed under whatever is active now.
async fn without_fence<S: LifeStore + ?Sized>(
    store: &S,
    commits: &mut [Commit],
) -> Result<(), KeyStoreError> {
    let root = store.root().await?.ok_or(KeyStoreError::Internal)?;
    let active = |ring| root.active(ring).map(|key| key.id).ok_or(KeyStoreError::Internal);
    for commit in commits {
        (commit.names_key, commit.values_key) = (active(Ring::Names)?, active(Ring::Values)?);
    }
    Ok(())
}

/// The commits say that they were made from whatever is there now.
async fn without_comparison<S: KeyStore + ?Sized>(
    store: &S,
    commits: &mut [Commit],
) -> Result<(), KeyStoreError> {
    for commit in commits.iter_mut().filter(|commit| commit.expected.is_some()) {
        let head = store.standing(&commit.uid).await?.head;
        commit.expected = head.map(|head| head.writes).or(commit.expected);
    }
    Ok(())
}
