//! The commit protocol: put the values, swap rows and manifest in one transaction, forget the old values.
//!
//! The transaction is the commit. Before it, what was put is an orphan; after it, what was replaced is one.

use splitvault_crypto::{DigestKey, Id};
use splitvault_dotenv::{Dotenv, Name};
use splitvault_values::Token;

use super::rings::Rings;
use super::seal::MANIFESTS;
use super::{ATTEMPTS, Vault};
use crate::digest::{self, SourceDigestInput};
use crate::environment::{HistoryEntry, Written};
use crate::error::WriteError;
use crate::keys::{Commit, Head, KeyStoreError, Row, Standing};
use crate::manifest::{self, Manifest};
use crate::place::Place;

/// What is to be there.
struct Wanted<'a> {
    uid: &'a str,
    dotenv: &'a Dotenv,
    source: Source<'a>,
    created: &'a [Name],
    history_limit: usize,
}

/// What the content was made from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// This.
    Given(&'a SourceDigestInput<'a>),
    /// What the current revision says; the content itself is that of an older revision.
    Kept {
        /// Which.
        restored_from: u64,
    },
}

impl Vault {
    /// Makes this the content of an object's environment, as a new revision; the environment is made if there is none.
    ///
    /// `created` are the variables that the caller made rather than took from the source. At most `history_limit`
    /// older revisions are kept. If content, source and `created` are those of the current revision, nothing is
    /// written to either database; if only the latter two differ, the revision stays.
    ///
    /// # Errors
    /// See [`WriteError`]. Of two writers that began at the same revision one gets [`KeyStoreError::Conflict`]; a
    /// re-encryption that went on meanwhile is no writer.
    pub async fn write(
        &self,
        uid: &str,
        dotenv: &Dotenv,
        source: &SourceDigestInput<'_>,
        created: &[Name],
        history_limit: usize,
    ) -> Result<Written, WriteError> {
        self.persist(&Wanted {
            uid,
            dotenv,
            source: Source::Given(source),
            created,
            history_limit,
        })
        .await
    }

    /// Makes the content of an older revision, which must be kept, the content again, as a new revision. What it was made
    /// from stays what it was, so whoever compares sources sees no change; [`crate::Described::restored_from`] tells.
    ///
    /// # Errors
    /// [`WriteError::NoSuchRevision`] when it is not kept; else as for [`Self::write`].
    pub async fn rollback(
        &self,
        uid: &str,
        revision: u64,
        history_limit: usize,
    ) -> Result<Written, WriteError> {
        let found = self.read_revision(uid, revision).await?;
        let old = found.ok_or(WriteError::NoSuchRevision { revision })?;
        self.persist(&Wanted {
            uid,
            dotenv: &old.dotenv,
            source: Source::Kept {
                restored_from: revision,
            },
            created: &old.created,
            history_limit,
        })
        .await
    }

    async fn persist(&self, wanted: &Wanted<'_>) -> Result<Written, WriteError> {
        let (mut tries, mut again) = (0, 0);
        loop {
            let rings = self.rings.load_full();
            let flight = self.in_flight.begin();
            let standing = self.keys.standing(wanted.uid).await?;
            let begun = standing.head.as_ref().map(content_of);
            let done = self.attempt(&rings, wanted, standing).await;
            drop(flight);
            match done {
                Err(WriteError::Keys(KeyStoreError::Fenced)) if again + 1 < ATTEMPTS => again += 1,
                Err(WriteError::Keys(KeyStoreError::Conflict))
                    if again + 1 < ATTEMPTS && self.still_holds(wanted.uid, begun).await? =>
                {
                    again += 1;
                }
                Err(error) if self.outdated(&mut tries, error.missing_key()).await => {}
                done => return done,
            }
        }
    }

    /// Whether an object still has the content of before, so that what was in the way was a re-encryption: that must not
    /// cost a user a write.
    async fn still_holds(&self, uid: &str, content: Option<(Id, u64)>) -> Result<bool, WriteError> {
        let head = self.keys.standing(uid).await?.head;
        Ok(content.is_some() && head.as_ref().map(content_of) == content)
    }

    async fn attempt(
        &self,
        rings: &Rings,
        wanted: &Wanted<'_>,
        standing: Standing,
    ) -> Result<Written, WriteError> {
        let Standing { fence, head } = standing;
        let Some(head) = head else {
            return self.make(rings, wanted, fence).await;
        };
        let manifest = self.manifest(rings, &head)?;
        let (key, revision) = (&manifest.digest_key, head.revision);
        if digest::is_content(key, revision, wanted.dotenv, &manifest.digest) {
            self.refresh(rings, wanted, fence, head, manifest).await
        } else {
            self.replace(rings, wanted, fence, head, manifest).await
        }
    }

    /// The first revision.
    async fn make(&self, rings: &Rings, wanted: &Wanted<'_>, fence: u64) -> Result<Written, WriteError> {
        let place = self.place(Id::make()?);
        let mut commit = Commit {
            uid: wanted.uid.to_owned(),
            environment: place.environment,
            expected: None,
            fence,
            names_key: rings.names.active(),
            values_key: rings.values.active(),
            revision: 1,
            manifests: Vec::new(),
            rows: Vec::new(),
            dropped: Vec::new(),
        };
        let (tokens, digest) = self
            .put_revision(rings, wanted, &mut commit, None, Vec::new())
            .await?;
        self.settle(&commit, &tokens, &[]).await?;
        Ok(Written {
            revision: 1,
            digest,
            changed: true,
        })
    }

    /// The next revision; the one before becomes history.
    async fn replace(
        &self,
        rings: &Rings,
        wanted: &Wanted<'_>,
        fence: u64,
        head: Head,
        mut former: Manifest,
    ) -> Result<Written, WriteError> {
        let place = self.place(head.environment);
        let mut history = std::mem::take(&mut former.history);
        history.push(former.remembered(head.revision));
        let dropped = beyond(wanted.history_limit, &mut history);
        let stale = self.stale(rings, place, &dropped).await?;
        let mut commit = next(rings, &head, fence, dropped)?;
        if wanted.history_limit > 0 {
            former.current = false;
            let sealed = former.seal(&rings.names, place, head.revision)?;
            commit.manifests.push((head.revision, sealed));
        }
        commit.revision = head.revision.checked_add(1).ok_or(WriteError::Internal)?;
        let (tokens, digest) = self
            .put_revision(rings, wanted, &mut commit, Some(former), history)
            .await?;
        self.settle(&commit, &tokens, &stale).await?;
        Ok(Written {
            revision: commit.revision,
            digest,
            changed: true,
        })
    }

    /// The same content: at most the manifest changes.
    async fn refresh(
        &self,
        rings: &Rings,
        wanted: &Wanted<'_>,
        fence: u64,
        head: Head,
        mut manifest: Manifest,
    ) -> Result<Written, WriteError> {
        let written = Written {
            revision: head.revision,
            digest: manifest.digest,
            changed: false,
        };
        let dropped = beyond(wanted.history_limit, &mut manifest.history);
        let (source, restored_from) = match wanted.source {
            Source::Given(source) if source.matches(&manifest.digest_key, &manifest.source) => {
                (manifest.source, manifest.restored_from)
            }
            Source::Given(source) => (source.digest(&manifest.digest_key), None),
            Source::Kept { .. } => (manifest.source, manifest.restored_from),
        };
        let same = (source, restored_from) == (manifest.source, manifest.restored_from);
        if same && manifest.created == wanted.created && dropped.is_empty() {
            return Ok(written);
        }
        let place = self.place(head.environment);
        let stale = self.stale(rings, place, &dropped).await?;
        let mut commit = next(rings, &head, fence, dropped)?;
        manifest.writes += 1;
        (manifest.source, manifest.restored_from) = (source, restored_from);
        manifest.created = wanted.created.to_vec();
        self.count(rings, MANIFESTS, 0).await?;
        let sealed = manifest.seal(&rings.names, place, head.revision)?;
        commit.manifests.push((head.revision, sealed));
        self.settle(&commit, &[], &stale).await?;
        Ok(written)
    }

    /// Puts the wanted content into the store, and its rows and manifest into the commit, as the current revision.
    async fn put_revision(
        &self,
        rings: &Rings,
        wanted: &Wanted<'_>,
        commit: &mut Commit,
        former: Option<Manifest>,
        history: Vec<HistoryEntry>,
    ) -> Result<(Vec<Token>, [u8; 32]), WriteError> {
        let (revision, place) = (commit.revision, self.place(commit.environment));
        let (rows, tokens) = self.put(rings, place, revision, wanted.dotenv).await?;
        let listed = list_revision(rings, wanted, commit, place, former, history, rows);
        let digest = self.or_forget(&tokens, listed).await?;
        Ok((tokens, digest))
    }

    /// Commits, and forgets the values that lost: the old ones, or the new ones when the commit was refused. When its
    /// outcome is not known, both stay; a sweep knows.
    pub(super) async fn settle(
        &self,
        commit: &Commit,
        fresh: &[Token],
        stale: &[Token],
    ) -> Result<(), WriteError> {
        match self.keys.commit(commit).await {
            Ok(()) => {
                self.forget(stale).await;
                Ok(())
            }
            Err(error @ (KeyStoreError::Conflict | KeyStoreError::Fenced | KeyStoreError::Rotated)) => {
                self.forget(fresh).await;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn stale(&self, rings: &Rings, place: Place, dropped: &[u64]) -> Result<Vec<Token>, WriteError> {
        let mut stale = Vec::new();
        for revision in dropped {
            stale.extend(self.claimed(rings, place, *revision).await?);
        }
        Ok(stale)
    }
}

/// Puts new rows into the commit, as the current revision, with the manifest that lists them; answers the content's digest.
fn list_revision(
    rings: &Rings,
    wanted: &Wanted<'_>,
    commit: &mut Commit,
    place: Place,
    former: Option<Manifest>,
    history: Vec<HistoryEntry>,
    rows: Vec<Row>,
) -> Result<[u8; 32], WriteError> {
    let revision = commit.revision;
    let (digest_key, former_source) = match former {
        Some(former) => (former.digest_key, former.source),
        None => (DigestKey::make()?, [0; 32]),
    };
    let digest = digest::content(&digest_key, revision, wanted.dotenv);
    let (source, restored_from) = match wanted.source {
        Source::Given(source) => (source.digest(&digest_key), None),
        Source::Kept { restored_from } => (former_source, Some(restored_from)),
    };
    let manifest = Manifest {
        current: true,
        writes: commit.expected.unwrap_or_default() + 1,
        uid: wanted.uid.to_owned(),
        rows: manifest::list(&rows),
        digest,
        source,
        restored_from,
        digest_key,
        created: wanted.created.to_vec(),
        history,
    };
    let sealed = manifest.seal(&rings.names, place, revision)?;
    commit.manifests.push((revision, sealed));
    commit.rows.push((revision, rows));
    Ok(digest)
}

/// What stays the same when an environment is encrypted anew.
const fn content_of(head: &Head) -> (Id, u64) {
    (head.environment, head.revision)
}

/// A commit that leaves everything as it is.
pub(super) fn next(rings: &Rings, head: &Head, fence: u64, dropped: Vec<u64>) -> Result<Commit, WriteError> {
    head.writes.checked_add(1).ok_or(WriteError::Internal)?;
    Ok(Commit {
        uid: head.uid.clone(),
        environment: head.environment,
        expected: Some(head.writes),
        fence,
        names_key: rings.names.active(),
        values_key: rings.values.active(),
        revision: head.revision,
        manifests: Vec::new(),
        rows: Vec::new(),
        dropped,
    })
}

/// Takes the oldest revisions out of the history until `limit` are left.
fn beyond(limit: usize, history: &mut Vec<HistoryEntry>) -> Vec<u64> {
    let excess = history.len().saturating_sub(limit);
    history.drain(..excess).map(|past| past.revision).collect()
}
