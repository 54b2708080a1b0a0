//! A server that holds images, or does as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::image::digest;

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// What a client is answered.
#[derive(Clone)]
pub(crate) enum Reply {
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes and the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, for ever.
    Silence,
    /// A good beginning, and then a byte now and then, for ever.
    Drip,
    /// As many bytes as are taken.
    Endless,
}

/// What a client asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

type Script = Box<dyn Fn(&Asked) -> Option<Reply> + Send>;

#[derive(Default)]
struct State {
    documents: HashMap<String, (String, Vec<u8>)>,
    script: Option<Script>,
    asked: Vec<Asked>,
}

/// Listens on the loopback interface until it is dropped.
pub(crate) struct Server {
    /// The certificate (PEM) to trust.
    pub(crate) ca: String,
    port: u16,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

/// An authority, for servers that are trusted alike.
pub(crate) struct Authority {
    pem: String,
    key: KeyPair,
    params: CertificateParams,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, key, params }
    }

    fn config(&self, version: &'static SupportedProtocolVersion) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

impl Server {
    /// With TLS 1.3 and an authority of its own.
    pub(crate) async fn start() -> Self {
        Self::of(&Authority::new(), Some(&rustls::version::TLS13)).await
    }

    /// With this version of TLS, or none at all.
    pub(crate) async fn of(authority: &Authority, tls: Option<&'static SupportedProtocolVersion>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = tls.map(|version| TlsAcceptor::from(Arc::new(authority.config(version))));
        let state: Arc<Mutex<State>> = Arc::default();
        let (shared, mut tasks) = (Arc::clone(&state), JoinSet::new());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let (state, acceptor) = (Arc::clone(&shared), acceptor.clone());
                connections.spawn(async move {
                    match acceptor {
                        None => answer(tcp, &state).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(tcp).await {
                                answer(stream, &state).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            ca: authority.pem.clone(),
            port,
            state,
            _tasks: tasks,
        }
    }

    /// As a registry has in names of images.
    pub(crate) fn name(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.name())
    }

    /// What it does before it looks for a document.
    pub(crate) fn script(&self, script: impl Fn(&Asked) -> Option<Reply> + Send + 'static) {
        self.state.lock().unwrap().script = Some(Box::new(script));
    }

    /// Requests since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// Their paths.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    fn put(&self, path: String, kind: &str, content: Vec<u8>) {
        let documents = &mut self.state.lock().unwrap().documents;
        documents.insert(path, (kind.to_owned(), content));
    }

    /// Puts a manifest or an index under its digest, which is answered, and under a tag.
    pub(crate) fn manifest(&self, repository: &str, tag: &str, kind: &str, content: &[u8]) -> String {
        let digest = digest::of(content);
        for version in [tag, &digest] {
            self.put(
                format!("/v2/{repository}/manifests/{version}"),
                kind,
                content.to_vec(),
            );
        }
        digest
    }

    /// Puts a config, whatever it holds, and a manifest with it; answers the manifest's digest.
    pub(crate) fn config(&self, repository: &str, tag: &str, content: &[u8]) -> String {
        let digest = digest::of(content);
        let path = format!("/v2/{repository}/blobs/{digest}");
        self.put(path, "application/octet-stream", content.to_vec());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {"mediaType": CONFIG, "digest": digest, "size": content.len()}});
        self.manifest(repository, tag, MANIFEST, manifest.to_string().as_bytes())
    }

    /// Puts an image for Linux; answers its manifest's digest.
    pub(crate) fn image(&self, repository: &str, tag: &str, entrypoint: &[&str], cmd: &[&str]) -> String {
        let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []},
            "config": {"Entrypoint": entrypoint, "Cmd": cmd, "Env": ["PATH=/bin"]}});
        self.config(repository, tag, config.to_string().as_bytes())
    }

    /// Puts an index of images, each with system, architecture and digest; answers its digest.
    pub(crate) fn index(&self, repository: &str, tag: &str, images: &[(&str, &str, &str)]) -> String {
        let entry = |(os, architecture, digest): &(&str, &str, &str)| -> Value {
            json!({"mediaType": MANIFEST, "digest": digest, "size": 1,
                "platform": {"os": os, "architecture": architecture}})
        };
        let manifests: Vec<_> = images.iter().map(entry).collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.manifest(repository, tag, INDEX, index.to_string().as_bytes())
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) {
    let Some(asked) = read(&mut stream).await else {
        return;
    };
    let reply = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        let scripted = state.script.as_ref().and_then(|script| script(&asked));
        scripted.unwrap_or_else(|| match state.documents.get(&asked.path) {
            Some((kind, content)) => Reply::Http(200, vec![("content-type", kind.clone())], content.clone()),
            None => Reply::Http(404, Vec::new(), Vec::new()),
        })
    };
    write(&mut stream, reply).await;
    let _gone = stream.shutdown().await;
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        let is_it = |line: &&str| line.to_lowercase().starts_with(&format!("{name}: "));
        let (_, value) = head.lines().find(is_it)?.split_once(": ")?;
        Some(value.to_owned())
    };
    Some(Asked {
        path: head.split(' ').nth(1)?.to_owned(),
        authorization: header("authorization"),
    })
}

/// Clients go away in the middle; that is theirs to decide.
async fn write(stream: &mut (impl AsyncWrite + Unpin), reply: Reply) {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    match reply {
        Reply::Http(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} CANARY\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            let _gone = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        }
        Reply::Raw(bytes) => {
            let _gone = stream.write_all(&bytes).await;
        }
        Reply::Silence => std::future::pending().await,
        Reply::Drip => {
            let _gone = stream.write_all(begun).await;
            while stream.write_all(b" ").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Reply::Endless => {
            let _gone = stream.write_all(begun).await;
            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
        }
    }
}
