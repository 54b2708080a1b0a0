//! From variables to encrypted values in the store and encrypted rows that claim them. Nothing refers to either yet.

use bytes::Bytes;
use splitvault_crypto::{Id, sha256};
use splitvault_dotenv::Dotenv;
use splitvault_values::{StoreError, Token, failpoint};

use super::Vault;
use super::rings::Rings;
use crate::entry::{self, Claim};
use crate::error::WriteError;
use crate::keys::Row;
use crate::place::Place;

/// Manifests that a commit may seal besides the rows of a revision.
pub(super) const MANIFESTS: usize = 2;

impl Vault {
    /// Encrypts the values of a revision, puts them into the store, and answers the encrypted rows, with the tokens
    /// that they claim. Ids, tokens and message keys are new each time.
    pub(super) async fn put(
        &self,
        rings: &Rings,
        place: Place,
        revision: u64,
        dotenv: &Dotenv,
    ) -> Result<(Vec<Row>, Vec<Token>), WriteError> {
        self.count(rings, dotenv.len() + MANIFESTS, dotenv.len()).await?;
        let sealed = seal_values(rings, place, revision, dotenv)?;
        failpoint!("vault::before-put");
        let claims = self.put_shuffled(sealed).await?;
        failpoint!("vault::after-put");
        let tokens = tokens(&claims);
        let rows = seal_rows(rings, place, revision, dotenv, &claims);
        let rows = self.or_forget(&tokens, rows).await?;
        Ok((rows, tokens))
    }

    /// Passes on what came of values that were put. If nothing did, nothing claims them, and they are forgotten.
    pub(super) async fn or_forget<T>(
        &self,
        fresh: &[Token],
        outcome: Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        if outcome.is_err() {
            self.forget(fresh).await;
        }
        outcome
    }

    /// Puts the values in an order that tells the store nothing, and answers in the order given.
    pub(super) async fn put_shuffled(&self, sealed: Vec<(Id, Bytes)>) -> Result<Vec<Claim>, WriteError> {
        let mut order = Vec::with_capacity(sealed.len());
        for index in 0..sealed.len() {
            order.push((Id::make()?, index));
        }
        order.sort_unstable();
        let envelopes = order.iter().map(|(_, index)| sealed[*index].1.clone()).collect();
        let tokens = self.values.put(envelopes).await.map_err(WriteError::Values)?;
        if tokens.len() != sealed.len() {
            return Err(WriteError::Values(StoreError::Protocol));
        }
        let mut placed: Vec<_> = order.iter().map(|(_, index)| *index).zip(tokens).collect();
        placed.sort_unstable_by_key(|(index, _)| *index);
        let claims = placed.into_iter().zip(sealed);
        Ok(claims
            .map(|((_, token), (id, envelope))| Claim {
                id,
                token,
                digest: sha256(&envelope),
            })
            .collect())
    }

    /// The tokens that a revision claims, for forgetting them; what cannot be read is left to a sweep.
    pub(super) async fn claimed(
        &self,
        rings: &Rings,
        place: Place,
        revision: u64,
    ) -> Result<Vec<Token>, WriteError> {
        let found = self.keys.revision(place.environment, revision).await?;
        let rows = found.map(|revision| revision.rows).unwrap_or_default();
        Ok(rows
            .iter()
            .filter_map(|row| entry::open(&rings.names, place, revision, row).ok())
            .map(|entry| entry.claim.token)
            .collect())
    }

    /// Forgets values that nothing claims any more. If the store does not answer, a sweep will do it.
    pub(super) async fn forget(&self, tokens: &[Token]) {
        if tokens.is_empty() {
            return;
        }
        failpoint!("vault::before-delete");
        if let Err(error) = self.values.delete(tokens).await {
            tracing::warn!(
                reason = error.label(),
                count = tokens.len(),
                "values left to the next sweep"
            );
        }
        failpoint!("vault::after-delete");
    }
}

/// What the store has been given.
pub(super) fn tokens(claims: &[Claim]) -> Vec<Token> {
    claims.iter().map(|claim| claim.token).collect()
}

/// Encrypts the values of a revision, each under a new entry id.
pub(super) fn seal_values(
    rings: &Rings,
    place: Place,
    revision: u64,
    dotenv: &Dotenv,
) -> Result<Vec<(Id, Bytes)>, WriteError> {
    let mut sealed = Vec::with_capacity(dotenv.len());
    for variable in dotenv {
        let id = Id::make()?;
        // EXPOSE: into the cipher.
        let plaintext = variable.value.expose().as_bytes();
        let envelope = rings.values.seal(&place.at(revision, id), plaintext)?;
        sealed.push((id, Bytes::from(envelope)));
    }
    Ok(sealed)
}

/// Encrypts the rows of a revision, each with what it claims.
pub(super) fn seal_rows(
    rings: &Rings,
    place: Place,
    revision: u64,
    dotenv: &Dotenv,
    claims: &[Claim],
) -> Result<Vec<Row>, WriteError> {
    let mut rows = Vec::with_capacity(dotenv.len());
    for (order, (claim, variable)) in (0..).zip(claims.iter().zip(dotenv)) {
        rows.push(entry::seal(
            &rings.names,
            place,
            revision,
            claim,
            order,
            variable,
        )?);
    }
    // The order of rows in the database must not be that of the variables; ids are random.
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}
