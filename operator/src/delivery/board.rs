//! Who waits for which VaultSecrets.
//!
//! Nothing secret and nothing of a content is here: only names of VaultSecrets that somebody waits for, and what each
//! looked like last. What a waiter costs is a receiver for each of its VaultSecrets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{FutureExt as _, select_all};
use tokio::sync::watch;

use super::face::Face;

/// A VaultSecret, by namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Topic {
    /// Where it is.
    pub(super) namespace: String,
    /// What it is called.
    pub(super) name: String,
}

/// The VaultSecrets that are waited for; cheap to clone.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<HashMap<Arc<Topic>, Entry>>>);

#[derive(Default)]
struct Entry {
    faces: watch::Sender<Option<Face>>,
    subscribers: usize,
    /// Resource version of the last look, so that a list after an interrupted watch asks for nothing twice.
    version: Option<String>,
    /// One look at a time: a later look is never followed by what an earlier one saw.
    looking: Arc<tokio::sync::Mutex<()>>,
}

/// Somebody who is told of changes until this is dropped.
pub(super) struct Subscription {
    board: Board,
    each: Vec<(Arc<Topic>, watch::Receiver<Option<Face>>)>,
}

impl Board {
    /// Tells of each change of these that is seen from now on.
    pub(super) fn subscribe(&self, topics: impl IntoIterator<Item = Topic>) -> Subscription {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut subscribe = |topic: Topic| {
            let known = entries.get_key_value(&topic).map(|(topic, _)| Arc::clone(topic));
            let topic = known.unwrap_or_else(|| Arc::new(topic));
            let entry = entries.entry(Arc::clone(&topic)).or_default();
            entry.subscribers += 1;
            (topic, entry.faces.subscribe())
        };
        let each = topics.into_iter().map(&mut subscribe).collect();
        drop(entries);
        Subscription {
            board: self.clone(),
            each,
        }
    }

    /// Whether somebody waits for this one, and has not been told of this version of it.
    pub(super) fn is_news(&self, topic: &Topic, version: Option<&str>) -> bool {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(topic);
        entry.is_some_and(|entry| version.is_none() || entry.version.as_deref() != version)
    }

    /// A lock for looks at this one; `None` when nobody waits for it any more.
    pub(super) fn looking(&self, topic: &Topic) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(topic).map(|entry| Arc::clone(&entry.looking))
    }

    /// What one looks like now, in this version; without a face it is on its way to one.
    pub(super) fn tell(&self, topic: &Topic, version: Option<String>, face: Option<Face>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get_mut(topic) else {
            return;
        };
        entry.version = version;
        if face.is_some() {
            entry.faces.send_if_modified(|last| {
                let other = *last != face;
                *last = face;
                other
            });
        }
    }

    /// How many VaultSecrets are waited for.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Subscription {
    /// Waits until one of them looks otherwise than on these faces, which are in the order of the topics; answers how
    /// many wait for that one.
    pub(super) async fn changed(&mut self, faces: &[Face]) -> usize {
        let each = self.each.iter_mut().zip(faces);
        let each = each.map(|((_, receiver), face)| other(receiver, *face).boxed());
        let ((), which, _) = select_all(each).await;
        let entries = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = self.each.get(which).and_then(|(topic, _)| entries.get(topic));
        changed.map_or(1, |entry| entry.subscribers)
    }
}

/// Only what is seen from the subscription on: what was told before may be older than what the waiter has seen.
async fn other(receiver: &mut watch::Receiver<Option<Face>>, seen: Face) {
    while receiver.changed().await.is_ok() {
        if receiver.borrow_and_update().is_some_and(|face| face != seen) {
            return;
        }
    }
    // The sender lives as long as a subscription does.
    std::future::pending().await
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut entries = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (topic, _) in &self.each {
            if let Some(entry) = entries.get_mut(topic) {
                entry.subscribers -= 1;
                if entry.subscribers == 0 {
                    entries.remove(topic);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> Topic {
        Topic {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    const OLD: Face = Face::of_test(1);
    const NEW: Face = Face::of_test(2);

    fn tell(board: &Board, name: &str, face: Option<Face>) {
        board.tell(&topic(name), Some("1".to_owned()), face);
    }

    #[tokio::test]
    async fn only_another_face_of_ones_own_wakes() {
        let board = Board::default();
        let mut subscription = board.subscribe([topic("web"), topic("db")]);
        let mut neighbour = board.subscribe([topic("other")]);
        tell(&board, "web", Some(OLD));
        tell(&board, "web", None);
        tell(&board, "other", Some(NEW));
        assert!(
            subscription.changed(&[OLD, OLD]).now_or_never().is_none(),
            "the same face"
        );
        assert_eq!(neighbour.changed(&[OLD]).await, 1);
        let second = board.subscribe([topic("db")]);
        tell(&board, "db", Some(NEW));
        assert_eq!(subscription.changed(&[OLD, OLD]).await, 2);
        drop(second);
    }

    #[tokio::test]
    async fn what_was_told_before_is_no_news() {
        let board = Board::default();
        let first = board.subscribe([topic("web")]);
        tell(&board, "web", Some(OLD));
        let mut second = board.subscribe([topic("web")]);
        assert!(
            second.changed(&[NEW]).now_or_never().is_none(),
            "older than what it has seen"
        );
        tell(&board, "web", Some(NEW));
        assert!(second.changed(&[NEW]).now_or_never().is_none());
        drop(first);
    }

    #[test]
    fn nobody_is_remembered_and_no_version_is_looked_at_twice() {
        let board = Board::default();
        assert!(!board.is_news(&topic("web"), Some("1")), "nobody waits");
        let (first, second) = (board.subscribe([topic("web")]), board.subscribe([topic("web")]));
        assert!(board.is_news(&topic("web"), Some("1")));
        tell(&board, "web", None);
        assert!(!board.is_news(&topic("web"), Some("1")) && board.is_news(&topic("web"), Some("2")));
        assert!(board.is_news(&topic("web"), None), "a deletion always is");
        drop(first);
        assert_eq!(board.len(), 1);
        drop(second);
        assert_eq!(board.len(), 0);
        tell(&board, "web", Some(NEW));
        assert_eq!(board.len(), 0);
    }
}
