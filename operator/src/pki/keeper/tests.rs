use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::fixture::Server;

const AUTHORITY: &str = "/api/v1/namespaces/vault/secrets/splitvault-ca";
const STORE: &str = "/api/v1/namespaces/vault/secrets/splitvault-store-tls";

fn keeper(server: &Server) -> (Keeper, Certificates) {
    let names = Names::of_services("vault", "splitvault-operator", "splitvault-store");
    let certificates = Certificates::default();
    let pace = Pace {
        max_age: Duration::from_secs(365 * 24 * 60 * 60),
        announce: Duration::from_secs(60),
        overlap: Duration::from_secs(60),
    };
    let keeper = Keeper::new(
        server.client(),
        names,
        certificates.clone(),
        pace,
        Arc::new(NoStore),
    );
    (keeper, certificates)
}

struct NoStore;

#[async_trait]
impl Probe for NoStore {
    async fn admits(&self, _: Arc<ClientConfig>) -> bool {
        false
    }
}

#[tokio::test]
async fn the_first_look_makes_everything_and_the_second_writes_nothing() {
    let server = Server::default();
    let (mut keeper, certificates) = keeper(&server);
    let now = SystemTime::now();
    keeper.look(now).await.unwrap();
    let (authority, store) = (server.object(AUTHORITY), server.object(STORE));
    assert_eq!(store["data"]["ca.crt"], authority["data"]["ca.crt"]);
    assert!(
        store["data"].get("ca.key").is_none(),
        "the store never sees the CA's key"
    );
    server.asked();
    keeper.look(now).await.unwrap();
    assert_eq!(
        server.asked(),
        [format!("GET {AUTHORITY}"), format!("GET {STORE}")]
    );
    assert!(!certificates.bundle().load().is_empty());
}

#[tokio::test]
async fn another_replica_takes_the_ca_that_is_there() {
    let server = Server::default();
    let ((mut first, one), (mut second, two)) = (keeper(&server), keeper(&server));
    first.look(SystemTime::now()).await.unwrap();
    let before = (server.object(AUTHORITY), server.object(STORE));
    second.look(SystemTime::now()).await.unwrap();
    assert_eq!((server.object(AUTHORITY), server.object(STORE)), before);
    assert_eq!(*one.bundle().load_full(), *two.bundle().load_full());
}

#[tokio::test]
async fn certificates_are_renewed_before_they_end_and_without_another_ca() {
    let server = Server::default();
    let (mut keeper, certificates) = keeper(&server);
    let now = SystemTime::now();
    let first = keeper.look(now).await.unwrap();
    let (bundle, store) = (certificates.bundle().load_full(), server.object(STORE));
    let later = now + Duration::from_secs(61 * 24 * 60 * 60);
    assert!(keeper.look(later).await.unwrap() > first);
    assert_ne!(server.object(STORE), store);
    assert_eq!(certificates.bundle().load_full(), bundle);
}

#[tokio::test]
async fn a_deleted_ca_comes_back_as_the_same_one() {
    let server = Server::default();
    let (mut keeper, _) = keeper(&server);
    keeper.look(SystemTime::now()).await.unwrap();
    let before = server.take(AUTHORITY).unwrap();
    server.refuse("/api/v1/namespaces/vault/secrets", 503);
    assert!(keeper.look(SystemTime::now()).await.is_err());
    server.relent();
    keeper.look(SystemTime::now()).await.unwrap();
    assert_eq!(server.object(AUTHORITY)["data"], before["data"]);
}

#[tokio::test]
async fn a_broken_ca_is_left_as_it_is() {
    let server = Server::default();
    let (mut keeper, _) = keeper(&server);
    keeper.look(SystemTime::now()).await.unwrap();
    let mut broken = server.object(AUTHORITY);
    broken["data"]["ca.key"] = Value::from("Z2FyYmFnZQ==");
    server.put(AUTHORITY, broken.clone());
    assert!(matches!(
        keeper.look(SystemTime::now()).await,
        Err(PkiError::Authority)
    ));
    assert_eq!(server.object(AUTHORITY), broken);
}

#[tokio::test]
async fn a_look_that_is_given_up_in_the_middle_does_not_lose_the_ca() {
    let server = Server::default();
    let (mut keeper, _) = keeper(&server);
    keeper.look(SystemTime::now()).await.unwrap();
    let before = server.take(AUTHORITY).unwrap();
    server.asked();
    {
        let mut look = Box::pin(keeper.look(SystemTime::now()));
        while !server.asked().iter().any(|asked| asked.starts_with("POST")) {
            assert!(futures::poll!(&mut look).is_pending());
            tokio::task::yield_now().await;
        }
    }
    server.take(AUTHORITY);
    keeper.look(SystemTime::now()).await.unwrap();
    assert_eq!(server.object(AUTHORITY)["data"], before["data"]);
}
