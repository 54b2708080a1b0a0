//! The key database: what it keeps, and how it is asked.
//!
//! Everything that tells something is an envelope under the ring of names, or a key wrapped by a key-encryption key;
//! in clear are counters, random ids and the UIDs of objects. Nothing here decrypts.

mod change;
mod error;
mod event;
mod life;
mod root;

use async_trait::async_trait;
use splitvault_crypto::{Id, KeyId};

pub use change::{Escrowed, KeyChange, Leadership, Quarantined, Replica, Step};
pub use error::KeyStoreError;
pub use event::{Cause, Deed, KeyEvent};
pub use life::LifeStore;
pub use root::{KeyState, Ring, Root, WrappedKey};

/// A place that keeps wrapped keys, environments, their manifests and their encrypted rows.
///
/// Every answer is one consistent snapshot, and every change is one transaction that survives a crash once it is
/// acknowledged. After an error other than [`KeyStoreError::Conflict`], [`KeyStoreError::Fenced`],
/// [`KeyStoreError::Rotated`] and [`KeyStoreError::InUse`] the outcome of a change may be unknown.
#[async_trait]
pub trait KeyStore: LifeStore {
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

    /// Up to `limit` revisions of an environment that are stale (see [`Self::stale`]), ascending, and the fence that a
    /// commit made from this knowledge must name.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn stale_revisions(
        &self,
        uid: &str,
        names: KeyId,
        values: KeyId,
        limit: u32,
    ) -> Result<Option<Stale>, KeyStoreError>;

    /// Makes the change as a whole, and adds one to the environment's write counter.
    ///
    /// # Errors
    /// [`KeyStoreError::Conflict`] when the counter is not the expected one, [`KeyStoreError::Fenced`] when the
    /// fence was raised since, [`KeyStoreError::Rotated`] when a key that it was sealed under is not active: nothing is
    /// changed then.
    async fn commit(&self, commit: &Commit) -> Result<(), KeyStoreError> {
        let outcomes = self.commit_all(std::slice::from_ref(commit)).await?;
        outcomes
            .into_iter()
            .next()
            .unwrap_or(Err(KeyStoreError::Internal))
    }

    /// Makes several changes in one transaction, and answers for each whether it was made. A conflict of one does not
    /// keep the others from being made.
    ///
    /// # Errors
    /// As [`Self::commit`], but for conflicts: none of the changes is made then.
    async fn commit_all(&self, commits: &[Commit]) -> Result<Vec<Result<(), KeyStoreError>>, KeyStoreError>;

    /// Up to `limit` UIDs of objects that have a revision whose rows are not under this key of names, or whose values
    /// are not under this key of values, and which is not in quarantine; in no particular order.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn stale(&self, names: KeyId, values: KeyId, limit: u32) -> Result<Vec<String>, KeyStoreError>;

    /// How many environments there are, and how many of them are stale, those in quarantine included.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn progress(&self, names: KeyId, values: KeyId) -> Result<(u64, u64), KeyStoreError>;

    /// Makes every revision that is not in quarantine count as stale, so that all are re-encrypted once more; answers how
    /// many there are.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn distrust(&self) -> Result<u64, KeyStoreError>;

    /// Puts a revision that cannot be opened into quarantine. A commit of its rows lets it out.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn quarantine(&self, environment: Id, revision: u64) -> Result<(), KeyStoreError>;

    /// Lets every revision out of quarantine.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn release(&self) -> Result<(), KeyStoreError>;

    /// Up to `limit` revisions that are in quarantine, of one object or of all, in no particular order.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    async fn quarantined(&self, uid: Option<&str>, limit: u32) -> Result<Vec<Quarantined>, KeyStoreError>;

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

/// What of an environment is under keys that are not active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// For [`Commit::fence`].
    pub fence: u64,
    /// The environment.
    pub head: Head,
    /// Stale revisions, each whole.
    pub revisions: Vec<(u64, Revision)>,
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
    /// The key of names that everything in here is sealed under.
    pub names_key: KeyId,
    /// The key of values that the values of these rows are sealed under.
    pub values_key: KeyId,
    /// The current revision afterwards.
    pub revision: u64,
    /// Manifests to put in place, by revision.
    pub manifests: Vec<(u64, Vec<u8>)>,
    /// Revisions whose rows are replaced as a whole; each has its manifest here or in the database.
    pub rows: Vec<(u64, Vec<Row>)>,
    /// Revisions to forget.
    pub dropped: Vec<u64>,
}
