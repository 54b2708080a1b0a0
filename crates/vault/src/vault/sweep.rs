//! The sweep: removes values that nothing claims, and never one that something may still claim.
//!
//! A token that was listed and is not claimed is an orphan, or belongs to a write that has put its values but not made
//! its commit. The fence in the key database tells the two apart, also between processes: a write reads it before it
//! puts anything, and its commit fails if it was raised since. So, in this order: list the tokens; raise the fence; read
//! what is claimed. A listed token that is not claimed then never will be: its write either committed before the
//! fence, and its claim was read, or must begin again with new tokens. Before that, a look finds out whether there is
//! anything to do, and writes of this process are let land, so a sweep without orphans neither writes nor disturbs.

use splitvault_values::{StoreError, Token};

use super::{ATTEMPTS, Vault};
use crate::entry::Entry;
use crate::environment::Swept;
use crate::error::SweepError;
use crate::keys::KeyStoreError;

/// Tokens held against the claims at once: 17 bytes each.
const CHUNK: usize = 250_000;
/// UIDs on one page.
const PAGE: u32 = 500;

impl Vault {
    /// Removes the values that nothing claims. Opens every row, one revision at a time, and no value.
    ///
    /// To be called when every object was held against its status by [`Self::check`]: values whose claims are in a
    /// part of the key database that was rolled back or lost look like orphans. While a check has found such an
    /// environment, nothing is swept.
    ///
    /// # Errors
    /// See [`SweepError`]. Whenever anything cannot be read, so that its claims are not known, nothing more is removed.
    pub async fn sweep(&self) -> Result<Swept, SweepError> {
        let mut removed = 0;
        let mut after = None;
        loop {
            let chunk = self.list(after).await?;
            let Some(last) = chunk.last().copied() else {
                return Ok(Swept { removed });
            };
            after = Some(last);
            removed += self.sweep_chunk(chunk).await?;
        }
    }

    async fn sweep_chunk(&self, listed: Vec<Token>) -> Result<usize, SweepError> {
        let candidates = self.unclaimed(listed).await?;
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

    /// Those of the ascending tokens that no revision claims.
    async fn unclaimed(&self, tokens: Vec<Token>) -> Result<Vec<Token>, SweepError> {
        let mut claimed = vec![false; tokens.len()];
        let mut page = self.keys.uids(None, PAGE).await?;
        while let Some(last) = page.last() {
            for uid in &page {
                self.mark(uid, &tokens, &mut claimed).await?;
            }
            page = self.keys.uids(Some(last), PAGE).await?;
        }
        let claims = tokens.into_iter().zip(claimed);
        Ok(claims
            .filter(|(_, claimed)| !claimed)
            .map(|(token, _)| token)
            .collect())
    }

    /// Marks what an environment and its history claim. To mark too much is harmless.
    async fn mark(&self, uid: &str, tokens: &[Token], claimed: &mut [bool]) -> Result<(), SweepError> {
        for _ in 0..ATTEMPTS {
            let Some((head, rows)) = self.keys.current(uid).await? else {
                return Ok(());
            };
            let manifest = self.manifest(&head)?;
            let mut mark = |entry: &Entry| {
                if let Ok(index) = tokens.binary_search(&entry.claim.token) {
                    claimed[index] = true;
                }
            };
            let entries = self.entries(&head, head.revision, &manifest, &rows)?;
            entries.iter().for_each(&mut mark);
            let mut whole = true;
            for past in &manifest.history {
                let Some((manifest, rows)) = self.fetch(&head, past.revision).await? else {
                    whole = false;
                    break;
                };
                let entries = self.entries(&head, past.revision, &manifest, &rows)?;
                entries.iter().for_each(&mut mark);
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
