//! The key database: what it keeps, and how it is asked.
//!
//! Everything that tells something is an envelope under the ring of names, or a key wrapped by a key-encryption key;
//! in clear are counters, random ids and the UIDs of objects. Nothing here decrypts.

mod error;
mod root;

use async_trait::async_trait;
use splitvault_crypto::Id;

pub use error::KeyStoreError;
pub use root::{KeyState, Ring, Root, WrappedKey};

/// A place that keeps wrapped keys, environments, their manifests and their encrypted rows.
///
/// Every answer is one consistent snapshot, and every change is one transaction that survives a crash once it is
/// acknowledged. After an error other than [`KeyStoreError::Conflict`] and [`KeyStoreError::Fenced`] the outcome of
/// a change may be unknown.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// The installation and all its keys; `None` before the first start.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn root(&self) -> Result<Option<Root>, KeyStoreError>;

    /// Keeps this root if there is none yet, whole or not at all, and answers the one that is there then.
    ///
    /// # Errors
    /// See [`KeyStoreError`]; two active keys for one ring are refused.
    async fn found(&self, root: Root) -> Result<Root, KeyStoreError>;

    /// Where the environment of an object stands, and the fence that a commit made from this knowledge must name.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn standing(&self, uid: &str) -> Result<Standing, KeyStoreError>;

    /// The environment of an object with the rows of its current revision, in no particular order.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn current(&self, uid: &str) -> Result<Option<(Head, Vec<Row>)>, KeyStoreError>;

    /// One revision of an environment, the current one or an older one.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn revision(&self, environment: Id, revision: u64) -> Result<Option<Revision>, KeyStoreError>;

    /// The revisions of an environment that are kept, ascending.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn revisions(&self, environment: Id) -> Result<Vec<u64>, KeyStoreError>;

    /// Up to `limit` UIDs greater than `after`, ascending by byte; an empty page is the end.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn uids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, KeyStoreError>;

    /// Makes the change as a whole, and adds one to the environment's write counter.
    ///
    /// # Errors
    /// [`KeyStoreError::Conflict`] when the counter is not the expected one, [`KeyStoreError::Fenced`] when the
    /// fence was raised since: nothing is changed then.
    async fn commit(&self, commit: &Commit) -> Result<(), KeyStoreError>;

    /// Forgets an environment with all its revisions, if its write counter is this one.
    ///
    /// # Errors
    /// [`KeyStoreError::Conflict`] when the counter is another or the environment is gone.
    async fn remove(&self, environment: Id, writes: u64) -> Result<(), KeyStoreError>;

    /// Makes every commit fail that was begun before this call and has not been made.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn raise_fence(&self) -> Result<(), KeyStoreError>;
}

/// What stands in clear about an environment, and the manifest of its current revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Random, bound into every envelope.
    pub environment: Id,
    /// The UID of the object that it belongs to.
    pub uid: String,
    /// The content revision, from 1.
    pub revision: u64,
    /// How many commits there were, re-encryption included, from 1.
    pub writes: u64,
    /// The current manifest's envelope; empty when it is not there.
    pub manifest: Vec<u8>,
}

/// Where a write begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// For [`Commit::fence`].
    pub fence: u64,
    /// The environment, if there is one.
    pub head: Option<Head>,
}

/// An encrypted row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Random; the entry coordinate of the row and of its value.
    pub id: Id,
    /// Encrypted under the ring of names.
    pub envelope: Vec<u8>,
}

/// One revision whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The manifest's envelope.
    pub manifest: Vec<u8>,
    /// Its rows, in no particular order.
    pub rows: Vec<Row>,
}

/// A change of one environment.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The UID of the object.
    pub uid: String,
    /// The environment's id.
    pub environment: Id,
    /// The write counter that the change was made from; `None` makes the environment.
    pub expected: Option<u64>,
    /// The fence that was read before any value was put.
    pub fence: u64,
    /// The current revision afterwards.
    pub revision: u64,
    /// Manifests to put in place, by revision.
    pub manifests: Vec<(u64, Vec<u8>)>,
    /// Revisions whose rows are replaced as a whole; each has its manifest here or in the database.
    pub rows: Vec<(u64, Vec<Row>)>,
    /// Revisions to forget.
    pub dropped: Vec<u64>,
}
