//! The protocol over real TLS.

use bytes::Bytes;
use futures::future::join_all;
use splitvault_values::{ValueStore as _, conformance};

use crate::fixture::Server;

#[tokio::test]
async fn the_remote_store_conforms() {
    conformance::run(&Server::start().await.operator()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_at_once_get_what_is_theirs() {
    let server = Server::start().await;
    let clients = (0..50).map(|number| {
        let values = server.operator();
        async move {
            for round in 0..4 {
                let mine: Vec<_> = (0..20)
                    .map(|n| Bytes::from(format!("{number}/{round}/{n}")))
                    .collect();
                let tokens = values.put(mine.clone()).await.unwrap();
                let found = values.get(&tokens).await.unwrap();
                assert!(found.into_iter().flatten().eq(mine));
                values.delete(&tokens).await.unwrap();
            }
        }
    });
    join_all(clients).await;
    assert_eq!(server.operator().list(None, 1).await, Ok(vec![]));
}
