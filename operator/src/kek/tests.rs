use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::fixture::Server;

/// Both, as with `file` for both rings.
async fn obtain(client: &Client, namespace: &str, in_use: bool) -> Result<Files, KekError> {
    let wanted = Wanted {
        names: true,
        values: true,
        wraps: true,
    };
    super::obtain(client, namespace, in_use, wanted).await
}

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

#[tokio::test]
async fn a_ring_that_a_kms_wraps_needs_no_key_in_the_secret() {
    let server = Server::default();
    let client = server.client();
    obtain(&client, "vault", false).await.unwrap();
    let mut half = server.object(PATH);
    half["data"].as_object_mut().unwrap().remove(VALUES_KEY);
    server.put(PATH, half);
    let wanted = |names, values| Wanted {
        names,
        values,
        wraps: true,
    };
    let files = super::obtain(&client, "vault", true, wanted(true, false))
        .await
        .unwrap();
    assert!(files.names.is_some() && files.values.is_none());
    assert!(
        super::obtain(&client, "vault", true, wanted(false, true))
            .await
            .is_err()
    );
}

fn providers(names: &[&str], values: &[&str]) -> Providers {
    let choices = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Providers::new([choices(names), choices(values)])
}

#[tokio::test]
async fn the_cluster_is_not_asked_for_keys_that_only_a_kms_has() {
    let server = Server::default();
    let kms = ["kms:unix:///run/kms.sock"];
    let keks = providers(&kms, &kms)
        .keks(&server.client(), "vault", false)
        .await
        .unwrap();
    assert_eq!(server.asked(), [""; 0]);
    assert_eq!(keks.names.current().describe(), "kms/kms/unknown");
}

#[tokio::test]
async fn a_key_file_is_made_when_nothing_depends_on_a_lost_one() {
    let server = Server::default();
    let client = server.client();
    let kms = ["kms:unix:///run/kms.sock", "file"];
    let away = providers(&kms, &kms);
    let lost = away.keks(&client, "vault", true).await;
    assert!(matches!(lost, Err(KekError::Missing)));
    assert!(
        away.keks(&client, "vault", false).await.is_ok(),
        "it never wrapped anything"
    );
    assert_eq!(server.object(PATH), Value::Null);
    let moved = providers(
        &["file", "kms:unix:///run/kms.sock"],
        &["kms:unix:///run/kms.sock"],
    );
    let lost = moved.keks(&client, "vault", true).await;
    assert!(matches!(lost, Err(KekError::Missing)));
    assert_eq!(server.object(PATH), Value::Null);
    let keks = moved.keks(&client, "vault", false).await.unwrap();
    assert!(keks.names.current().describe().starts_with("file/"));
}

#[test]
fn what_a_key_file_wrapped_is_told_by_its_first_byte() {
    let kek = FileKek::<Names>::make().unwrap();
    let key = splitvault_crypto::MasterKey::make().unwrap();
    let wrapped = kek.wrap(splitvault_crypto::Id::ZERO, &key).unwrap();
    assert!(providers::is_by_file(&wrapped));
    assert!(!providers::is_by_file(&[2]) && !providers::is_by_file(&[]));
}
