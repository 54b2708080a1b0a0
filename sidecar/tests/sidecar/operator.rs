//! An operator that answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::PrivateKeyDer;
use splitvault_crypto::SecretString;
use splitvault_crypto::sealing::{Context, PublicKey};
use splitvault_sidecar::{Modes, Reaction, Settings};
use splitvault_wire::{
    DELIVER_PATH, DeliverError, DeliverRequest, DeliverResponse, Delivery, Environment, Reason, Variable,
};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(crate) const POD: &str = "0d9f3c6e-pod";
/// Of every answer.
pub(crate) const TAG: &str = "0123abcd";
pub(crate) const TOKEN: &str = "header.payload.signature";

/// What a sidecar asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) request: DeliverRequest,
    /// How many came before it on its connection.
    pub(crate) nth: usize,
}

/// What to answer.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Variables of `web` at a revision.
    Web(u64, &'static [(&'static str, &'static str)]),
    /// 204
    Current,
    /// 204 after a wait, with what stands in `Retry-After`; the connection stays open.
    Waited(&'static str),
    /// No answer, as long as the sidecar waits for one.
    Held,
    /// The connection breaks.
    Broken,
    Refuse(Reason),
    /// Whatever this makes of the question, as bytes on the connection, which then ends.
    Raw(fn(&DeliverRequest) -> Vec<u8>),
}

pub(crate) struct Operator {
    pub(crate) address: SocketAddr,
    pub(crate) ca: String,
    replies: Arc<Mutex<Vec<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    directory: TempDir,
}

impl Operator {
    /// Gives these replies in turn, the last one again and again.
    pub(crate) async fn start(replies: &[Reply]) -> Self {
        Self::with(replies, &[&TLS13], "127.0.0.1").await
    }

    pub(crate) async fn with_tls_1_2() -> Self {
        Self::with(&[Reply::Current], &[&TLS12], "127.0.0.1").await
    }

    /// Its certificate is for another host.
    pub(crate) async fn named(name: &str) -> Self {
        Self::with(&[Reply::Current], &[&TLS13], name).await
    }

    async fn with(replies: &[Reply], versions: &[&'static SupportedProtocolVersion], name: &str) -> Self {
        let (ca, config) = certificates(versions, name);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        std::fs::write(directory.path().join("token"), format!("{TOKEN}\n")).unwrap();
        std::fs::create_dir(directory.path().join("files")).unwrap();
        let operator = Self {
            address: listener.local_addr().unwrap(),
            ca,
            replies: Arc::new(Mutex::new(replies.to_vec())),
            asked: Arc::default(),
            directory,
        };
        let (replies, asked) = (Arc::clone(&operator.replies), Arc::clone(&operator.asked));
        let (acceptor, ca) = (TlsAcceptor::from(Arc::new(config)), operator.ca.clone());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // A connection that fails is what some tests want.
                let _failed = answer(&acceptor, tcp, &replies, &asked, &ca).await;
            }
        });
        operator
    }

    /// From now on.
    pub(crate) fn reply(&self, reply: Reply) {
        *self.replies.lock().unwrap() = vec![reply];
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A directory on tmpfs.
    pub(crate) fn files(&self) -> std::path::PathBuf {
        self.directory.path().join("files")
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.files().join(name)).ok()
    }

    pub(crate) fn token(&self) -> std::path::PathBuf {
        self.directory.path().join("token")
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            ca: self.ca.clone(),
            vault_secrets: vec!["web".to_owned()],
            pod_uid: POD.to_owned(),
            modes: Modes::default(),
            refresh: None,
            file_mode: 0o400,
            directory: self.files(),
            token: self.token(),
            reaction: Reaction::None,
            distance: None,
            health_port: None,
            every_try: false,
        }
    }
}

/// A new authority (PEM), and a server's configuration with a certificate of its.
fn certificates(versions: &[&'static SupportedProtocolVersion], name: &str) -> (String, ServerConfig) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (authority.pem(), config)
}

async fn answer(
    acceptor: &TlsAcceptor,
    tcp: TcpStream,
    replies: &Mutex<Vec<Reply>>,
    asked: &Mutex<Vec<Asked>>,
    ca: &str,
) -> std::io::Result<()> {
    let mut tls = BufReader::new(acceptor.accept(tcp).await?);
    for nth in 0.. {
        let Some((head, request)) = question(&mut tls).await? else {
            return Ok(());
        };
        asked.lock().unwrap().push(Asked {
            head,
            request: request.clone(),
            nth,
        });
        let reply = {
            let mut replies = replies.lock().unwrap();
            if replies.len() > 1 {
                replies.remove(0)
            } else {
                replies[0].clone()
            }
        };
        match reply {
            Reply::Held => {
                // Until the sidecar goes.
                tls.read_u8().await?;
            }
            Reply::Broken => return Ok(()),
            ref other => tls.write_all(&bytes(other, &request, ca)).await?,
        }
        if !matches!(reply, Reply::Waited(_)) {
            break;
        }
    }
    tls.shutdown().await
}

async fn question(
    tls: &mut BufReader<TlsStream<TcpStream>>,
) -> std::io::Result<Option<(String, DeliverRequest)>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if tls.read_line(&mut head).await? == 0 {
            return Ok(None);
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    tls.read_exact(&mut body).await?;
    Ok(Some((head, serde_json::from_slice(&body).unwrap())))
}

fn bytes(reply: &Reply, request: &DeliverRequest, ca: &str) -> Vec<u8> {
    match reply {
        Reply::Web(revision, variables) => {
            let delivery = Delivery {
                environments: vec![environment("web", *revision, variables)],
            };
            delivered(request, &delivery, POD, ca)
        }
        Reply::Current => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        Reply::Waited(after) => {
            format!("HTTP/1.1 204 No Content\r\nretry-after: {after}\r\n\r\n").into_bytes()
        }
        Reply::Held | Reply::Broken => Vec::new(),
        Reply::Refuse(reason) => {
            let message = format!("VaultSecret web: {reason} for a test");
            let error = DeliverError {
                reason: *reason,
                message,
            };
            response(reason.status(), &serde_json::to_vec(&error).unwrap())
        }
        Reply::Raw(make) => make(request),
    }
}

pub(crate) fn environment(name: &str, revision: u64, variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter().map(|(name, value)| Variable {
        name: SecretString::copy_of(name),
        value: SecretString::copy_of(value),
    });
    Environment {
        name: name.to_owned(),
        revision,
        variables: variables.collect(),
    }
}

/// An answer with this delivery, sealed to the question's key for this pod.
pub(crate) fn delivered(request: &DeliverRequest, delivery: &Delivery, pod_uid: &str, ca: &str) -> Vec<u8> {
    sealed(request, delivery.to_json().unwrap().expose(), pod_uid, ca)
}

pub(crate) fn sealed(request: &DeliverRequest, plaintext: &[u8], pod_uid: &str, ca: &str) -> Vec<u8> {
    let key = PublicKey::from_bytes(&request.public_key).unwrap();
    let answer = DeliverResponse {
        sealed: key.seal(&Context::Delivery { pod_uid }, plaintext).unwrap(),
        ca_bundle: ca.to_owned(),
        tag: TAG.to_owned(),
    };
    response(200, &serde_json::to_vec(&answer).unwrap())
}

pub(crate) fn response(status: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The path that every question goes to.
pub(crate) fn request_line() -> String {
    format!("POST {DELIVER_PATH} HTTP/1.1\r\n")
}
