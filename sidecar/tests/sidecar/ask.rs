//! One question, and every answer that an operator, or somebody else, may give.

use std::collections::BTreeMap;

use splitvault_sidecar::{AskError, Operator as Client, client_config};
use splitvault_wire::{DeliverRequest, Delivery, REQUEST_LIMIT, RESPONSE_LIMIT, Reason};

use crate::operator::{Operator, POD, Reply, TOKEN, delivered, environment, request_line, response, sealed};

type Known = BTreeMap<String, u64>;

async fn ask(operator: &Operator) -> Result<Option<Delivery>, AskError> {
    let client = Client::new(&operator.settings()).unwrap();
    let answer = client.ask(&Known::new()).await?;
    Ok(answer.map(|answer| answer.delivery))
}

async fn failure(reply: Reply) -> AskError {
    ask(&Operator::start(&[reply]).await)
        .await
        .expect_err("this is no delivery")
}

#[tokio::test]
async fn variables_arrive_byte_for_byte() {
    const VARIABLES: &[(&str, &str)] = &[
        ("A", ""),
        ("B", "a\nb\r\n'\"\\`$HOME #"),
        ("C", "\u{fe0f}é\u{10ffff}\u{1}"),
    ];
    let operator = Operator::start(&[Reply::Web(7, VARIABLES)]).await;
    let delivery = ask(&operator).await.unwrap().unwrap();
    let web = &delivery.environments[0];
    assert_eq!((web.name.as_str(), web.revision), ("web", 7));
    let got: Vec<_> = web
        .variables
        .iter()
        .map(|v| (v.name.expose(), v.value.expose()))
        .collect();
    assert_eq!(got, VARIABLES);
}

#[tokio::test]
async fn the_question_is_in_the_protocol() {
    let operator = Operator::start(&[Reply::Current]).await;
    let client = Client::new(&operator.settings()).unwrap();
    let known = Known::from([("web".to_owned(), 3)]);
    assert!(client.ask(&known).await.unwrap().is_none());
    assert!(client.ask(&known).await.unwrap().is_none());
    let asked = operator.asked();
    assert!(asked[0].head.starts_with(&request_line()), "{}", asked[0].head);
    assert!(
        asked[0]
            .head
            .contains(&format!("authorization: Bearer {TOKEN}\r\n")),
        "{}",
        asked[0].head
    );
    assert!(
        asked[0].head.contains(&format!("host: {}\r\n", operator.address)),
        "{}",
        asked[0].head
    );
    assert_eq!(asked[0].request.vault_secrets, ["web"]);
    assert_eq!(asked[0].request.known, known);
    assert_ne!(
        asked[0].request.public_key, asked[1].request.public_key,
        "a key is for one question"
    );
    assert!(serde_json::to_vec(&asked[0].request).unwrap().len() < REQUEST_LIMIT);
}

#[tokio::test]
async fn each_refusal_is_told_with_its_reason() {
    for reason in Reason::ALL {
        let error = failure(Reply::Refuse(reason)).await;
        assert!(error.to_string().contains("VaultSecret web"), "{error}");
        let AskError::Refused(refused) = error else {
            panic!("{reason}: {error:?}")
        };
        assert_eq!(refused.reason, reason);
    }
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let error = ask(&Operator::with_tls_1_2().await).await.unwrap_err();
    assert!(matches!(error, AskError::Handshake { .. }), "{error:?}");
}

#[tokio::test]
async fn another_authority_is_refused() {
    let (operator, other) = (
        Operator::start(&[Reply::Current]).await,
        Operator::start(&[Reply::Current]).await,
    );
    let mut settings = operator.settings();
    settings.ca.clone_from(&other.ca);
    let error = Client::new(&settings)
        .unwrap()
        .ask(&Known::new())
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::Handshake { .. }), "{error:?}");
    assert!(operator.asked().is_empty(), "the token was not sent");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let operator = Operator::named("splitvault-operator.other.svc").await;
    let error = ask(&operator).await.unwrap_err();
    assert!(matches!(error, AskError::Handshake { .. }), "{error:?}");
    assert!(operator.asked().is_empty(), "the token was not sent");
}

#[tokio::test]
async fn nobody_there_is_told() {
    let operator = Operator::start(&[Reply::Current]).await;
    let mut settings = operator.settings();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    settings.port = free.local_addr().unwrap().port();
    drop(free);
    let error = Client::new(&settings)
        .unwrap()
        .ask(&Known::new())
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_token_that_is_none_is_not_sent() {
    let operator = Operator::start(&[Reply::Current]).await;
    let long = vec![b'a'; 20_000];
    for token in [b"".as_slice(), b" \n", b"a\nb: c", b"\xff\xfe", &long] {
        std::fs::write(operator.token(), token).unwrap();
        let error = ask(&operator).await.unwrap_err();
        assert!(matches!(error, AskError::Token { .. }), "{error:?}");
    }
    std::fs::remove_file(operator.token()).unwrap();
    assert!(matches!(
        ask(&operator).await.unwrap_err(),
        AskError::Token { .. }
    ));
    assert!(operator.asked().is_empty());
}

#[tokio::test]
async fn an_answer_for_another_pod_or_key_does_not_open() {
    fn other_pod(request: &DeliverRequest) -> Vec<u8> {
        let delivery = Delivery {
            environments: vec![environment("web", 1, &[])],
        };
        delivered(request, &delivery, "another-pod", "")
    }
    fn other_key(request: &DeliverRequest) -> Vec<u8> {
        let other = splitvault_crypto::sealing::KeyPair::make(splitvault_crypto::sealing::Algorithm::X25519);
        let public_key = other.unwrap().public().to_bytes();
        let delivery = Delivery {
            environments: vec![environment("web", 1, &[])],
        };
        delivered(
            &DeliverRequest {
                public_key,
                ..request.clone()
            },
            &delivery,
            POD,
            "",
        )
    }
    for reply in [Reply::Raw(other_pod), Reply::Raw(other_key)] {
        let error = failure(reply).await;
        assert!(matches!(error, AskError::Unsealed), "{error:?}");
    }
}

#[tokio::test]
async fn other_vault_secrets_than_asked_for_are_refused() {
    fn other(request: &DeliverRequest) -> Vec<u8> {
        let delivery = Delivery {
            environments: vec![environment("db", 1, &[("A", "1")])],
        };
        delivered(request, &delivery, POD, "")
    }
    fn fewer(request: &DeliverRequest) -> Vec<u8> {
        delivered(request, &Delivery { environments: vec![] }, POD, "")
    }
    fn twice(request: &DeliverRequest) -> Vec<u8> {
        let web = || environment("web", 1, &[]);
        delivered(
            request,
            &Delivery {
                environments: vec![web(), web()],
            },
            POD,
            "",
        )
    }
    for reply in [other, fewer, twice] {
        let error = failure(Reply::Raw(reply)).await;
        assert!(matches!(error, AskError::Malformed(_)), "{error:?}");
    }
}

#[tokio::test]
async fn garbage_is_refused() {
    let garbage: [fn(&DeliverRequest) -> Vec<u8>; 9] = [
        |_| Vec::new(),
        |_| b"\x15\x03\x01 garbage".to_vec(),
        |_| response(200, b""),
        |_| response(200, b"CANARY"),
        |_| response(200, b"{\"sealed\":\"CANARY!\",\"caBundle\":\"\"}"),
        |_| response(200, b"{\"sealed\":\"AAAA\",\"caBundle\":\"\"}"),
        |request| sealed(request, b"CANARY", POD, ""),
        |_| response(200, "[".repeat(100_000).as_bytes()),
        |_| format!("HTTP/1.1 200 X\r\n{}\r\n", "a: b\r\n".repeat(10_000)).into_bytes(),
    ];
    for (number, reply) in garbage.into_iter().enumerate() {
        let error = failure(Reply::Raw(reply)).await;
        let told = format!("{error} {error:?}");
        assert!(!told.contains("CANARY"), "{told}");
        let kind = matches!(
            error,
            AskError::Broken(_) | AskError::Malformed(_) | AskError::Unsealed
        );
        assert!(kind, "{number}: {told}");
    }
}

#[tokio::test]
async fn a_status_that_means_nothing_is_told() {
    let replies: [fn(&DeliverRequest) -> Vec<u8>; 4] = [
        |_| response(500, b"<html>CANARY"),
        |_| response(302, b""),
        |_| response(201, b"{\"reason\":\"NotReady\",\"message\":\"\"}"),
        |_| response(404, b"{}"),
    ];
    for reply in replies {
        let error = failure(Reply::Raw(reply)).await;
        assert!(matches!(error, AskError::Status(_)), "{error:?}");
        assert!(!format!("{error:?}").contains("CANARY"));
    }
}

#[tokio::test]
async fn no_content_is_no_answer_when_nothing_is_known() {
    let error = failure(Reply::Current).await;
    assert!(matches!(error, AskError::Malformed(_)), "{error:?}");
}

#[tokio::test]
async fn a_truncated_answer_is_refused() {
    fn cut(request: &DeliverRequest) -> Vec<u8> {
        let delivery = Delivery {
            environments: vec![environment("web", 1, &[("A", "1")])],
        };
        let mut bytes = delivered(request, &delivery, POD, "");
        bytes.truncate(bytes.len() - 1);
        bytes
    }
    let error = failure(Reply::Raw(cut)).await;
    assert!(matches!(error, AskError::Broken(_)), "{error:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    fn announced(_: &DeliverRequest) -> Vec<u8> {
        response(200, &vec![b' '; RESPONSE_LIMIT + 1])
    }
    fn chunked(_: &DeliverRequest) -> Vec<u8> {
        let mut bytes = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..=RESPONSE_LIMIT / 0x10000 {
            bytes.extend_from_slice(b"10000\r\n");
            bytes.resize(bytes.len() + 0x10000, b' ');
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }
    fn refusal(_: &DeliverRequest) -> Vec<u8> {
        response(500, &vec![b' '; RESPONSE_LIMIT + 1])
    }
    for reply in [announced, chunked, refusal] {
        let error = failure(Reply::Raw(reply)).await;
        assert!(matches!(error, AskError::TooLong), "{error:?}");
    }
}

#[tokio::test]
async fn the_largest_delivery_fits() {
    fn large(request: &DeliverRequest) -> Vec<u8> {
        let value = "v".repeat(32 * 1024);
        let names: Vec<_> = (0..31).map(|n| format!("N{n}")).collect();
        let variables: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
        let delivery = Delivery {
            environments: vec![environment("web", 1, &variables)],
        };
        delivered(request, &delivery, POD, "")
    }
    let operator = Operator::start(&[Reply::Raw(large)]).await;
    let delivery = ask(&operator).await.unwrap().unwrap();
    assert_eq!(delivery.environments[0].variables.len(), 31);
}

#[tokio::test]
async fn new_certificates_replace_the_old_ones() {
    let (old, new) = (
        Operator::start(&[Reply::Current]).await,
        Operator::start(&[Reply::Current]).await,
    );
    let known = Known::from([("web".to_owned(), 1)]);
    let mut settings = new.settings();
    settings.ca.clone_from(&old.ca);
    let mut client = Client::new(&settings).unwrap();
    assert!(client.ask(&known).await.is_err());
    assert!(client.trust("nonsense").is_err());
    client.trust(&new.ca).unwrap();
    assert!(client.ask(&known).await.unwrap().is_none());
    assert!(
        client_config(&format!("{}{}", old.ca, new.ca)).is_ok(),
        "both, while they overlap"
    );
}
