//! How many of a kind are inside at once: no single client fills a place that is there for all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts who is inside, by key, and lets no more than a few of each in. Keys that left are forgotten.
#[derive(Debug)]
pub(crate) struct Crowd<K> {
    most: usize,
    inside: Mutex<HashMap<K, usize>>,
}

/// Somebody is inside until this is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash> {
    crowd: Arc<Crowd<K>>,
    key: K,
}

impl<K: Eq + Hash + Clone> Crowd<K> {
    /// At most this many of each key at once.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let inside = Mutex::default();
        Arc::new(Self { most, inside })
    }

    /// A place, if there are not too many of the key inside.
    pub(crate) fn enter(self: &Arc<Self>, key: K) -> Option<Place<K>> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.get(&key).copied().unwrap_or_default();
        if count >= self.most {
            return None;
        }
        inside.insert(key.clone(), count + 1);
        drop(inside);
        let crowd = Arc::clone(self);
        Some(Place { crowd, key })
    }
}

impl<K: Eq + Hash> Place<K> {
    /// Who is inside.
    pub(crate) fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside.lock().unwrap_or_else(PoisonError::into_inner);
        match inside.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                inside.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_bound_and_places_are_given_back() {
        let crowd = Crowd::new(2);
        let (first, second) = (crowd.enter("a"), crowd.enter("a"));
        assert!(first.is_some() && second.is_some() && crowd.enter("a").is_none());
        assert!(crowd.enter("b").is_some());
        drop(first);
        let third = crowd.enter("a");
        assert!(third.is_some() && crowd.enter("a").is_none());
        drop((second, third));
        assert!(crowd.inside.lock().unwrap().is_empty(), "nobody is remembered");
    }
}
