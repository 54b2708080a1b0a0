//! Certificates whose time has not come, or is over.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;
use rustls_pki_types::PrivateKeyDer;
use splitvault_wire::pod;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::operator::{Operator, Reply};
use crate::process::{Process, eventually};

/// A server with a certificate for these years, and whom to trust.
async fn server(years: std::ops::Range<i32>) -> (u16, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.start, 1, 1);
    params.not_after = date_time_ymd(years.end, 1, 1);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let (acceptor, listener) = (
        TlsAcceptor::from(Arc::new(config)),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            // It is the sidecar that refuses.
            let _refused = acceptor.accept(tcp).await;
        }
    });
    (port, authority.pem())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_out_of_its_time_is_told_once_with_the_time_and_tried_again() {
    let operator = Operator::start(&[Reply::Current]).await;
    for (years, said) in [
        (2090..2091, "not valid yet (from 2090-01-01T00:00:00Z on)"),
        (2001..2002, "not valid any more (until 2002-01-01T00:00:00Z)"),
    ] {
        let (port, ca) = server(years).await;
        let url = format!("https://127.0.0.1:{port}");
        let debug = [
            (pod::OPERATOR, url.as_str()),
            (pod::CA, ca.as_str()),
            (pod::LOG, "debug"),
        ];
        let mut every_try = Process::attend(&operator, &debug);
        let mut once = Process::attend(&operator, &debug[..2]);
        eventually("it is tried again", || every_try.lines(said) >= 3).await;
        once.says(said).await;
        // As long as three tries of the other took.
        let seen = every_try.lines(said);
        eventually("and again", || every_try.lines(said) >= seen + 2).await;
        assert_eq!(once.lines("does not prove"), 1, "{}", once.log());
        assert!(every_try.runs() && once.runs());
    }
    assert!(operator.asked().is_empty(), "no token was sent to anybody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_out_of_its_time_is_told_with_the_clock() {
    let refused = Reply::Refuse(splitvault_wire::Reason::Unauthenticated);
    let operator = Operator::start(&[refused]).await;
    // {"exp":1000}
    std::fs::write(operator.token(), "header.eyJleHAiOjEwMDB9.signature").unwrap();
    let process = Process::attend(&operator, &[]);
    process.says("by this node's clock the token has expired").await;
    assert!(!process.log().contains("eyJleHAi"));
}
