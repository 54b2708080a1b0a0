//! VaultSecrets as they are now. Each is asked for once for all pods that start or ask at the same time, and again when
//! a watch tells of another version of it.
//!
//! What is remembered may be behind the API server by as long as a watch takes to tell, as RBAC is; a watch that fell
//! silent unnoticed makes that [`AGE`] at the most (docs/adr/0016). Only what can be handed out is remembered, so that whoever finds
//! something missing there asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::PartialObjectMeta;
#[cfg(test)]
use kube::api::{ObjectMeta, PartialObjectMetaExt as _};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use splitvault_api::VaultSecret;
use tokio::time::Instant;

/// How long something is remembered that no watch speaks of: as long as the API server itself remembers that a token
/// of a ServiceAccount is good (`tokenSuccessCacheTTL`).
const AGE: Duration = Duration::from_secs(10);
/// VaultSecrets that are remembered; some two kilobytes each.
const MOST: usize = 4096;

/// VaultSecrets that were asked for; cheap to clone.
#[derive(Clone)]
pub struct Latest {
    client: Client,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// Whether the watch tells of every change from now on.
    live: bool,
    objects: HashMap<Key, Entry>,
    /// Of the last question.
    number: u64,
}

/// Namespace and name.
type Key = (String, String);

/// What is noted of an object, and when the question began. No event told of the object since.
enum Entry {
    /// There is no answer yet to the question of this number.
    Asked(Instant, u64),
    /// The answer.
    Known(Instant, Arc<VaultSecret>),
}

impl Entry {
    fn is_old(&self) -> bool {
        let (Self::Asked(begun, _) | Self::Known(begun, _)) = self;
        begun.elapsed() >= AGE
    }
}

impl Latest {
    /// Remembers nothing until a watch is [seen](Self::saw).
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            known: Arc::default(),
        }
    }

    /// What is known of this one without a question.
    pub(crate) fn remembered(&self, namespace: &str, name: &str) -> Option<Arc<VaultSecret>> {
        let known = self.lock();
        match known.objects.get(&key(namespace, name)) {
            Some(entry @ Entry::Known(_, object)) if !entry.is_old() => Some(Arc::clone(object)),
            _ => None,
        }
    }

    /// What the API server has of this one; without its payload.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn ask(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<VaultSecret>>, kube::Error> {
        let question = self.begin(key(namespace, name));
        let api: Api<VaultSecret> = Api::namespaced(self.client.clone(), namespace);
        let answer = api.get_opt(name).await;
        let answer = answer.map(|object| object.map(|object| Arc::new(without_payload(object))));
        if let Some(question) = question {
            let settled = answer.as_ref().ok().and_then(Option::as_ref);
            let settled = settled.filter(|object| is_settled(object));
            self.end(&key(namespace, name), question, settled);
        }
        answer
    }

    /// Takes note of what the watch tells: of every version of every VaultSecret, in their order.
    pub(crate) fn saw(&self, event: &Result<Event<PartialObjectMeta<VaultSecret>>, watcher::Error>) {
        let mut known = self.lock();
        let meta = match event {
            Err(_) | Ok(Event::Init) => {
                known.live = false;
                return known.objects.clear();
            }
            // What changed before the list was made was forgotten with its beginning.
            Ok(Event::InitApply(_)) => return,
            Ok(Event::InitDone) => {
                known.live = true;
                return;
            }
            Ok(Event::Apply(meta) | Event::Delete(meta)) => &meta.metadata,
        };
        // A watch that was interrupted goes on where it was.
        known.live = true;
        let (Some(namespace), Some(name)) = (&meta.namespace, &meta.name) else {
            return;
        };
        let key = key(namespace, name);
        let is_this = |object: &VaultSecret| object.metadata.resource_version == meta.resource_version;
        let deleted = matches!(event, Ok(Event::Delete(_)));
        match known.objects.get(&key) {
            // The watch is behind the question.
            Some(Entry::Known(_, object)) if !deleted && is_this(object) => {}
            Some(_) => drop(known.objects.remove(&key)),
            None => {}
        }
    }

    /// Notes that something is asked for, so that an event meanwhile is not missed. `None` when its answer is not to be
    /// remembered, that of another question is, or nothing is.
    fn begin(&self, key: Key) -> Option<u64> {
        let mut known = self.lock();
        if !known.live || known.objects.get(&key).is_some_and(|entry| !entry.is_old()) {
            return None;
        }
        if known.objects.len() >= MOST {
            known.objects.clear();
        }
        known.number += 1;
        let number = known.number;
        known.objects.insert(key, Entry::Asked(Instant::now(), number));
        Some(number)
    }

    /// Remembers the answer to a question if nothing happened to the object meanwhile.
    fn end(&self, key: &Key, question: u64, object: Option<&Arc<VaultSecret>>) {
        let mut known = self.lock();
        let Some(entry) = known.objects.get_mut(key) else {
            return;
        };
        match (&*entry, object) {
            (Entry::Asked(begun, number), Some(object)) if *number == question => {
                *entry = Entry::Known(*begun, Arc::clone(object));
            }
            (Entry::Asked(_, number), None) if *number == question => drop(known.objects.remove(key)),
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(namespace: &str, name: &str) -> Key {
    (namespace.to_owned(), name.to_owned())
}

/// What may be hundreds of kilobytes, in the spec and in what tools write into annotations, nobody asks for here.
fn without_payload(mut object: VaultSecret) -> VaultSecret {
    object.spec.source = None;
    object.spec.generate = Vec::new();
    object.metadata.managed_fields = None;
    object.metadata.annotations = None;
    object
}

/// Whether there is something to hand out; everything else is about to change.
fn is_settled(object: &VaultSecret) -> bool {
    let observed = |generation| {
        let status = object.status.as_ref();
        status.is_some_and(|status| status.digest.is_some() && status.observed_generation == generation)
    };
    object.metadata.deletion_timestamp.is_none() && observed(object.metadata.generation)
}

#[cfg(test)]
impl Latest {
    /// As after the list that a watch begins with.
    pub(crate) fn watch(&self) {
        self.saw(&Ok(Event::InitDone));
    }

    /// As when a watch tells that this object has this version now.
    pub(crate) fn changed(&self, namespace: &str, name: &str, version: &str) {
        let metadata = ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        let meta = metadata.into_response_partial();
        self.saw(&Ok(Event::Apply(meta)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture::Server;

    const WEB: &str = "/apis/splitvault.dev/v1alpha1/namespaces/shop/vaultsecrets/web";

    fn object(version: &str) -> Value {
        json!({
            "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
            "metadata": {
                "name": "web", "namespace": "shop", "uid": "v-1", "generation": 1, "resourceVersion": version,
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "the payload once more"},
            },
            "spec": {"source": {"secretRef": {"name": "a"}}, "access": {"serviceAccounts": ["web"]}},
            "status": {"observedGeneration": 1, "revision": 1, "digest": "00"},
        })
    }

    fn meta(version: &str) -> PartialObjectMeta<VaultSecret> {
        serde_json::from_value(json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": "web", "namespace": "shop", "resourceVersion": version},
        }))
        .unwrap()
    }

    /// An API server that has `web` in version 5, and a watch that is live.
    fn world() -> (Server, Latest) {
        let server = Server::default();
        server.put(WEB, object("5"));
        let latest = Latest::new(server.client());
        latest.saw(&Ok(Event::Init));
        latest.saw(&Ok(Event::InitApply(meta("5"))));
        latest.saw(&Ok(Event::InitDone));
        (server, latest)
    }

    async fn ask(latest: &Latest) {
        assert!(latest.ask("shop", "web").await.unwrap().is_some());
    }

    fn version(latest: &Latest) -> Option<String> {
        latest
            .remembered("shop", "web")?
            .metadata
            .resource_version
            .clone()
    }

    #[tokio::test]
    async fn an_answer_is_remembered_until_the_watch_tells_of_another_version() {
        let (server, latest) = world();
        assert_eq!(version(&latest), None);
        ask(&latest).await;
        assert_eq!(version(&latest).as_deref(), Some("5"));
        latest.saw(&Ok(Event::Apply(meta("5"))));
        assert_eq!(version(&latest).as_deref(), Some("5"), "the watch was behind");
        server.put(WEB, object("6"));
        latest.saw(&Ok(Event::Apply(meta("6"))));
        assert_eq!(version(&latest), None);
        ask(&latest).await;
        assert_eq!(version(&latest).as_deref(), Some("6"));
        latest.saw(&Ok(Event::Delete(meta("6"))));
        assert_eq!(version(&latest), None);
    }

    #[tokio::test]
    async fn what_changes_while_it_is_asked_for_is_not_remembered() {
        let (_server, latest) = world();
        let question = latest.begin(key("shop", "web")).unwrap();
        assert_eq!(
            latest.begin(key("shop", "web")),
            None,
            "another's answer is remembered"
        );
        latest.saw(&Ok(Event::Apply(meta("6"))));
        let later = latest.begin(key("shop", "web")).unwrap();
        let old = serde_json::from_value(object("5")).unwrap();
        latest.end(&key("shop", "web"), question, Some(&Arc::new(old)));
        assert_eq!(version(&latest), None);
        let new = serde_json::from_value(object("6")).unwrap();
        latest.end(&key("shop", "web"), later, Some(&Arc::new(new)));
        assert_eq!(version(&latest).as_deref(), Some("6"));
    }

    #[tokio::test]
    async fn without_a_live_watch_nothing_is_remembered() {
        let (_server, latest) = world();
        for end in [Err(watcher::Error::NoResourceVersion), Ok(Event::Init)] {
            latest.saw(&Ok(Event::InitDone));
            ask(&latest).await;
            let begun = version(&latest);
            latest.saw(&end);
            assert_eq!((begun.as_deref(), version(&latest)), (Some("5"), None));
            ask(&latest).await;
            assert_eq!(version(&latest), None);
        }
        // One that goes on has not missed anything, whatever it tells of.
        latest.saw(&Ok(Event::Apply(meta("5"))));
        ask(&latest).await;
        assert!(version(&latest).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fell_silent_is_believed_for_seconds_only() {
        let (server, latest) = world();
        ask(&latest).await;
        server.put(WEB, object("6"));
        tokio::time::advance(AGE - Duration::from_millis(1)).await;
        assert!(version(&latest).is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(version(&latest), None);
        ask(&latest).await;
        assert_eq!(version(&latest).as_deref(), Some("6"));
        // A question that was given up.
        latest.saw(&Ok(Event::Apply(meta("7"))));
        latest.begin(key("shop", "web")).unwrap();
        tokio::time::advance(AGE).await;
        ask(&latest).await;
        assert!(version(&latest).is_some());
    }

    #[tokio::test]
    async fn what_cannot_be_handed_out_is_asked_for_again_and_again() {
        let (server, latest) = world();
        let changes: [fn(&mut Value); 4] = [
            |web| web["status"]["digest"] = Value::Null,
            |web| web["status"] = Value::Null,
            |web| web["metadata"]["generation"] = json!(2),
            |web| web["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        ];
        for change in changes {
            let mut web = object("5");
            change(&mut web);
            server.put(WEB, web);
            ask(&latest).await;
            assert_eq!(version(&latest), None);
        }
        server.take(WEB);
        assert!(latest.ask("shop", "web").await.unwrap().is_none());
        server.refuse(WEB, 403);
        assert!(latest.ask("shop", "web").await.is_err());
        assert!(latest.lock().objects.is_empty(), "nor is anything kept of it");
    }

    #[tokio::test]
    async fn neither_payloads_nor_more_than_so_many_are_kept() {
        let (_server, latest) = world();
        ask(&latest).await;
        let kept = latest.remembered("shop", "web").unwrap();
        assert_eq!((&kept.spec.source, &kept.metadata.annotations), (&None, &None));
        assert!(kept.spec.access.is_some() && kept.status.is_some());
        for number in 0..MOST + 10 {
            latest.begin(key("shop", &format!("web-{number}")));
        }
        assert!(latest.lock().objects.len() <= MOST);
    }
}
