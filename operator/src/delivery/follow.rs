//! Looks at VaultSecrets that change and that somebody waits for.
//!
//! A watch of its own, of metadata only and with nothing kept, so that each replica tells its own waiters, also one
//! that does not lead and runs no controller, and forgets what it [remembers](Latest) of what changed. What nobody waits
//! for is not looked at. One look, a GET of one object, serves all who wait for it.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Client};
use splitvault_api::VaultSecret;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::board::{Board, Topic};
use super::face::Face;
use crate::controller;
use crate::fault::Fault;
use crate::latest::Latest;

type Meta = PartialObjectMeta<VaultSecret>;

/// Looks at once.
const AT_ONCE: usize = 16;
/// Looks that fail before waiters are left to their next refresh.
const TRIES: u32 = 5;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows all VaultSecrets until `shutdown`.
pub async fn follow(client: Client, latest: Latest, board: Board, shutdown: CancellationToken) {
    let api: Api<Meta> = Api::all(client);
    // What the API server has in its cache will do: the watch goes on from there.
    let events = watch(api, watcher::Config::default().any_semantic()).default_backoff();
    let mut events = pin!(events.take_until(shutdown.cancelled_owned()));
    let (turns, mut looks) = (Semaphore::new(AT_ONCE), FuturesUnordered::new());
    // Slow looks hold up no event: what changed is forgotten at once.
    let look = async |topic| {
        let _turn = turns.acquire().await;
        look(&latest, &board, &topic).await;
    };
    loop {
        let event = tokio::select! {
            Some(()) = looks.next() => continue,
            event = events.next() => event,
        };
        let Some(event) = event else {
            return;
        };
        latest.saw(&event);
        match event {
            Ok(event) => looks.extend(news(&board, &event).map(&look)),
            Err(error) => {
                let fault = controller::describe(&error);
                tracing::warn!(%fault, "the watch for those who wait is interrupted");
            }
        }
    }
}

/// The VaultSecret that an event is about, when somebody waits for it who may not know yet.
fn news(board: &Board, event: &Event<Meta>) -> Option<Topic> {
    let (meta, version) = match event {
        Event::Apply(meta) | Event::InitApply(meta) => (meta, meta.metadata.resource_version.as_deref()),
        Event::Delete(meta) => (meta, None),
        Event::Init | Event::InitDone => return None,
    };
    let topic = Topic {
        namespace: meta.metadata.namespace.clone()?,
        name: meta.metadata.name.clone()?,
    };
    board.is_news(&topic, version).then_some(topic)
}

/// Tells what a VaultSecret looks like now.
pub(super) async fn look(latest: &Latest, board: &Board, topic: &Topic) {
    let Some(looking) = board.looking(topic) else {
        return;
    };
    let _turn = looking.lock().await;
    for _ in 0..TRIES {
        match latest.ask(&topic.namespace, &topic.name).await {
            Ok(object) => {
                let face = Face::of(object.as_deref());
                let version = object.and_then(|object| object.metadata.resource_version.clone());
                return board.tell(topic, version, face);
            }
            Err(error) => {
                tracing::warn!(fault = %Fault::from(error), "cannot look at a VaultSecret that is waited for");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::json;

    use super::*;
    use crate::fixture::Server;

    const WEB: &str = "/apis/splitvault.dev/v1alpha1/namespaces/shop/vaultsecrets/web";

    fn meta(version: &str) -> Meta {
        serde_json::from_value(json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": "web", "namespace": "shop", "resourceVersion": version},
        }))
        .unwrap()
    }

    fn object(version: &str, revision: i64) -> serde_json::Value {
        json!({
            "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1", "generation": 1, "resourceVersion": version},
            "spec": {"generate": [{"name": "A"}]},
            "status": {"observedGeneration": 1, "revision": revision, "digest": "00"},
        })
    }

    fn topic() -> Topic {
        Topic {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_looked_at() {
        let board = Board::default();
        let events = [
            Event::Apply(meta("1")),
            Event::InitApply(meta("1")),
            Event::Delete(meta("1")),
        ];
        assert!(events.iter().all(|event| news(&board, event).is_none()));
        let server = Server::default();
        look(&Latest::new(server.client()), &board, &topic()).await;
        assert!(server.asked().is_empty());
        let _waits = board.subscribe([topic()]);
        assert!(events.iter().all(|event| news(&board, event) == Some(topic())));
    }

    #[tokio::test]
    async fn one_look_serves_all_and_a_list_asks_for_nothing_twice() {
        let (server, board) = (Server::default(), Board::default());
        server.put(WEB, object("5", 1));
        let seen = Face::of(serde_json::from_value(object("5", 1)).ok().as_ref()).unwrap();
        let mut waiters: Vec<_> = (0..1000).map(|_| board.subscribe([topic()])).collect();
        server.put(WEB, object("6", 2));
        let topic = news(&board, &Event::Apply(meta("6"))).unwrap();
        look(&Latest::new(server.client()), &board, &topic).await;
        assert_eq!(server.asked().len(), 1);
        for waiter in &mut waiters {
            assert_eq!(waiter.changed(&[seen]).await, 1000);
        }
        assert_eq!(news(&board, &Event::InitApply(meta("6"))), None);
    }

    #[tokio::test]
    async fn what_is_gone_is_told_too() {
        let (server, board) = (Server::default(), Board::default());
        let seen = Face::of(serde_json::from_value(object("5", 1)).ok().as_ref()).unwrap();
        let mut waiter = board.subscribe([topic()]);
        look(&Latest::new(server.client()), &board, &topic()).await;
        assert_eq!(waiter.changed(&[seen]).now_or_never(), Some(1));
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_asked_again() {
        let (server, board) = (Server::default(), Board::default());
        server.put(WEB, object("6", 2));
        server.refuse(WEB, 403);
        let seen = Face::of_test(1);
        let mut waiter = board.subscribe([topic()]);
        let latest = Latest::new(server.client());
        let topic = topic();
        let looking = look(&latest, &board, &topic);
        let heal = async {
            tokio::time::sleep(PAUSE / 2).await;
            server.relent();
        };
        tokio::join!(looking, heal);
        assert_eq!(waiter.changed(&[seen]).now_or_never(), Some(1));
    }
}
