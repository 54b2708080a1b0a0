use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::fixture::Server;

const PATH: &str = "/api/v1/namespaces/vault/secrets/splitvault-kek";

#[tokio::test]
async fn keys_are_made_once_and_read_ever_after() {
    let server = Server::default();
    let client = server.client();
    obtain(&client, "vault", false).await.unwrap();
    let made = server.object(PATH);
    assert_eq!(made["data"].as_object().unwrap().len(), 2);
    server.asked();
    for founded in [false, true] {
        obtain(&client, "vault", founded).await.unwrap();
    }
    assert_eq!(
        server.asked(),
        [format!("GET {PATH}"), format!("GET {PATH}")],
        "nothing is written again"
    );
    assert_eq!(server.object(PATH), made);
}

#[tokio::test]
async fn lost_keys_are_not_replaced() {
    let server = Server::default();
    let lost = obtain(&server.client(), "vault", true).await;
    assert!(matches!(lost, Err(KekError::Missing)));
    assert_eq!(server.asked(), [format!("GET {PATH}")]);
}

#[tokio::test]
async fn a_secret_that_is_not_the_keys_is_left_as_it_is() {
    let server = Server::default();
    let client = server.client();
    obtain(&client, "vault", false).await.unwrap();
    let good = server.object(PATH);
    let changes: [fn(&mut Value); 5] = [
        |s| s["data"] = json!({}),
        |s| s["data"] = Value::Null,
        |s| s["data"][VALUES_KEY] = Value::Null,
        |s| s["data"][NAMES_KEY] = json!(STANDARD.encode("CANARY")),
        // The rings are not to be mixed up, whoever restores them.
        |s| s["data"][NAMES_KEY] = s["data"][VALUES_KEY].clone(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut broken = good.clone();
        change(&mut broken);
        server.put(PATH, broken.clone());
        server.asked();
        for founded in [false, true] {
            let error = obtain(&client, "vault", founded).await.unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("CANARY"), "{told}");
        }
        assert_eq!(server.asked().len(), 2, "case {number}: only read");
        assert_eq!(server.object(PATH), broken, "case {number}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_no_reason_for_new_keys() {
    let server = Server::default();
    for status in [401, 403, 429, 500, 503] {
        server.refuse(PATH, status);
        let refused = obtain(&server.client(), "vault", false).await;
        assert!(
            matches!(refused, Err(KekError::Cluster { doing: "read", .. })),
            "{status}"
        );
    }
    server.relent();
    assert_eq!(server.object(PATH), Value::Null);
}
