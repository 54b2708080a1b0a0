//! Who gets in, and who does not: all of it decided in the handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::AlertDescription as Alert;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use splitvault_store::Limits;
use splitvault_values::grpc::RemoteValues;
use splitvault_values::sqlite::SqliteValues;
use splitvault_values::{StoreError, ValueStore as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates::{Authority, OPERATOR, Pair, STORE, client};
use crate::fixture::{Server, connect, eventually};

/// Shakes hands and waits for the server's first byte, which comes only after it accepted the client.
pub(crate) async fn greet(address: SocketAddr, config: Arc<ClientConfig>) -> io::Result<()> {
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from(STORE).unwrap();
    let mut tls = TlsConnector::from(config).connect(name, tcp).await?;
    tls.read_u8().await.map(|_| ())
}

async fn refusal(server: &Server, config: Arc<ClientConfig>) -> Option<Alert> {
    let error = greet(server.address, config).await.expect_err("refused");
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// A client that trusts `authority`, offers these versions, and shows the pair, if any.
fn config(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    pair: Option<&Pair>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some(Pair { chain, key }) => {
            let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
            builder
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
                .unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

#[tokio::test]
async fn the_operator_is_let_in() {
    let server = Server::start().await;
    greet(server.address, server.authority.operator_config())
        .await
        .unwrap();
    assert_eq!(server.operator().list(None, 1).await, Ok(vec![]));
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let server = Server::start().await;
    let operator = server.authority.operator();
    let old = config(&server.authority, &[&TLS12], Some(&operator));
    assert_eq!(refusal(&server, old).await, Some(Alert::ProtocolVersion));
    // The same client is let in with TLS 1.3: nothing but the version was wrong.
    greet(
        server.address,
        config(&server.authority, &[&TLS13, &TLS12], Some(&operator)),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn no_client_certificate_is_refused() {
    let server = Server::start().await;
    let anonymous = config(&server.authority, &[&TLS13], None);
    assert_eq!(
        refusal(&server, anonymous).await,
        Some(Alert::CertificateRequired)
    );
}

#[tokio::test]
async fn another_authoritys_operator_is_refused() {
    let server = Server::start().await;
    let stranger = Authority::new().operator();
    let alert = refusal(&server, server.authority.config(&stranger)).await;
    assert!(
        matches!(alert, Some(Alert::UnknownCA | Alert::DecryptError)),
        "{alert:?}"
    );
}

#[tokio::test]
async fn other_identities_of_the_same_authority_are_refused() {
    let server = Server::start().await;
    let identities: [&[&str]; 6] = [
        &["spiffe://splitvault/sidecar"],
        &["spiffe://splitvault/delivery"],
        &["spiffe://splitvault/operator/else"],
        &["spiffe://elsewhere/operator"],
        &[OPERATOR, "spiffe://splitvault/sidecar"],
        &[],
    ];
    for uris in identities {
        let pair = server.authority.issue(&client(uris));
        let alert = refusal(&server, server.authority.config(&pair)).await;
        assert_eq!(alert, Some(Alert::AccessDenied), "{uris:?}");
    }
}

#[tokio::test]
async fn the_operators_name_as_dns_or_common_name_is_not_enough() {
    let server = Server::start().await;
    let mut params = client(&[]);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, OPERATOR);
    params.subject_alt_names = vec![rcgen::SanType::DnsName("splitvault-operator".try_into().unwrap())];
    let pair = server.authority.issue(&params);
    assert_eq!(
        refusal(&server, server.authority.config(&pair)).await,
        Some(Alert::AccessDenied)
    );
}

#[tokio::test]
async fn the_stores_own_certificate_is_no_clients() {
    let server = Server::start().await;
    let pair = server.authority.store();
    assert!(
        greet(server.address, server.authority.config(&pair))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let server = Server::start().await;
    let pair = server.authority.expired_operator();
    let alert = refusal(&server, server.authority.config(&pair)).await;
    assert_eq!(alert, Some(Alert::CertificateExpired));
}

#[tokio::test]
async fn plain_http_is_refused() {
    let server = Server::start().await;
    for request in [
        &b"GET /healthz HTTP/1.1\r\nHost: store\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        drop(tcp.read_to_end(&mut answer).await);
        // At most a TLS alert: content type 21.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
}

#[tokio::test]
async fn a_refused_client_learns_that_it_is_refused() {
    let server = Server::start().await;
    let sidecar = server.authority.issue(&client(&["spiffe://splitvault/sidecar"]));
    let values = RemoteValues::new(connect(server.address, server.authority.config(&sidecar)));
    assert_eq!(values.list(None, 1).await, Err(StoreError::Refused));
}

#[tokio::test]
async fn a_client_refuses_a_store_of_another_authority() {
    let server = Server::start().await;
    let stranger = Authority::new();
    let values = RemoteValues::new(connect(server.address, stranger.operator_config()));
    assert_eq!(values.list(None, 1).await, Err(StoreError::Refused));
}

#[tokio::test]
async fn silent_clients_do_not_keep_the_operator_out() {
    let directory = tempfile::tempdir().unwrap();
    let values = SqliteValues::open(&directory.path().join("values.db"))
        .await
        .unwrap();
    let limits = Limits {
        handshakes: 4,
        handshake: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = Server::over(directory, values, limits).await;
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let operator = server.authority.operator_config();
    eventually("the operator is let in", async || {
        greet(server.address, Arc::clone(&operator)).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn connections_beyond_the_cap_are_closed() {
    let directory = tempfile::tempdir().unwrap();
    let values = SqliteValues::open(&directory.path().join("values.db"))
        .await
        .unwrap();
    let server = Server::over(
        directory,
        values,
        Limits {
            connections: 1,
            ..Limits::default()
        },
    )
    .await;
    let first = server.operator();
    first.list(None, 1).await.unwrap();
    let operator = server.authority.operator_config();
    assert!(
        greet(server.address, Arc::clone(&operator)).await.is_err(),
        "one connection is open already"
    );
    drop(first);
    eventually("there is room again", async || {
        greet(server.address, Arc::clone(&operator)).await.is_ok()
    })
    .await;
}
