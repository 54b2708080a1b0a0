//! Reading. Every answer is checked against the manifest, and none is kept.

use splitvault_dotenv::Dotenv;

use super::{ATTEMPTS, Vault};
use crate::environment::{Described, Environment, HistoryEntry, Named};
use crate::error::ReadError;
use crate::keys::KeyStoreError;
use crate::manifest::Manifest;

impl Vault {
    /// Tells about an environment from its manifest alone; `None` when there is none.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn describe(&self, uid: &str) -> Result<Option<Described>, ReadError> {
        let Some(head) = self.keys.standing(uid).await?.head else {
            return Ok(None);
        };
        let manifest = self.manifest(&head)?;
        Ok(Some(Described {
            revision: head.revision,
            digest: manifest.digest,
            source_digest: manifest.source,
            entries: manifest.entries(),
            history: manifest.history.len(),
            digest_key: manifest.digest_key,
            created: manifest.created,
        }))
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
        let got = described.as_ref().map_or(0, |described| described.revision);
        if got < revision {
            self.suspects.add(uid);
            return Err(ReadError::RolledBack {
                expected: revision,
                got,
            });
        }
        let digests = described.as_ref().map(|described| &described.digest);
        if got == revision && digests.is_some_and(|got| got != digest) {
            self.suspects.add(uid);
            return Err(ReadError::Tampered {
                what: "the content: another one under the same revision",
            });
        }
        if self.suspects.is_tampered(uid) {
            self.read(uid).await?;
        }
        self.suspects.clear(uid);
        Ok(described)
    }

    /// Opens an environment; `None` when there is none. Tampering is remembered for [`Self::check`].
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read(&self, uid: &str) -> Result<Option<Environment>, ReadError> {
        let read = self.open_whole(uid).await;
        if let Err(ReadError::Tampered { .. } | ReadError::UnknownKey(_)) = read {
            self.suspects.add_tampered(uid);
        }
        read
    }

    async fn open_whole(&self, uid: &str) -> Result<Option<Environment>, ReadError> {
        for _ in 0..ATTEMPTS {
            let Some((head, rows)) = self.keys.current(uid).await? else {
                return Ok(None);
            };
            let manifest = self.manifest(&head)?;
            if let Some(loaded) = self.load(&head, head.revision, &manifest, &rows).await? {
                return Ok(Some(environment(head.revision, manifest, loaded.dotenv)));
            }
        }
        Err(KeyStoreError::Unavailable.into())
    }

    /// Opens an older revision that is kept, or the current one; `None` when it is not kept.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read_revision(&self, uid: &str, revision: u64) -> Result<Option<Environment>, ReadError> {
        for _ in 0..ATTEMPTS {
            let Some(head) = self.keys.standing(uid).await?.head else {
                return Ok(None);
            };
            let current = self.manifest(&head)?;
            if revision != head.revision && !current.history.iter().any(|past| past.revision == revision) {
                return Ok(None);
            }
            if let Some((manifest, rows)) = self.fetch(&head, revision).await?
                && let Some(loaded) = self.load(&head, revision, &manifest, &rows).await?
            {
                return Ok(Some(environment(revision, manifest, loaded.dotenv)));
            }
        }
        Err(KeyStoreError::Unavailable.into())
    }

    /// The revision and the names, in their order, each with what kubelet can do with its value, without asking the
    /// value store; `None` when there is none.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn outline(&self, uid: &str) -> Result<Option<(u64, Vec<Named>)>, ReadError> {
        let Some((head, rows)) = self.keys.current(uid).await? else {
            return Ok(None);
        };
        let manifest = self.manifest(&head)?;
        let entries = self.entries(&head, head.revision, &manifest, &rows)?;
        Ok(Some((
            head.revision,
            entries
                .into_iter()
                .map(|entry| Named {
                    name: entry.name,
                    form: entry.form,
                })
                .collect(),
        )))
    }

    /// The older revisions that are kept, ascending.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn history(&self, uid: &str) -> Result<Vec<HistoryEntry>, ReadError> {
        let head = self.keys.standing(uid).await?.head;
        Ok(match head {
            Some(head) => self.manifest(&head)?.history,
            None => Vec::new(),
        })
    }
}

fn environment(revision: u64, manifest: Manifest, dotenv: Dotenv) -> Environment {
    Environment {
        revision,
        digest: manifest.digest,
        dotenv,
        created: manifest.created,
    }
}
