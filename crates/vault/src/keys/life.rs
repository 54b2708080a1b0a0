//! What a key database keeps of the life of keys: which there are, who leads, who knows of what, and what happened.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use splitvault_crypto::{Id, KeyId};

use super::{Escrowed, KeyChange, KeyEvent, KeyStoreError, Leadership, Replica, Ring, Root};

/// The part of a [`super::KeyStore`] that is about keys.
///
/// Exactly one key of each ring is active, whatever anybody asks for.
#[async_trait]
pub trait LifeStore: Send + Sync + 'static {
    /// The installation and all its keys; `None` before the first start.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn root(&self) -> Result<Option<Root>, KeyStoreError>;

    /// Keeps this root, with the log that tells of it, if there is none yet, whole or not at all, and answers the one
    /// that is there then.
    ///
    /// # Errors
    /// See [`KeyStoreError`]; two active keys for one ring are refused.
    async fn found(&self, root: Root, events: Vec<KeyEvent>) -> Result<Root, KeyStoreError>;

    /// Makes the change as a whole.
    ///
    /// # Errors
    /// [`KeyStoreError::Conflict`] when the log has gone on, the epoch is not the leader's, or a key is not where a
    /// step takes it from; [`KeyStoreError::InUse`] when something is still encrypted under a key that was to be
    /// destroyed: nothing is changed then.
    async fn change(&self, change: &KeyChange) -> Result<(), KeyStoreError>;

    /// Claims the draw for a key: it was made up to `from`, and is now made up to `to`.
    ///
    /// # Errors
    /// [`KeyStoreError::Conflict`] when somebody else claimed it, or the epoch is not the leader's.
    async fn claim(&self, epoch: u64, key: KeyId, from: u64, to: u64) -> Result<(), KeyStoreError>;

    /// Counts operations for keys, before they are done.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn reserve(&self, operations: &[(KeyId, u64)]) -> Result<(), KeyStoreError>;

    /// Up to `limit` events of the key log after number `after`, ascending.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn events(&self, after: u64, limit: u32) -> Result<Vec<KeyEvent>, KeyStoreError>;

    /// The keys that are kept for the offline recipient, in no particular order.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn escrowed(&self) -> Result<Vec<Escrowed>, KeyStoreError>;

    /// Notes that a replica is there and what it has seen.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn beat(&self, replica: &Replica) -> Result<(), KeyStoreError>;

    /// The replicas that were there last at a time in `seen` (milliseconds of Unix time); forgets the others.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn replicas(&self, seen: RangeInclusive<u64>) -> Result<Vec<Replica>, KeyStoreError>;

    /// Forgets a replica that goes; if it leads, another may at once.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn leave(&self, replica: Id) -> Result<(), KeyStoreError>;

    /// Makes `holder` the leader, or keeps it that, if it is that already or the leader was last there before `expired`
    /// (milliseconds of Unix time); answers who leads then. A new leader gets a new epoch.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn lead(&self, holder: Id, now: u64, expired: u64) -> Result<Leadership, KeyStoreError>;

    /// How many envelopes in this database are encrypted under a key of names, or belong to values that are encrypted
    /// under a key of values. Looks at each one.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn count(&self, ring: Ring, key: KeyId) -> Result<u64, KeyStoreError>;

    /// Sees to it that what was deleted before this call is in no file any more.
    ///
    /// # Errors
    /// [`KeyStoreError::Unavailable`] while a reader is in the way.
    async fn checkpoint(&self) -> Result<(), KeyStoreError>;
}
