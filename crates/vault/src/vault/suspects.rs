//! Environments that were found not to be as they should. While one is rolled back, a value that nobody claims may belong
//! to the state that is missing, and must not be swept. One whose rows or values were found tampered with looks whole
//! by its manifest, so it is not trusted again before it was read whole.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Suspects {
    rolled_back: Uids,
    tampered: Uids,
}

#[derive(Debug, Default)]
struct Uids(Mutex<HashSet<String>>);

impl Suspects {
    pub(super) fn add(&self, uid: &str) {
        self.rolled_back.with(|uids| uids.insert(uid.to_owned()));
    }

    pub(super) fn add_tampered(&self, uid: &str) {
        self.tampered.with(|uids| uids.insert(uid.to_owned()));
    }

    pub(super) fn is_tampered(&self, uid: &str) -> bool {
        self.tampered.with(|uids| uids.contains(uid))
    }

    pub(super) fn clear(&self, uid: &str) {
        self.rolled_back.with(|uids| uids.remove(uid));
        self.tampered.with(|uids| uids.remove(uid));
    }

    /// How many are rolled back.
    pub(super) fn count(&self) -> usize {
        self.rolled_back.with(|uids| uids.len())
    }
}

impl Uids {
    fn with<T>(&self, change: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
