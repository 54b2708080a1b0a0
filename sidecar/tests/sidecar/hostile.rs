//! Answers that no operator gives: forged, garbled, truncated, endless.

use splitvault_crypto::sealing::{Algorithm, KeyPair};
use splitvault_sidecar::AskError;
use splitvault_wire::{DeliverRequest, Delivery, RESPONSE_LIMIT};

use crate::ask::{ask, failure};
use crate::operator::{Operator, POD, Reply, delivered, environment, response, sealed};

#[tokio::test]
async fn an_answer_for_another_pod_or_key_does_not_open() {
    fn other_pod(request: &DeliverRequest) -> Vec<u8> {
        let delivery = Delivery {
            environments: vec![environment("web", 1, &[])],
        };
        delivered(request, &delivery, "another-pod", "")
    }
    fn other_key(request: &DeliverRequest) -> Vec<u8> {
        let other = KeyPair::make(Algorithm::X25519);
        let public_key = other.unwrap().public().to_bytes();
        let delivery = Delivery {
            environments: vec![environment("web", 1, &[])],
        };
        delivered(
            &DeliverRequest {
                wait_seconds: None,
                refused: None,
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
