//! Re-encryption: the same content under the active keys, with new message keys, ids and tokens.

use splitvault_values::Token;

use super::rings::Rings;
use super::write::next;
use super::{ATTEMPTS, Vault};
use crate::environment::Resealed;
use crate::error::WriteError;
use crate::keys::{Commit, Head, KeyStoreError, Row};
use crate::manifest::{self, Manifest};

impl Vault {
    /// Encrypts an environment and its history anew, one revision at a time, each in a commit of its own. Revisions and
    /// digests stay; no old envelope is left. Safe to repeat after a failure.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub async fn reseal(&self, uid: &str) -> Result<Resealed, WriteError> {
        let kept = self.history(uid).await?;
        let Some(head) = self.keys.standing(uid).await?.head else {
            return Ok(Resealed { revisions: 0 });
        };
        let mut revisions = 0;
        let kept = kept.iter().map(|past| past.revision);
        for revision in kept.chain([head.revision]) {
            revisions += usize::from(self.reseal_revision(uid, revision).await?);
        }
        Ok(Resealed { revisions })
    }

    /// Whether the revision was still there to be encrypted.
    async fn reseal_revision(&self, uid: &str, revision: u64) -> Result<bool, WriteError> {
        let (mut tries, mut overtaken) = (0, 0);
        loop {
            let rings = self.rings.load_full();
            match self.try_reseal(&rings, uid, revision).await {
                Err(WriteError::Keys(KeyStoreError::Conflict | KeyStoreError::Fenced))
                    if overtaken + 1 < ATTEMPTS =>
                {
                    overtaken += 1;
                }
                Err(error) if self.outdated(&mut tries, error.missing_key()).await => {}
                done => return done,
            }
        }
    }

    async fn try_reseal(&self, rings: &Rings, uid: &str, revision: u64) -> Result<bool, WriteError> {
        let _flight = self.in_flight.begin();
        let standing = self.keys.standing(uid).await?;
        let (fence, Some(head)) = (standing.fence, standing.head) else {
            return Ok(false);
        };
        let history = self.manifest(rings, &head)?.history;
        if revision != head.revision && !history.iter().any(|past| past.revision == revision) {
            return Ok(false);
        }
        let Some((commit, fresh, stale)) = self.resealed(rings, &head, fence, revision).await? else {
            return Err(KeyStoreError::Conflict.into());
        };
        self.settle(&commit, &fresh, &stale).await?;
        Ok(true)
    }

    /// The commit that replaces a revision by itself, with the new tokens and the old ones; `None` when the environment
    /// changed meanwhile.
    async fn resealed(
        &self,
        rings: &Rings,
        head: &Head,
        fence: u64,
        revision: u64,
    ) -> Result<Option<(Commit, Vec<Token>, Vec<Token>)>, WriteError> {
        let Some((manifest, rows)) = self.fetch(rings, head, revision).await? else {
            return Ok(None);
        };
        let Some(old) = self.load(rings, head, revision, &manifest, &rows).await? else {
            return Ok(None);
        };
        let place = self.place(head.environment);
        let mut commit = next(rings, head, fence, Vec::new())?;
        let (rows, fresh) = self.put(rings, place, revision, &old.dotenv).await?;
        let replaced = self
            .replace_rows(rings, head, &mut commit, revision, manifest, rows)
            .and_then(|()| self.touch_current(rings, head, &mut commit));
        self.or_forget(&fresh, replaced).await?;
        Ok(Some((commit, fresh, old.tokens)))
    }

    /// Puts new rows of a revision into a commit, with the manifest that lists them.
    pub(super) fn replace_rows(
        &self,
        rings: &Rings,
        head: &Head,
        commit: &mut Commit,
        revision: u64,
        mut manifest: Manifest,
        rows: Vec<Row>,
    ) -> Result<(), WriteError> {
        manifest.rows = manifest::list(&rows);
        manifest.writes = head.writes + 1;
        let sealed = manifest.seal(&rings.names, self.place(head.environment), revision)?;
        commit.manifests.push((revision, sealed));
        commit.rows.push((revision, rows));
        Ok(())
    }

    /// The current manifest names the write counter, which moves: it is made anew when the commit does not do so yet.
    pub(super) fn touch_current(
        &self,
        rings: &Rings,
        head: &Head,
        commit: &mut Commit,
    ) -> Result<(), WriteError> {
        if commit
            .manifests
            .iter()
            .any(|(revision, _)| *revision == head.revision)
        {
            return Ok(());
        }
        let mut current = self.manifest(rings, head)?;
        current.writes = head.writes + 1;
        let sealed = current.seal(&rings.names, self.place(head.environment), head.revision)?;
        commit.manifests.push((head.revision, sealed));
        Ok(())
    }
}
