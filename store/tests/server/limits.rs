//! What a client that ignores the limits, or the protocol, runs into.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use splitvault_values::grpc::proto::values_client::ValuesClient;
use splitvault_values::grpc::proto::{CountRequest, DeleteRequest, GetRequest, ListRequest, PutRequest};
use splitvault_values::{ValueStore as _, limits};
use tonic::Code;
use tower::{Service as _, ServiceExt as _};

use crate::fixture::Server;

#[tokio::test]
async fn oversize_requests_are_refused_and_nothing_is_written() {
    let server = Server::start().await;
    let mut client = ValuesClient::new(server.channel()).max_encoding_message_size(64 << 20);
    let wide = Bytes::from(vec![0; limits::ENVELOPE]);
    let oversize = [
        vec![Bytes::from_static(b"x"); limits::BATCH + 1],
        vec![
            Bytes::from_static(b"small"),
            Bytes::from(vec![0; limits::ENVELOPE + 1]),
        ],
        vec![wide.clone(); limits::PUT / limits::ENVELOPE + 1],
        vec![wide; 600],
    ];
    for envelopes in oversize {
        let refused = client.put(PutRequest { envelopes }).await.unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange);
    }
    let tokens = vec![Bytes::from_static(&[0; 16]); limits::BATCH + 1];
    let refused = client
        .get(GetRequest {
            tokens: tokens.clone(),
        })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    let refused = client.delete(DeleteRequest { tokens }).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert_eq!(server.operator().list(None, 1).await, Ok(vec![]));
}

#[tokio::test]
async fn tokens_that_are_none_are_refused() {
    let server = Server::start().await;
    let mut client = ValuesClient::new(server.channel());
    for token in [
        Bytes::new(),
        Bytes::from_static(&[1; 15]),
        Bytes::from_static(&[1; 17]),
    ] {
        let tokens = vec![token.clone()];
        let refused = client
            .get(GetRequest {
                tokens: tokens.clone(),
            })
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let refused = client.delete(DeleteRequest { tokens }).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let refused = client
            .list(ListRequest {
                after: Some(token),
                limit: 1,
            })
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn counts_of_what_is_no_key_or_no_part_are_refused() {
    let server = Server::start().await;
    let mut client = ValuesClient::new(server.channel());
    let key = |length| Bytes::from(vec![1; length]);
    for (key, first) in [
        (key(0), 0),
        (key(7), 0),
        (key(9), 0),
        (key(limits::ENVELOPE), 0),
        (key(8), 256),
        (key(8), u32::MAX),
    ] {
        let refused = client.count(CountRequest { key, first }).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let request = CountRequest {
        key: key(8),
        first: 255,
    };
    assert_eq!(client.count(request).await.unwrap().into_inner().count, 0);
}

/// Sends these bytes as the body of a put and answers the gRPC status.
async fn raw(server: &Server, path: &str, body: &'static [u8]) -> Option<String> {
    let mut channel = server.channel();
    let request = http::Request::post(format!("https://splitvault-store{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(Full::new(Bytes::from_static(body))))
        .unwrap();
    let answer = channel.ready().await.unwrap().call(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let trailers = body
        .collect()
        .await
        .ok()
        .and_then(|body| body.trailers().cloned());
    let status = parts
        .headers
        .get("grpc-status")
        .cloned()
        .or_else(|| trailers?.get("grpc-status").cloned());
    status.map(|status| status.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn malformed_messages_are_refused_and_the_server_goes_on() {
    let server = Server::start().await;
    let put = "/splitvault.values.v1.Values/Put";
    let bodies: [&[u8]; 5] = [
        b"",                             // no message at all
        b"\0\0\0\0\x03\x0a\xff\xff",     // a field longer than the message
        b"\0\0\0\0\x04\xff\xff\xff\xff", // no field
        b"\0\xff\xff\xff\xff\x0a",       // four gigabytes announced
        b"\x01\0\0\0\x02\x0a\0",         // compressed, which was not agreed
    ];
    for body in bodies {
        let status = raw(&server, put, body).await;
        assert!(
            status.as_deref().is_some_and(|status| status != "0"),
            "{body:?}: {status:?}"
        );
    }
    assert_eq!(
        raw(&server, "/splitvault.values.v1.Values/Dump", b"\0\0\0\0\0")
            .await
            .as_deref(),
        Some("12")
    );
    assert_eq!(server.operator().list(None, 1).await, Ok(vec![]));
}
