//! Environments that were found rolled back. While there is one, a value that nobody claims may belong to the state
//! that is missing, and must not be swept.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Suspects(Mutex<HashSet<String>>);

impl Suspects {
    pub(super) fn add(&self, uid: &str) {
        self.with(|uids| uids.insert(uid.to_owned()));
    }

    pub(super) fn clear(&self, uid: &str) {
        self.with(|uids| uids.remove(uid));
    }

    pub(super) fn count(&self) -> usize {
        self.with(|uids| uids.len())
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
