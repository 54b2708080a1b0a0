//! The sweep: removes values that nothing claims, and never one that something may still claim.
//!
//! A token that was listed and is not claimed is an orphan, or belongs to a write that has put its values but not made
//! its commit. The fence in the key database tells the two apart, also between processes: a write reads it before it
//! puts anything, and its commit fails if it was raised since. So, in this order: list the tokens; raise the fence; read
//! what is claimed. A listed token that is not claimed then never will be: its write either committed before the
//! fence, and its claim was read, or must begin again with new tokens. Before that, a look finds out whether there is
//! anything to do, and writes of this process are let land, so a sweep without orphans neither writes nor disturbs.
//! That look opens every row once, however many values there are: it remembers eight bytes of each claimed token.

use splitvault_values::{StoreError, Token};

use super::{ATTEMPTS, Vault};
use crate::entry::Entry;
use crate::environment::Swept;
use crate::error::{ReadError, SweepError};
use crate::keys::KeyStoreError;

/// Tokens held against the claims at once: 17 bytes each.
const CHUNK: usize = 250_000;
/// UIDs on one page.
const PAGE: u32 = 500;

/// Is told of claimed tokens.
type Visit<'a> = &'a mut (dyn FnMut(Token) + Send);

impl Vault {
    /// Removes the values that nothing claims. Opens every row, one revision at a time, and no value; once when there is
    /// no orphan. Takes 8 bytes of memory for each value that is claimed.
    ///
    /// To be called when every object was held against its status by [`Self::check`]: values whose claims are in a
    /// part of the key database that was rolled back or lost look like orphans. While a check has found such an
    /// environment, nothing is swept.
    ///
    /// # Errors
    /// See [`SweepError`]. Whenever anything cannot be read, so that its claims are not known, nothing more is removed.
    pub async fn sweep(&self) -> Result<Swept, SweepError> {
        let claimed = self.outline_claims().await?;
        let mut removed = 0;
        let mut after = None;
        loop {
            let mut chunk = self.list(after).await?;
            let Some(last) = chunk.last().copied() else {
                return Ok(Swept { removed });
            };
            after = Some(last);
            // What was written since looks unclaimed too, and is made sure of. An orphan that shares its outline with a
            // claimed token, which is one in 2^64 for each pair, is overlooked.
            chunk.retain(|token| claimed.binary_search(&outline(*token)).is_err());
            removed += self.sweep_chunk(chunk).await?;
        }
    }

    async fn sweep_chunk(&self, candidates: Vec<Token>) -> Result<usize, SweepError> {
        if candidates.is_empty() {
            return Ok(0);
        }
        self.in_flight.landed().await;
        let candidates = self.unclaimed(candidates).await?;
        if candidates.is_empty() {
            return Ok(0);
        }
        self.check_suspects()?;
        self.keys.raise_fence().await?;
        let orphans = self.unclaimed(candidates).await?;
        // Again: a check that failed meanwhile still counts.
        self.check_suspects()?;
        self.values.delete(&orphans).await.map_err(SweepError::Values)?;
        Ok(orphans.len())
    }

    /// The next tokens in ascending order; none at the end.
    async fn list(&self, mut after: Option<Token>) -> Result<Vec<Token>, SweepError> {
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK {
            let room = u32::try_from(CHUNK - chunk.len()).unwrap_or(u32::MAX);
            let page = self.values.list(after, room).await.map_err(SweepError::Values)?;
            let Some(last) = page.last().copied() else { break };
            // The search below relies on the order, and this loop on getting ahead.
            if !page.is_sorted() || page.first().copied() <= after {
                return Err(SweepError::Values(StoreError::Protocol));
            }
            after = Some(last);
            chunk.extend(page);
        }
        Ok(chunk)
    }

    /// The outlines of all claimed tokens, ascending.
    async fn outline_claims(&self) -> Result<Vec<u64>, SweepError> {
        let mut outlines = Vec::new();
        self.visit_claims(&mut |token| outlines.push(outline(token)))
            .await?;
        outlines.sort_unstable();
        outlines.dedup();
        Ok(outlines)
    }

    /// Those of the ascending tokens that no revision claims.
    async fn unclaimed(&self, tokens: Vec<Token>) -> Result<Vec<Token>, SweepError> {
        let mut claimed = vec![false; tokens.len()];
        let mut mark = |token| {
            if let Ok(index) = tokens.binary_search(&token) {
                claimed[index] = true;
            }
        };
        self.visit_claims(&mut mark).await?;
        let claims = tokens.into_iter().zip(claimed);
        Ok(claims
            .filter(|(_, claimed)| !claimed)
            .map(|(token, _)| token)
            .collect())
    }

    /// Visits every claimed token at least once.
    async fn visit_claims(&self, visit: Visit<'_>) -> Result<(), SweepError> {
        let mut page = self.keys.uids(None, PAGE).await?;
        while let Some(last) = page.last() {
            for uid in &page {
                self.visit_environment(uid, visit).await?;
            }
            page = self.keys.uids(Some(last), PAGE).await?;
        }
        Ok(())
    }

    /// Visits what an environment and its history claim. To visit too much is harmless.
    async fn visit_environment(&self, uid: &str, visit: Visit<'_>) -> Result<(), SweepError> {
        let mut tries = 0;
        for _ in 0..ATTEMPTS {
            let Some((head, rows)) = self.keys.current(uid).await? else {
                return Ok(());
            };
            let rings = self.rings.load_full();
            let opened = self.manifest(&rings, &head).map_err(ReadError::from);
            if let Err(error) = &opened
                && self.outdated(&mut tries, error.missing_key()).await
            {
                continue;
            }
            let manifest = opened?;
            let mut claim = |entry: &Entry| visit(entry.claim.token);
            let entries = self.entries(&rings, &head, head.revision, &manifest, &rows)?;
            entries.iter().for_each(&mut claim);
            let mut whole = true;
            for past in &manifest.history {
                let Some((manifest, rows)) = self.fetch(&rings, &head, past.revision).await? else {
                    whole = false;
                    break;
                };
                let entries = self.entries(&rings, &head, past.revision, &manifest, &rows)?;
                entries.iter().for_each(&mut claim);
            }
            if whole {
                return Ok(());
            }
        }
        Err(KeyStoreError::Unavailable.into())
    }

    fn check_suspects(&self) -> Result<(), SweepError> {
        match self.suspects.count() {
            0 => Ok(()),
            environments => Err(SweepError::Suspended { environments }),
        }
    }
}

/// The first half of a token, which is random.
fn outline(token: Token) -> u64 {
    let [first, ..] = token.as_bytes().as_chunks::<8>().0 else {
        return 0;
    };
    u64::from_be_bytes(*first)
}
