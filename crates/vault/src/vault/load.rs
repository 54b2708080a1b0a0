//! From encrypted rows to variables: each step checks what the one before claimed.
//!
//! The manifest pins the rows, a row pins its value's envelope, associated data pin each to its place, and the digest
//! in the manifest pins the whole again.

use bytes::Bytes;
use splitvault_crypto::{SecretString, sha256};
use splitvault_dotenv::{Dotenv, Variable};
use splitvault_values::Token;

use super::Vault;
use super::rings::Rings;
use crate::digest;
use crate::entry::{self, Entry};
use crate::error::{Breach, ReadError, breach};
use crate::keys::{Head, Row};
use crate::manifest::Manifest;

/// A revision in clear, and what it claims in the value store.
pub(super) struct Loaded {
    pub(super) dotenv: Dotenv,
    pub(super) tokens: Vec<Token>,
}

impl Vault {
    /// The manifest and the rows of a revision that must be there; `None` when the environment changed meanwhile.
    pub(super) async fn fetch(
        &self,
        rings: &Rings,
        head: &Head,
        revision: u64,
    ) -> Result<Option<(Manifest, Vec<Row>)>, ReadError> {
        let found = self.keys.revision(head.environment, revision).await?;
        if !self.stands(head).await? {
            return Ok(None);
        }
        let found = found.ok_or(Breach::Tampered("the history: a revision is missing"))?;
        let manifest = if revision == head.revision {
            self.manifest(rings, head)?
        } else {
            let place = self.place(head.environment);
            Manifest::open_past(&rings.names, place, &head.uid, revision, &found.manifest)?
        };
        Ok(Some((manifest, found.rows)))
    }

    /// Opens the rows of a revision and puts them in order.
    pub(super) fn entries(
        &self,
        rings: &Rings,
        head: &Head,
        revision: u64,
        manifest: &Manifest,
        rows: &[Row],
    ) -> Result<Vec<Entry>, Breach> {
        manifest.check_rows(rows)?;
        let place = self.place(head.environment);
        let mut entries = rows
            .iter()
            .map(|row| entry::open(&rings.names, place, revision, row))
            .collect::<Result<Vec<_>, _>>()?;
        entries.sort_unstable_by_key(|entry| entry.order);
        if (0..).zip(&entries).any(|(order, entry)| order != entry.order) {
            return Err(Breach::Tampered("the rows: out of order"));
        }
        Ok(entries)
    }

    /// Opens a revision whole; `None` when a value is gone because the environment changed meanwhile.
    pub(super) async fn load(
        &self,
        rings: &Rings,
        head: &Head,
        revision: u64,
        manifest: &Manifest,
        rows: &[Row],
    ) -> Result<Option<Loaded>, ReadError> {
        let entries = self.entries(rings, head, revision, manifest, rows)?;
        let tokens: Vec<_> = entries.iter().map(|entry| entry.claim.token).collect();
        let envelopes = self.values.get(&tokens).await.map_err(ReadError::Values)?;
        let envelopes: Option<Vec<_>> = envelopes.into_iter().collect();
        let Some(envelopes) = envelopes.filter(|envelopes| envelopes.len() == tokens.len()) else {
            return match self.stands(head).await? {
                true => Err(Breach::Tampered("the values: one is missing").into()),
                false => Ok(None),
            };
        };
        let dotenv = self.open_values(rings, head, revision, manifest, entries, &envelopes)?;
        Ok(Some(Loaded { dotenv, tokens }))
    }

    /// Opens the values of a revision, each envelope beside the entry that claims it, and holds the whole against the
    /// manifest.
    pub(super) fn open_values(
        &self,
        rings: &Rings,
        head: &Head,
        revision: u64,
        manifest: &Manifest,
        entries: Vec<Entry>,
        envelopes: &[Bytes],
    ) -> Result<Dotenv, Breach> {
        let mut variables = Vec::with_capacity(entries.len());
        for (entry, envelope) in entries.into_iter().zip(envelopes) {
            variables.push(self.open_value(rings, head, revision, entry, envelope)?);
        }
        let dotenv = Dotenv::from_variables(variables)
            .map_err(|_| Breach::Tampered("the content: beyond the limits"))?;
        if !digest::is_content(&manifest.digest_key, revision, &dotenv, &manifest.digest) {
            return Err(Breach::Tampered("the content: not that of the manifest"));
        }
        Ok(dotenv)
    }

    fn open_value(
        &self,
        rings: &Rings,
        head: &Head,
        revision: u64,
        entry: Entry,
        envelope: &[u8],
    ) -> Result<Variable, Breach> {
        if sha256(envelope) != entry.claim.digest {
            return Err(Breach::Tampered("the values: one is replaced"));
        }
        let at = self.place(head.environment).at(revision, entry.claim.id);
        let value = rings.values.open(&at, envelope).map_err(breach("a value"))?;
        Ok(Variable {
            name: entry.name,
            value: SecretString::try_from(value).map_err(|_| Breach::Tampered("a value"))?,
            comment: entry.comment,
        })
    }
}
