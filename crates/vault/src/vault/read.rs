//! Reading. Every answer is checked against the manifest, and none is kept.

use splitvault_dotenv::Dotenv;

use super::rings::Rings;
use super::{ATTEMPTS, Vault};
use crate::environment::{Described, Environment, HistoryEntry, Named};
use crate::error::ReadError;
use crate::keys::{Head, KeyStoreError};
use crate::manifest::Manifest;

impl Vault {
    /// Tells about an environment from its manifest alone; `None` when there is none.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn describe(&self, uid: &str) -> Result<Option<Described>, ReadError> {
        let Some((head, manifest)) = self.current(uid).await? else {
            return Ok(None);
        };
        Ok(Some(Described {
            revision: head.revision,
            digest: manifest.digest,
            source_digest: manifest.source,
            entries: manifest.entries(),
            history: manifest.history.len(),
            restored_from: manifest.restored_from,
            digest_key: manifest.digest_key,
            created: manifest.created,
        }))
    }

    /// The current manifest.
    async fn current(&self, uid: &str) -> Result<Option<(Head, Manifest)>, ReadError> {
        let mut tries = 0;
        loop {
            let rings = self.rings.load_full();
            let Some(head) = self.keys.standing(uid).await?.head else {
                return Ok(None);
            };
            match self.manifest(&rings, &head).map_err(ReadError::from) {
                Err(error) if self.outdated(&mut tries, error.missing_key()).await => {}
                opened => return Ok(Some((head, opened?))),
            }
        }
    }

    /// Holds an environment against the revision and digest that were last seen somewhere else, such as in an object's
    /// status; a later revision is fine. What was found rolled back is remembered: until a check of it passes or it is
    /// removed, nothing is swept. What a [`Self::read`] found tampered with is read whole, until that succeeds.
    ///
    /// # Errors
    /// [`ReadError::RolledBack`] for an earlier revision or none, [`ReadError::Tampered`] for another content under
    /// the same revision; else as for [`Self::describe`] and, where it is read, [`Self::read`].
    pub async fn check(
        &self,
        uid: &str,
        revision: u64,
        digest: &[u8; 32],
    ) -> Result<Option<Described>, ReadError> {
        let described = self.describe(uid).await?;
        let found = described.as_ref();
        let found = found.map(|described| (described.revision, &described.digest));
        self.compare(uid, (revision, digest), found)?;
        if self.suspects.is_tampered(uid) {
            self.read(uid).await?;
        }
        self.suspects.clear(uid);
        Ok(described)
    }

    /// [`Self::check`] and [`Self::read`] with one look at the key database.
    ///
    /// # Errors
    /// As for both.
    pub async fn read_checked(
        &self,
        uid: &str,
        revision: u64,
        digest: &[u8; 32],
    ) -> Result<Option<Environment>, ReadError> {
        let read = self.read_compared(uid, Some((revision, digest))).await?;
        self.suspects.clear(uid);
        Ok(read)
    }

    fn compare(&self, uid: &str, seen: Seen<'_>, found: Option<Seen<'_>>) -> Result<(), ReadError> {
        let ((expected, digest), got) = (seen, found.map_or(0, |(revision, _)| revision));
        if got < expected {
            self.suspects.add(uid);
            return Err(ReadError::RolledBack { expected, got });
        }
        if got == expected && found.is_some_and(|(_, got)| got != digest) {
            self.suspects.add(uid);
            return Err(ReadError::Tampered {
                what: "the content: another one under the same revision",
            });
        }
        Ok(())
    }

    /// Opens an environment; `None` when there is none. Tampering is remembered for [`Self::check`].
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read(&self, uid: &str) -> Result<Option<Environment>, ReadError> {
        self.read_compared(uid, None).await
    }

    async fn read_compared(
        &self,
        uid: &str,
        seen: Option<Seen<'_>>,
    ) -> Result<Option<Environment>, ReadError> {
        let read = self.open_whole(uid, seen).await;
        if let Err(ReadError::Tampered { .. } | ReadError::UnknownKey(_)) = read {
            self.suspects.add_tampered(uid);
        }
        read
    }

    async fn open_whole(&self, uid: &str, seen: Option<Seen<'_>>) -> Result<Option<Environment>, ReadError> {
        let (mut tries, mut moved) = (0, 0);
        loop {
            let rings = self.rings.load_full();
            match self.try_open_whole(&rings, uid, seen).await {
                Err(error) if self.outdated(&mut tries, error.missing_key()).await => {}
                Ok(Attempt::Moved) if moved + 1 < ATTEMPTS => moved += 1,
                Ok(Attempt::Moved) => return Err(KeyStoreError::Unavailable.into()),
                Ok(Attempt::Done(done)) => return Ok(done),
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_open_whole(
        &self,
        rings: &Rings,
        uid: &str,
        seen: Option<Seen<'_>>,
    ) -> Result<Attempt<Option<Environment>>, ReadError> {
        let current = self.keys.current(uid).await?;
        let opened = current
            .map(|(head, rows)| Ok::<_, ReadError>((self.manifest(rings, &head)?, head, rows)))
            .transpose()?;
        if let Some(seen) = seen {
            let found = opened.as_ref();
            self.compare(
                uid,
                seen,
                found.map(|(manifest, head, _)| (head.revision, &manifest.digest)),
            )?;
        }
        let Some((manifest, head, rows)) = opened else {
            return Ok(Attempt::Done(None));
        };
        let loaded = self.load(rings, &head, head.revision, &manifest, &rows).await?;
        Ok(loaded.map_or(Attempt::Moved, |loaded| {
            Attempt::Done(Some(environment(head.revision, manifest, loaded.dotenv)))
        }))
    }

    /// Opens an older revision that is kept, or the current one; `None` when it is not kept.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read_revision(&self, uid: &str, revision: u64) -> Result<Option<Environment>, ReadError> {
        let (mut tries, mut moved) = (0, 0);
        loop {
            let rings = self.rings.load_full();
            match self.try_read_revision(&rings, uid, revision).await {
                Err(error) if self.outdated(&mut tries, error.missing_key()).await => {}
                Ok(Attempt::Moved) if moved + 1 < ATTEMPTS => moved += 1,
                Ok(Attempt::Moved) => return Err(KeyStoreError::Unavailable.into()),
                Ok(Attempt::Done(done)) => return Ok(done),
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_read_revision(
        &self,
        rings: &Rings,
        uid: &str,
        revision: u64,
    ) -> Result<Attempt<Option<Environment>>, ReadError> {
        let Some(head) = self.keys.standing(uid).await?.head else {
            return Ok(Attempt::Done(None));
        };
        let current = self.manifest(rings, &head)?;
        if revision != head.revision && !current.history.iter().any(|past| past.revision == revision) {
            return Ok(Attempt::Done(None));
        }
        let Some((manifest, rows)) = self.fetch(rings, &head, revision).await? else {
            return Ok(Attempt::Moved);
        };
        let loaded = self.load(rings, &head, revision, &manifest, &rows).await?;
        Ok(loaded.map_or(Attempt::Moved, |loaded| {
            Attempt::Done(Some(environment(revision, manifest, loaded.dotenv)))
        }))
    }

    /// The revision and the names, in their order, each with what kubelet can do with its value, without asking the
    /// value store; `None` when there is none.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn outline(&self, uid: &str) -> Result<Option<(u64, Vec<Named>)>, ReadError> {
        let mut tries = 0;
        loop {
            let rings = self.rings.load_full();
            match self.try_outline(&rings, uid).await {
                Err(error) if self.outdated(&mut tries, error.missing_key()).await => {}
                done => return done,
            }
        }
    }

    async fn try_outline(&self, rings: &Rings, uid: &str) -> Result<Option<(u64, Vec<Named>)>, ReadError> {
        let Some((head, rows)) = self.keys.current(uid).await? else {
            return Ok(None);
        };
        let manifest = self.manifest(rings, &head)?;
        let entries = self.entries(rings, &head, head.revision, &manifest, &rows)?;
        let named = entries.into_iter().map(|entry| Named {
            name: entry.name,
            form: entry.form,
        });
        Ok(Some((head.revision, named.collect())))
    }

    /// The older revisions that are kept, ascending.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn history(&self, uid: &str) -> Result<Vec<HistoryEntry>, ReadError> {
        let current = self.current(uid).await?;
        Ok(current.map(|(_, manifest)| manifest.history).unwrap_or_default())
    }
}

/// The revision and the digest of an environment, as they are or as they were last seen somewhere else.
type Seen<'a> = (u64, &'a [u8; 32]);

/// What a try came to.
enum Attempt<T> {
    Done(T),
    /// The environment changed meanwhile.
    Moved,
}

fn environment(revision: u64, manifest: Manifest, dotenv: Dotenv) -> Environment {
    Environment {
        revision,
        digest: manifest.digest,
        dotenv,
        created: manifest.created,
    }
}
