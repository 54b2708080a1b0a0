//! The value store in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use splitvault_values::{StoreError, Token, ValueStore, limits};

use super::{Dice, lock, turn};

/// A value store in memory. Shared through an `Arc`.
#[derive(Debug, Default)]
pub struct MemoryValues(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// How many changes were made.
    changes: u64,
    made: u64,
    envelopes: BTreeMap<Token, Bytes>,
}

impl Kept {
    /// The same each time, and each greater than those before: a batch comes in shuffled, so which of its tokens an
    /// environment gets is chance, and what a list finds after the last one must not depend on that.
    fn make_token(&mut self) -> Token {
        self.made += 1;
        let bytes = u128::from(self.made) << 64 | u128::from(Dice(self.made).roll());
        Token::from_bytes(bytes.to_be_bytes())
    }

    fn keep(&mut self, envelope: Bytes) -> Token {
        let token = self.make_token();
        self.envelopes.insert(token, envelope);
        token
    }
}

impl MemoryValues {
    /// How many changes were made.
    pub fn changes(&self) -> u64 {
        lock(&self.0).changes
    }

    /// Everything that is kept, ascending by token.
    pub fn contents(&self) -> Vec<(Token, Bytes)> {
        let kept = lock(&self.0);
        kept.envelopes
            .iter()
            .map(|(token, envelope)| (*token, envelope.clone()))
            .collect()
    }
}

#[async_trait]
impl ValueStore for MemoryValues {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        turn().await;
        limits::check_put(&envelopes)?;
        let mut kept = lock(&self.0);
        kept.changes += 1;
        Ok(envelopes
            .into_iter()
            .map(|envelope| kept.keep(envelope))
            .collect())
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        turn().await;
        let kept = lock(&self.0);
        Ok(tokens
            .iter()
            .map(|token| kept.envelopes.get(token).cloned())
            .collect())
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        turn().await;
        let mut kept = lock(&self.0);
        kept.changes += 1;
        for token in tokens {
            kept.envelopes.remove(token);
        }
        Ok(())
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        turn().await;
        let kept = lock(&self.0);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let later = kept.envelopes.range((start, Bound::Unbounded));
        let limit = limit.min(limits::PAGE) as usize;
        Ok(later.map(|(token, _)| *token).take(limit).collect())
    }

    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        turn().await;
        let kept = lock(&self.0);
        let of_part = |token: &Token| token.as_bytes()[0] == first;
        let names = |envelope: &Bytes| envelope.get(1..9) == Some(&key);
        let counted = kept
            .envelopes
            .iter()
            .filter(|(token, envelope)| of_part(token) && names(envelope));
        Ok(counted.count() as u64)
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        turn().await;
        Ok(())
    }
}
