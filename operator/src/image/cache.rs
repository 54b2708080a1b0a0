//! What was found, for those who have the same credentials. Bounded in number and in time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::credentials::Fingerprint;
use super::lookup::Question;
use super::reference::Version;
use crate::inject::Program;

/// Entries of each kind. A program has at most 16 KiB.
const ENTRIES: usize = 512;
/// A tag may be moved at any time.
const TAG_TTL: Duration = Duration::from_secs(60);
/// A digest stands for the same for ever, but credentials may be withdrawn.
const DIGEST_TTL: Duration = Duration::from_secs(3600);

/// Tags to digests, and digests to programs.
#[derive(Debug, Default)]
pub(super) struct Cache {
    tags: Mutex<Bounded<Question, String>>,
    programs: Mutex<Bounded<ByDigest, Arc<Program>>>,
}

type ByDigest = (String, String, String, Fingerprint);

impl Cache {
    /// What is known without asking anybody.
    pub(super) fn get(&self, question: &Question) -> Option<Arc<Program>> {
        let digest = match question.image.version() {
            Version::Digest(digest) => digest.clone(),
            Version::Tag(_) => locked(&self.tags).get(question, TAG_TTL)?,
        };
        self.of_digest(question, &digest)
    }

    /// What the image with this digest in the question's repository runs.
    pub(super) fn of_digest(&self, question: &Question, digest: &str) -> Option<Arc<Program>> {
        locked(&self.programs).get(&by_digest(question, digest), DIGEST_TTL)
    }

    /// Remembers what a tag stands for now.
    pub(super) fn tagged(&self, question: &Question, digest: &str) {
        locked(&self.tags).put(question.clone(), digest.to_owned());
    }

    /// Remembers what a digest runs.
    pub(super) fn put(&self, question: &Question, digest: &str, program: Arc<Program>) {
        locked(&self.programs).put(by_digest(question, digest), program);
    }
}

fn by_digest(question: &Question, digest: &str) -> ByDigest {
    let name = question.image.name();
    (
        name,
        digest.to_owned(),
        question.architecture.clone(),
        question.credentials,
    )
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked left a map that is whole: each change is one call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Bounded<K, V>(HashMap<K, (Instant, V)>);

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Bounded<K, V> {
    fn get(&self, key: &K, ttl: Duration) -> Option<V> {
        let (when, value) = self.0.get(key)?;
        (when.elapsed() < ttl).then(|| value.clone())
    }

    /// The oldest makes room.
    fn put(&mut self, key: K, value: V) {
        if self.0.len() >= ENTRIES && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, (when, _))| *when);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(key, (Instant::now(), value));
    }
}

#[cfg(test)]
mod tests {
    use splitvault_crypto::SecretBytes;

    use super::super::credentials::Credentials;
    use super::super::reference::Reference;
    use super::*;

    fn question(image: &str, user: &str) -> Question {
        let credentials = Credentials::new(user, "p");
        Question {
            image: Reference::parse(image).unwrap(),
            architecture: "amd64".to_owned(),
            credentials: Fingerprint::of(&SecretBytes::copy_of(b"salt"), &[&credentials]),
        }
    }

    fn program() -> Arc<Program> {
        Arc::new(Program {
            image: String::new(),
            entrypoint: vec!["/a".to_owned()],
            cmd: Vec::new(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_tag_is_asked_for_again_soon_and_a_digest_late() {
        let (cache, tag) = (Cache::default(), question("a.example/b:1", "u"));
        let digest = format!("sha256:{}", "0a".repeat(32));
        let pinned = question(&format!("a.example/b@{digest}"), "u");
        assert_eq!(cache.get(&tag), None);
        cache.tagged(&tag, &digest);
        assert_eq!(cache.get(&tag), None);
        cache.put(&tag, &digest, program());
        assert_eq!(
            (cache.get(&tag), cache.get(&pinned)),
            (Some(program()), Some(program()))
        );
        tokio::time::advance(TAG_TTL).await;
        assert_eq!((cache.get(&tag), cache.get(&pinned)), (None, Some(program())));
        assert_eq!(cache.of_digest(&tag, &digest), Some(program()));
        tokio::time::advance(DIGEST_TTL).await;
        assert_eq!(cache.get(&pinned), None);
    }

    #[tokio::test]
    async fn who_has_other_credentials_or_asks_for_something_else_learns_nothing() {
        let (cache, tag) = (Cache::default(), question("a.example/b:1", "u"));
        cache.tagged(&tag, "sha256:0");
        cache.put(&tag, "sha256:0", program());
        assert!(cache.get(&tag).is_some());
        let mut architecture = tag.clone();
        architecture.architecture = "arm64".to_owned();
        let others = [
            question("a.example/b:1", "other"),
            question("a.example/b:2", "u"),
            question("a.example/c:1", "u"),
            architecture,
        ];
        for other in others {
            assert_eq!(
                (cache.get(&other), cache.of_digest(&other, "sha256:0").is_some()),
                (None, other.image.tag_or_digest() == "2")
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_makes_room() {
        let mut bounded = Bounded::default();
        for number in 0..ENTRIES + 10 {
            bounded.put(number, ());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(bounded.0.len(), ENTRIES);
        assert!(bounded.get(&9, TAG_TTL).is_none() && bounded.get(&10, TAG_TTL).is_some());
        bounded.put(10, ());
        assert_eq!(bounded.0.len(), ENTRIES);
    }
}
