//! Re-encryption: the same content under the active keys, with new message keys, ids and tokens.

use splitvault_values::Token;

use super::write::next;
use super::{ATTEMPTS, Vault};
use crate::environment::Resealed;
use crate::error::WriteError;
use crate::keys::{Commit, Head, KeyStoreError, Standing};
use crate::manifest;

impl Vault {
    /// Encrypts an environment and its history anew, one revision at a time, each in a commit of its own. Revisions and
    /// digests stay; no old envelope is left. Safe to repeat after a failure.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub async fn reseal(&self, uid: &str) -> Result<Resealed, WriteError> {
        let Some(head) = self.keys.standing(uid).await?.head else {
            return Ok(Resealed { revisions: 0 });
        };
        let history = self.manifest(&head)?.history;
        let mut revisions = 0;
        let kept = history.iter().map(|past| past.revision);
        for revision in kept.chain([head.revision]) {
            revisions += usize::from(self.reseal_revision(uid, revision).await?);
        }
        Ok(Resealed { revisions })
    }

    /// Whether the revision was still there to be encrypted.
    async fn reseal_revision(&self, uid: &str, revision: u64) -> Result<bool, WriteError> {
        let mut refused = KeyStoreError::Conflict;
        for _ in 0..ATTEMPTS {
            let _flight = self.in_flight.begin();
            let Standing {
                fence,
                head: Some(head),
            } = self.keys.standing(uid).await?
            else {
                return Ok(false);
            };
            let history = self.manifest(&head)?.history;
            if revision != head.revision && !history.iter().any(|past| past.revision == revision) {
                return Ok(false);
            }
            let Some((commit, fresh, stale)) = self.resealed(&head, fence, revision).await? else {
                continue;
            };
            match self.settle(&commit, &fresh, &stale).await {
                Ok(()) => return Ok(true),
                Err(WriteError::Keys(error @ (KeyStoreError::Conflict | KeyStoreError::Fenced))) => {
                    refused = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.into())
    }

    /// The commit that replaces a revision by itself, with the new tokens and the old ones; `None` when the environment
    /// changed meanwhile.
    async fn resealed(
        &self,
        head: &Head,
        fence: u64,
        revision: u64,
    ) -> Result<Option<(Commit, Vec<Token>, Vec<Token>)>, WriteError> {
        let Some((mut manifest, rows)) = self.fetch(head, revision).await? else {
            return Ok(None);
        };
        let Some(old) = self.load(head, revision, &manifest, &rows).await? else {
            return Ok(None);
        };
        let place = self.place(head.environment);
        let mut commit = next(head, fence, Vec::new())?;
        let (rows, fresh) = self.put(place, revision, &old.dotenv).await?;
        manifest.rows = manifest::list(&rows);
        manifest.writes = head.writes + 1;
        let sealed = manifest.seal(&self.names_ring, place, revision)?;
        commit.manifests.push((revision, sealed));
        if revision != head.revision {
            // The current manifest names the write counter, which moves.
            let mut current = self.manifest(head)?;
            current.writes = head.writes + 1;
            let sealed = current.seal(&self.names_ring, place, head.revision)?;
            commit.manifests.push((head.revision, sealed));
        }
        commit.rows.push((revision, rows));
        Ok(Some((commit, fresh, old.tokens)))
    }
}
