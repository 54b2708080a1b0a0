//! What a waiting sidecar costs. Measured on demand, over TLS, with its clients in a process of their own:
//! `cargo test -p splitvault-operator --lib what_a_waiter_costs -- --ignored --nocapture`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsConnector;

use super::super::*;
use super::waits::{LONG, Who, until};
use super::world;
use crate::pki::{Authority, Certificates, Leaf};
use crate::serve::{Limits, serve};

const MANY: u32 = 4000;
/// Where the client finds what it needs; set for the client only.
const CLIENT: &str = "SPLITVAULT_TEST_WAITERS";

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB").trim();
    kib.parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn what_a_waiter_costs() {
    let world = world().await;
    let tag = world.delivered(None).await.tag;
    (0..MANY).for_each(|number| Who(number).exists(&world));
    let (authority, _) = Authority::make(SystemTime::now()).unwrap();
    let certificates = Certificates::default();
    let names = ["operator.vault.svc".to_owned()];
    let issued = authority.issue(Leaf::Server(&names), SystemTime::now());
    certificates.serve_with(&issued.unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        name: "test",
        connections: 1024,
        bench: 16_384,
        age: Duration::from_secs(600),
    };
    let config = certificates.server_config().unwrap();
    let (router, shutdown) = (world.router.clone(), world.shutdown.clone());
    tokio::spawn(serve(listener, router, config, limits, Metrics::new(), shutdown));

    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.crt");
    std::fs::write(&ca, authority.bundle()).unwrap();
    let mut client = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "delivery::tests::waiters::client"])
        .env(CLIENT, format!("{address} {} {tag}", ca.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The first ones warm up what is there for all.
    until(|| world.metrics.waiting() >= 500).await;
    let (before, first) = (resident(), world.metrics.waiting());
    until(|| world.metrics.waiting() == MANY as usize).await;
    let more = MANY as usize - first;
    let each = (resident() - before) / more as u64;
    eprintln!("{MANY} sidecars wait; {each} bytes of resident memory each, measured over the last {more}");
    client.kill().unwrap();
    client.wait().unwrap();
    until(|| world.metrics.waiting() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other half of a measurement"]
async fn client() {
    let Ok(what) = std::env::var(CLIENT) else { return };
    let [address, ca, tag] = what.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(ca).unwrap();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let key = splitvault_crypto::sealing::KeyPair::make(splitvault_crypto::sealing::Algorithm::X25519);
    let asked = DeliverRequest {
        public_key: key.unwrap().public().to_bytes(),
        vault_secrets: vec!["web".to_owned()],
        tag: Some(tag.to_owned()),
        problem: None,
        wait_seconds: Some(LONG),
        refused: None,
    };
    let body = serde_json::to_vec(&asked).unwrap();
    let mut open = Vec::new();
    for number in 0..MANY {
        let [_, b, c, d] = number.to_be_bytes();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, b + 1, c, d), 0).into()).unwrap();
        let tcp = socket.connect(address).await.unwrap();
        let name = ServerName::try_from("operator.vault.svc").unwrap();
        let mut tls = connector.connect(name, tcp).await.unwrap();
        // As long as a projected token.
        let token = Who(number).token();
        let head = format!(
            "POST {DELIVER_PATH} HTTP/1.1\r\nhost: operator\r\nauthorization: Bearer {token}\r\nx-padding: {}\r\n\
             content-length: {}\r\n\r\n",
            "a".repeat(1000),
            body.len()
        );
        tls.write_all(head.as_bytes()).await.unwrap();
        tls.write_all(&body).await.unwrap();
        open.push(tls);
    }
    std::future::pending::<()>().await;
}
