//! Pods that ask for variables and started without them: made while the webhook was away or was switched off, or given
//! the annotation by a webhook that came after ours.
//!
//! They are searched for at the beginning of leadership and then every few minutes, and not watched: nothing but their
//! absence from admission tells them from other pods, annotations cannot be selected, and a watch would bring every
//! status update of every pod of the cluster for something that hardly ever happens. The list is of metadata only, and
//! paged. It does not say `resourceVersion=0`: the API server would ignore the limit and answer with all pods at once.
//! Without one, it answers page by page, from its cache where it can (KEP-2340).

mod evict;
mod find;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use scan::{Scanner, Watchman, run};

/// Pods that a sentence names; of the rest, the number.
const NAMED: usize = 5;

/// How often to search, and what to do then.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two searches.
    pub interval: Duration,
    /// Whether such pods are evicted, so that their owner makes them anew.
    pub evict: bool,
}

/// Namespace and name of a VaultSecret.
type Key = (String, String);
/// The pods that started without each of them.
type Found = BTreeMap<Key, Vec<String>>;

/// What the last search found; cheap to clone. Nothing at all before the first one ended.
#[derive(Debug, Clone, Default)]
pub struct Missed(Arc<Mutex<Option<Found>>>);

impl Missed {
    /// The pods that started without this VaultSecret; `None` while nobody has searched yet.
    pub fn about(&self, namespace: &str, name: &str) -> Option<Vec<String>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), name.to_owned());
        found
            .as_ref()
            .map(|all| all.get(&key).cloned().unwrap_or_default())
    }

    /// Takes what a search found; answers the VaultSecrets about which something else is to be said now.
    fn replace(&self, now: Found) -> Vec<Key> {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = found.is_none();
        let before = found.replace(now.clone()).unwrap_or_default();
        // A condition from before this process, about pods that are gone, goes with the object's first reconcile.
        let mut changed: Vec<_> = now
            .iter()
            .filter(|(key, pods)| first || before.get(*key) != Some(pods))
            .map(|(key, _)| key.clone())
            .collect();
        changed.extend(before.into_keys().filter(|key| !now.contains_key(key)));
        changed
    }
}

/// The condition's sentence; `None` when there are no such pods.
pub fn sentence(namespace: &str, pods: &[String]) -> Option<String> {
    let first = pods.first()?;
    let named = pods.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = match pods.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "{} started without this object: {named}{more}; make them anew (splitvault doctor pod {first} -n \
         {namespace} says why)",
        if pods.len() == 1 {
            "1 pod".to_owned()
        } else {
            format!("{} pods", pods.len())
        }
    ))
}
