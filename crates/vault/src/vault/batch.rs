//! Re-encryption of many environments at once: one put, one transaction and one delete for a batch.
//!
//! The commit protocol is the one of every write, so user writes win: a commit that was overtaken changes nothing, and
//! what is still stale is found again by the next batch. There is no cursor; what is left to do is in the database.

use std::collections::HashSet;

use bytes::Bytes;
use splitvault_crypto::{Id, KeyId};
use splitvault_dotenv::Dotenv;
use splitvault_values::{StoreError, Token, failpoint, limits};

use super::Vault;
use super::rings::Rings;
use super::seal::{MANIFESTS, seal_rows, seal_values, tokens};
use super::write::next;
use crate::entry::{Claim, Entry};
use crate::error::{Breach, ReadError, WriteError};
use crate::keys::{Commit, Head, KeyStoreError, Revision, Stale};
use crate::manifest::Manifest;
use crate::place::Place;

/// Environments looked up at once.
const PAGE: u32 = 64;
/// Revisions of one environment in one commit.
const REVISIONS: u32 = 8;
/// Bytes of values at which a batch is full.
const BYTES: usize = 2 * 1024 * 1024;

/// What a batch came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Environments that were re-encrypted, as far as a commit goes.
    pub environments: usize,
    /// Rows that were, each with its value.
    pub rows: usize,
    /// Revisions that cannot be opened; they are in quarantine now.
    pub quarantined: usize,
    /// Environments that somebody else changed meanwhile; they come again.
    pub overtaken: usize,
}

impl Batch {
    /// Whether there was anything to do.
    pub const fn is_empty(&self) -> bool {
        self.environments == 0 && self.quarantined == 0 && self.overtaken == 0
    }
}

/// A stale revision whose rows were opened; its values come with those of the others.
struct Opened {
    revision: u64,
    manifest: Manifest,
    entries: Vec<Entry>,
}

/// A stale revision in clear.
struct Clear {
    revision: u64,
    manifest: Manifest,
    dotenv: Dotenv,
    stale: Vec<Token>,
}

/// What of one environment goes into the batch.
struct Part<T> {
    fence: u64,
    head: Head,
    revisions: Vec<T>,
}

/// A commit, and the tokens that it makes stale or leaves behind.
struct Planned {
    commit: Commit,
    fresh: Vec<Token>,
    stale: Vec<Token>,
    rows: usize,
}

impl Vault {
    /// Re-encrypts stale revisions, of up to about `rows` rows together, history included. Revisions and digests stay.
    /// A revision that cannot be opened is put into quarantine and left as it is.
    ///
    /// # Errors
    /// See [`WriteError`]; whole environments were re-encrypted then, or not at all.
    pub async fn reseal_stale(&self, rows: usize) -> Result<Batch, WriteError> {
        let mut tries = 0;
        loop {
            let rings = self.rings.load_full();
            match self.try_batch(&rings, rows).await {
                Err(error) if self.outdated(&mut tries, error.missing_key()).await => {}
                done => return done,
            }
        }
    }

    async fn try_batch(&self, rings: &Rings, rows: usize) -> Result<Batch, WriteError> {
        let _flight = self.in_flight.begin();
        let mut batch = Batch::default();
        let parts = self
            .collect(rings, rows.clamp(1, limits::BATCH), &mut batch)
            .await?;
        let clear = self.open_parts(rings, parts, &mut batch).await?;
        let planned = self.plan_commits(rings, clear).await?;
        self.commit_planned(&planned, &mut batch).await?;
        Ok(batch)
    }

    /// Stale revisions with their rows opened, until there are enough of them.
    async fn collect(
        &self,
        rings: &Rings,
        most: usize,
        batch: &mut Batch,
    ) -> Result<Vec<Part<Opened>>, WriteError> {
        let (names, values) = (rings.names.active(), rings.values.active());
        let (mut parts, mut rows) = (Vec::new(), 0);
        for uid in self.keys.stale(names, values, PAGE).await? {
            let found = self.keys.stale_revisions(&uid, names, values, REVISIONS).await?;
            let Some(found) = found else { continue };
            let part = self.open_rows(rings, found, most, batch).await?;
            rows += part
                .revisions
                .iter()
                .map(|opened| opened.entries.len())
                .sum::<usize>();
            if !part.revisions.is_empty() {
                parts.push(part);
            }
            if rows >= most {
                break;
            }
        }
        Ok(parts)
    }

    async fn open_rows(
        &self,
        rings: &Rings,
        stale: Stale,
        most: usize,
        batch: &mut Batch,
    ) -> Result<Part<Opened>, WriteError> {
        let Stale {
            fence,
            head,
            revisions,
        } = stale;
        let (mut opened, mut rows) = (Vec::new(), 0);
        // Each commit names the current manifest: without it none of the revisions can be re-encrypted.
        let current = self.manifest(rings, &head).err();
        for (revision, found) in revisions {
            if let Some(breach) = current {
                self.set_aside(&head, revision, breach, batch).await?;
                continue;
            }
            match self.open_revision(rings, &head, revision, &found) {
                Ok(revision) => {
                    rows += revision.entries.len();
                    opened.push(revision);
                }
                Err(breach) => self.set_aside(&head, revision, breach, batch).await?,
            }
            // The rest comes with the next batch.
            if rows >= most / 2 {
                break;
            }
        }
        Ok(Part {
            fence,
            head,
            revisions: opened,
        })
    }

    fn open_revision(
        &self,
        rings: &Rings,
        head: &Head,
        revision: u64,
        found: &Revision,
    ) -> Result<Opened, Breach> {
        let manifest = if revision == head.revision {
            self.manifest(rings, head)?
        } else {
            let place = self.place(head.environment);
            Manifest::open_past(&rings.names, place, &head.uid, revision, &found.manifest)?
        };
        Ok(Opened {
            entries: self.entries(rings, head, revision, &manifest, &found.rows)?,
            revision,
            manifest,
        })
    }

    /// Puts a revision into quarantine, if it really cannot be opened: not when it has changed meanwhile, nor when the
    /// key that is missing may have come or gone meanwhile.
    async fn set_aside(
        &self,
        head: &Head,
        revision: u64,
        breach: Breach,
        batch: &mut Batch,
    ) -> Result<(), WriteError> {
        if !self.stands(head).await? {
            batch.overtaken += 1;
            return Ok(());
        }
        if let Breach::UnknownKey(id) = breach
            && self.is_kept(id).await?
        {
            return Err(ReadError::UnknownKey(id).into());
        }
        let error = ReadError::from(breach);
        tracing::error!(
            uid = head.uid,
            revision,
            "a revision cannot be re-encrypted: {error}"
        );
        self.keys.quarantine(head.environment, revision).await?;
        if revision == head.revision {
            self.suspects.add_tampered(&head.uid);
        }
        batch.quarantined += 1;
        Ok(())
    }

    /// Whether the database still has this key, so that it can be had by looking it up.
    async fn is_kept(&self, id: KeyId) -> Result<bool, KeyStoreError> {
        let root = self.keys.root().await?;
        let mut keys = root.iter().flat_map(|root| &root.keys);
        Ok(keys.any(|key| key.id == id && key.wrapped.is_some()))
    }

    /// Gets the values of all parts at once, and opens them.
    async fn open_parts(
        &self,
        rings: &Rings,
        parts: Vec<Part<Opened>>,
        batch: &mut Batch,
    ) -> Result<Vec<Part<Clear>>, WriteError> {
        let opened = parts.iter().flat_map(|part| &part.revisions);
        let tokens: Vec<_> = opened
            .flat_map(|opened| opened.entries.iter().map(|entry| entry.claim.token))
            .collect();
        let found = self.values.get(&tokens).await.map_err(WriteError::Values)?;
        if found.len() != tokens.len() {
            return Err(WriteError::Values(StoreError::Protocol));
        }
        let (mut found, mut clear) = (found.into_iter(), Vec::with_capacity(parts.len()));
        for part in parts {
            let mut revisions = Vec::with_capacity(part.revisions.len());
            for opened in part.revisions {
                let envelopes: Vec<_> = found.by_ref().take(opened.entries.len()).collect();
                let revision = opened.revision;
                match self.open_clear(rings, &part.head, opened, envelopes) {
                    Ok(opened) => revisions.push(opened),
                    Err(breach) => self.set_aside(&part.head, revision, breach, batch).await?,
                }
            }
            clear.push(Part {
                fence: part.fence,
                head: part.head,
                revisions,
            });
        }
        Ok(clear)
    }

    fn open_clear(
        &self,
        rings: &Rings,
        head: &Head,
        opened: Opened,
        envelopes: Vec<Option<Bytes>>,
    ) -> Result<Clear, Breach> {
        let Opened {
            revision,
            manifest,
            entries,
        } = opened;
        let envelopes: Option<Vec<_>> = envelopes.into_iter().collect();
        let envelopes = envelopes.ok_or(Breach::Tampered("the values: one is missing"))?;
        let stale = entries.iter().map(|entry| entry.claim.token).collect();
        let dotenv = self.open_values(rings, head, revision, &manifest, entries, &envelopes)?;
        Ok(Clear {
            revision,
            manifest,
            dotenv,
            stale,
        })
    }

    /// Encrypts everything anew, and puts the values of all parts, mixed, into the store.
    async fn plan_commits(&self, rings: &Rings, parts: Vec<Part<Clear>>) -> Result<Vec<Planned>, WriteError> {
        let clear = || parts.iter().flat_map(|part| &part.revisions);
        let rows: usize = clear().map(|clear| clear.dotenv.len()).sum();
        let manifests = MANIFESTS * clear().count();
        self.count(rings, rows + manifests, rows).await?;
        let mut sealed = Vec::with_capacity(rows);
        for part in &parts {
            let place = self.place(part.head.environment);
            for clear in &part.revisions {
                sealed.extend(seal_values(rings, place, clear.revision, &clear.dotenv)?);
            }
        }
        let claims = self.put_in_messages(sealed).await?;
        let fresh = tokens(&claims);
        let mut claims = claims.into_iter();
        let parts = parts.into_iter().filter(|part| !part.revisions.is_empty());
        let planned = parts
            .map(|part| self.plan_commit(rings, part, &mut claims))
            .collect();
        self.or_forget(&fresh, planned).await
    }

    /// As many puts as the limits of a message ask for.
    async fn put_in_messages(&self, sealed: Vec<(Id, Bytes)>) -> Result<Vec<Claim>, WriteError> {
        failpoint!("vault::before-put");
        let mut claims = Vec::with_capacity(sealed.len());
        for message in messages(sealed) {
            let put = self.put_shuffled(message).await;
            claims.extend(self.or_forget(&tokens(&claims), put).await?);
        }
        failpoint!("vault::after-put");
        Ok(claims)
    }

    fn plan_commit(
        &self,
        rings: &Rings,
        part: Part<Clear>,
        claims: &mut impl Iterator<Item = Claim>,
    ) -> Result<Planned, WriteError> {
        let Part {
            fence,
            head,
            revisions,
        } = part;
        let place: Place = self.place(head.environment);
        let mut planned = Planned {
            commit: next(rings, &head, fence, Vec::new())?,
            fresh: Vec::new(),
            stale: Vec::new(),
            rows: 0,
        };
        for clear in revisions {
            let claims: Vec<_> = claims.by_ref().take(clear.dotenv.len()).collect();
            let rows = seal_rows(rings, place, clear.revision, &clear.dotenv, &claims)?;
            planned.rows += rows.len();
            planned.fresh.extend(claims.iter().map(|claim| claim.token));
            planned.stale.extend(clear.stale);
            self.replace_rows(
                rings,
                &head,
                &mut planned.commit,
                clear.revision,
                clear.manifest,
                rows,
            )?;
        }
        self.touch_current(rings, &head, &mut planned.commit)?;
        Ok(planned)
    }

    /// Commits, and forgets the values that lost, as a single write does.
    async fn commit_planned(&self, planned: &[Planned], batch: &mut Batch) -> Result<(), WriteError> {
        if planned.is_empty() {
            return Ok(());
        }
        let commits: Vec<_> = planned.iter().map(|planned| planned.commit.clone()).collect();
        let outcomes = match self.keys.commit_all(&commits).await {
            Err(error @ (KeyStoreError::Fenced | KeyStoreError::Rotated)) => {
                let fresh: Vec<_> = planned.iter().flat_map(|planned| planned.fresh.clone()).collect();
                self.forget(&fresh).await;
                return Err(error.into());
            }
            outcomes => outcomes?,
        };
        let mut lost = HashSet::new();
        for (planned, outcome) in planned.iter().zip(outcomes) {
            if outcome.is_ok() {
                batch.environments += 1;
                batch.rows += planned.rows;
                lost.extend(&planned.stale);
            } else {
                batch.overtaken += 1;
                lost.extend(&planned.fresh);
            }
        }
        self.forget(&lost.into_iter().copied().collect::<Vec<_>>()).await;
        Ok(())
    }
}

/// In their order, each as large as a message may be.
fn messages(sealed: Vec<(Id, Bytes)>) -> Vec<Vec<(Id, Bytes)>> {
    let (mut messages, mut bytes) = (vec![Vec::new()], 0);
    for (id, envelope) in sealed {
        bytes += envelope.len();
        match messages.last_mut() {
            Some(message) if message.is_empty() || (message.len() < limits::BATCH && bytes <= BYTES) => {
                message.push((id, envelope));
            }
            _ => {
                bytes = envelope.len();
                messages.push(vec![(id, envelope)]);
            }
        }
    }
    messages
}
