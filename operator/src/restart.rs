//! `spec.onChange: Restart`: workloads whose pods have an older content are rolled, once for each change.
//!
//! Who consumes a VaultSecret is told by pods, not by templates: one paged list of the metadata of the pods of one
//! namespace, only when something changed there. At 10,000 pods in one namespace that is 20 pages; pods elsewhere are not
//! looked at. Templates would have to be listed whole, four kinds of them, and do not tell what the running pods
//! already have: a pod carries the content that it was admitted with, so that workloads that are up to date are left
//! alone. A workload costs two or three reads of single objects more, and only if it has to be rolled.
//!
//! The state is on the objects. A VaultSecret's status has the revision for which everything was rolled; a workload has the
//! changes that it was rolled for. What is in memory here can be lost at any time.

mod consumers;
mod plan;
mod progress;
mod roller;
pub(crate) mod tag;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

pub use progress::Progress;
pub use roller::{Roller, Work, run};
pub use tag::Tags;

/// How careful to be.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a change waits for others, so that one roll serves them all.
    pub settle: Duration,
    /// Workloads that are in the middle of a roll of ours at once, in the whole cluster.
    pub at_once: usize,
    /// The least between two rolls of one workload.
    pub distance: Duration,
}

/// A change that workloads are to be rolled for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where the VaultSecret is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The revision that is to be rolled out.
    pub revision: u64,
    /// The digest of its content.
    pub digest: String,
    /// Whether it is the first content of this object. Pods that came before it have waited for it; only those are old that
    /// have a content of another object of this name.
    pub first: bool,
}

/// What the controller and the roller tell each other; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rolls(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// By UID of the VaultSecret.
    wanted: Mutex<BTreeMap<String, Wanted>>,
    news: Notify,
}

#[derive(Debug, Clone)]
struct Wanted {
    change: Change,
    since: Instant,
    progress: Progress,
}

impl Rolls {
    /// Asks for `change` to be rolled out, and answers how far that is. A later change of the same VaultSecret takes the
    /// place of an earlier one.
    pub fn want(&self, change: Change) -> Progress {
        let mut wanted = self.wanted();
        match wanted.get_mut(&change.uid) {
            Some(known) if known.change == change => return known.progress.clone(),
            Some(known) => {
                known.change = change;
                known.progress = Progress::Pending;
            }
            None => {
                let new = Wanted {
                    since: Instant::now(),
                    progress: Progress::Pending,
                    change: change.clone(),
                };
                wanted.insert(change.uid, new);
            }
        }
        self.0.news.notify_one();
        Progress::Pending
    }

    /// Nothing is wanted of this VaultSecret any more.
    pub fn forget(&self, uid: &str) {
        self.wanted().remove(uid);
    }

    /// Notes how far a change is; answers whether that is news.
    fn note(&self, change: &Change, progress: Progress) -> bool {
        let mut wanted = self.wanted();
        let known = wanted
            .get_mut(&change.uid)
            .filter(|known| known.change == *change);
        known.is_some_and(|known| std::mem::replace(&mut known.progress, progress.clone()) != progress)
    }

    /// By namespace, the changes that have not been rolled out, where the first of them has waited for `settle`.
    fn due(&self, settle: Duration) -> BTreeMap<String, Vec<Change>> {
        let mut due: BTreeMap<String, (bool, Vec<Change>)> = BTreeMap::new();
        let wanted = self.wanted();
        for one in wanted.values().filter(|one| one.progress != Progress::Done) {
            let (settled, changes) = due.entry(one.change.namespace.clone()).or_default();
            *settled |= one.since.elapsed() >= settle;
            changes.push(one.change.clone());
        }
        let due = due.into_iter().filter(|(_, (settled, _))| *settled);
        due.map(|(namespace, (_, changes))| (namespace, changes))
            .collect()
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeMap<String, Wanted>> {
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
