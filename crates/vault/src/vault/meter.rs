//! How many messages are sealed under each master key. Counted in the database in blocks, before they are sealed: a crash
//! makes the count too high, never too low, and few writes of it are needed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use splitvault_crypto::KeyId;

use super::Vault;
use super::rings::Rings;
use crate::keys::KeyStoreError;

/// Operations reserved at once, at least.
const BLOCK: u64 = 4096;

/// What is reserved and not used yet.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<HashMap<KeyId, u64>>);

impl Meter {
    /// Takes `count` from what is reserved, or answers how many have to be reserved first.
    fn take(&self, key: KeyId, count: u64) -> Option<u64> {
        let mut reserved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = reserved.entry(key).or_default();
        match left.checked_sub(count) {
            Some(rest) => {
                *left = rest;
                None
            }
            None => Some(count.max(BLOCK)),
        }
    }

    fn add(&self, key: KeyId, count: u64) {
        let mut reserved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *reserved.entry(key).or_default() += count;
    }

    /// Forgets what was reserved for keys that do not seal any more.
    fn keep(&self, keys: [KeyId; 2]) {
        let mut reserved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reserved.retain(|key, _| keys.contains(key));
    }
}

impl Vault {
    /// To be called before this many names and values are sealed under the active keys.
    pub(super) async fn count(
        &self,
        rings: &Rings,
        names: usize,
        values: usize,
    ) -> Result<(), KeyStoreError> {
        let keys = [rings.names.active(), rings.values.active()];
        let counts = [names, values].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let mut short = Vec::new();
        for (key, count) in keys.into_iter().zip(counts) {
            if let Some(block) = self.meter.take(key, count) {
                short.push((key, count, block));
            }
        }
        if short.is_empty() {
            return Ok(());
        }
        self.meter.keep(keys);
        let blocks: Vec<_> = short.iter().map(|(key, _, block)| (*key, *block)).collect();
        self.keys.reserve(&blocks).await?;
        for (key, count, block) in short {
            self.meter.add(key, block - count);
        }
        Ok(())
    }
}
