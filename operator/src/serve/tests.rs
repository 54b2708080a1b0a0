mod crowded;

use std::net::SocketAddr;
use std::time::SystemTime;

use axum::routing::get;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;

use super::*;
use crate::pki::{Authority, Certificates, Leaf};

struct Served {
    address: SocketAddr,
    authority: Authority,
    certificates: Certificates,
    metrics: Metrics,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

async fn served(router: Router, connections: usize) -> Served {
    served_for(router, connections, Duration::from_secs(600)).await
}

async fn served_for(router: Router, connections: usize, age: Duration) -> Served {
    let (authority, _) = Authority::make(SystemTime::now()).unwrap();
    let (certificates, shutdown) = (Certificates::default(), CancellationToken::new());
    issue(&authority, &certificates);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        name: "test",
        connections,
        bench: connections,
        age,
    };
    let (config, metrics) = (certificates.server_config().unwrap(), Metrics::new());
    let server = serve(
        listener,
        router,
        config,
        limits,
        metrics.clone(),
        shutdown.clone(),
    );
    Served {
        address,
        authority,
        certificates,
        metrics,
        shutdown,
        task: tokio::spawn(server),
    }
}

fn issue(authority: &Authority, certificates: &Certificates) {
    let names = ["operator.vault.svc".to_owned()];
    let issued = authority.issue(Leaf::Server(&names), SystemTime::now()).unwrap();
    certificates.serve_with(&issued).unwrap();
}

impl Served {
    async fn connect(
        &self,
        bundle: &str,
        name: &'static str,
        version: &'static SupportedProtocolVersion,
    ) -> io::Result<ClientStream<TcpStream>> {
        self.over(TcpStream::connect(self.address).await?, bundle, name, version)
            .await
    }

    /// A good client at this address.
    async fn from(&self, address: [u8; 4]) -> ClientStream<TcpStream> {
        self.try_from(address).await.unwrap()
    }

    async fn try_from(&self, address: [u8; 4]) -> io::Result<ClientStream<TcpStream>> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let (tcp, bundle) = (socket.connect(self.address).await?, self.authority.bundle());
        self.over(tcp, bundle, "operator.vault.svc", &rustls::version::TLS13)
            .await
    }

    async fn over(
        &self,
        tcp: TcpStream,
        bundle: &str,
        name: &'static str,
        version: &'static SupportedProtocolVersion,
    ) -> io::Result<ClientStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(name).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }

    async fn good(&self) -> ClientStream<TcpStream> {
        let bundle = self.authority.bundle();
        self.connect(bundle, "operator.vault.svc", &rustls::version::TLS13)
            .await
            .unwrap()
    }
}

async fn request(stream: &mut ClientStream<TcpStream>) -> String {
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    // A server that closes without TLS's own farewell is no fault here.
    let _ended = stream.read_to_string(&mut answer).await;
    answer
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

#[tokio::test]
async fn only_tls_13_with_our_ca_and_name_is_spoken() {
    let served = served(hello(), 64).await;
    assert!(request(&mut served.good().await).await.ends_with("hello"));
    let (other, _) = Authority::make(SystemTime::now()).unwrap();
    let (ours, theirs) = (served.authority.bundle(), other.bundle());
    for (bundle, name, version) in [
        (ours, "operator.vault.svc", &rustls::version::TLS12),
        (theirs, "operator.vault.svc", &rustls::version::TLS13),
        (ours, "store.vault.svc", &rustls::version::TLS13),
    ] {
        assert!(
            served.connect(bundle, name, version).await.is_err(),
            "{name} {version:?}"
        );
    }
    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ended = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "no plain HTTP");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_client() {
    let served = served(hello(), 64).await;
    let shown = |stream: &ClientStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let first = shown(&served.good().await);
    issue(&served.authority, &served.certificates);
    assert_ne!(shown(&served.good().await), first);
}

#[tokio::test]
async fn what_is_in_flight_is_finished_and_nothing_new_is_taken() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let slow = async move || {
        tell.notify_one();
        wait.notified().await;
        "finished"
    };
    let served = served(Router::new().route("/", get(slow)), 64).await;
    let mut stream = served.good().await;
    let answer = tokio::spawn(async move { request(&mut stream).await });
    begun.notified().await;
    served.shutdown.cancel();
    // The listener is dropped once the server has noticed.
    while TcpStream::connect(served.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    assert!(answer.await.unwrap().ends_with("finished"));
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn one_address_gets_its_share_and_no_more() {
    let (begun, go) = <(Arc<Notify>, Arc<Notify>)>::default();
    let served = served(holding(&begun, &go), 2 * SHARE).await;
    let first = hold(&served).await;
    begun.notified().await;
    let second = hold(&served).await;
    begun.notified().await;
    assert!(
        served.try_from([127, 0, 0, 1]).await.is_err(),
        "though most places are free"
    );
    let mut elsewhere = served.from([127, 0, 0, 2]).await;
    assert!(request(&mut elsewhere).await.ends_with("hello"));
    drop((first, second));
    while served.try_from([127, 0, 0, 1]).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_knows_where_it_comes_from() {
    let told = async |axum::Extension(peer): axum::Extension<Peer>| peer.0.to_string();
    let served = served(Router::new().route("/", get(told)), 64).await;
    assert!(request(&mut served.good().await).await.ends_with("127.0.0.1"));
    let mut elsewhere = served.from([127, 0, 0, 2]).await;
    assert!(request(&mut elsewhere).await.ends_with("127.0.0.2"));
}

#[tokio::test]
async fn whoever_says_nothing_does_not_keep_a_place_for_good() {
    let served = served_for(hello(), 1, Duration::from_secs(1)).await;
    let mut silent = served.good().await;
    // Part of HTTP/2's preface: the server cannot tell yet which version it is.
    silent.write_all(b"PRI").await.unwrap();
    let _ended = silent.read_to_end(&mut Vec::new()).await;
    assert!(request(&mut served.good().await).await.ends_with("hello"));
}

#[tokio::test]
async fn a_header_that_does_not_end_is_not_kept_in_memory() {
    let served = served(hello(), 64).await;
    let mut stream = served.good().await;
    let header = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}",
        "x".repeat(HEADER_BYTES.into())
    );
    stream.write_all(header.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    let _ended = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 431"), "{}", answer.escape_ascii());
}

/// Holds a request back on the bench, which it tells, until it is told to go.
fn holding(begun: &Arc<Notify>, go: &Arc<Notify>) -> Router {
    let (begun, go) = (Arc::clone(begun), Arc::clone(go));
    let hold = async move |axum::Extension(sitting): axum::Extension<Sitting>| {
        let _bench = sitting.bench();
        begun.notify_one();
        go.notified().await;
        "at last"
    };
    hello().route("/hold", get(hold))
}

async fn hold(served: &Served) -> ClientStream<TcpStream> {
    let mut stream = served.good().await;
    stream
        .write_all(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    stream
}

#[tokio::test]
async fn who_waits_leaves_its_seat_and_outlives_the_age_of_a_connection() {
    let (begun, go) = <(Arc<Notify>, Arc<Notify>)>::default();
    let served = served_for(holding(&begun, &go), 1, Duration::from_millis(300)).await;
    let mut waits = hold(&served).await;
    begun.notified().await;
    // Each of these has the only seat, until it is too old.
    for _ in 0..3 {
        let mut silent = loop {
            if let Ok(next) = served.try_from([127, 0, 0, 2]).await {
                break next;
            }
        };
        let _ended = silent.read_to_end(&mut Vec::new()).await;
    }
    go.notify_one();
    let mut answer = String::new();
    let _ended = waits.read_to_string(&mut answer).await;
    assert!(answer.ends_with("at last"), "{answer}");
}

/// Tells when it is dropped.
struct Leaves(Arc<Notify>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn who_goes_away_while_it_waits_is_noticed() {
    let gone = Arc::new(Notify::new());
    let begun = Arc::new(Notify::new());
    let (leaves, tell) = (Arc::clone(&gone), Arc::clone(&begun));
    let forever = async move || {
        let _leaves = Leaves(leaves);
        tell.notify_one();
        std::future::pending::<&str>().await
    };
    let served = served(Router::new().route("/hold", get(forever)), 64).await;
    let waits = hold(&served).await;
    begun.notified().await;
    drop(waits);
    gone.notified().await;
}
