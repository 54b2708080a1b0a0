//! What this machine and these clients bear at most: a handler that reads a body and answers as many bytes as the
//! operator does, over the same TLS, in a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::connection::{Authority, Server};
use crate::figures::Process;

/// Starts it: `load reference BYTES`.
pub(crate) const WORD: &str = "reference";
const HOST: &str = "reference";

/// Ends when it is dropped.
pub(crate) struct Reference {
    child: Child,
    address: SocketAddr,
    bundle: String,
}

impl Reference {
    /// Answers so many bytes, whatever it is asked.
    pub(crate) fn start(length: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([WORD, &length.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let (address, bundle) = serde_json::from_str(&lines.next().context("no address")??)?;
        Ok(Self {
            child,
            address,
            bundle,
        })
    }

    pub(crate) fn server(&self, protocol: &[u8]) -> Result<Server> {
        Server::new(self.address, HOST, &self.bundle, protocol)
    }

    pub(crate) fn process(&self) -> Process {
        Process {
            name: "reference",
            pid: self.child.id(),
        }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Serves until it is killed; says where, and whom to trust, in a line on its standard output.
pub(crate) async fn serve(length: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let authority = Authority::new()?;
    let acceptor = TlsAcceptor::from(authority.server(HOST, &[b"h2", b"http/1.1"])?);
    let told = serde_json::to_string(&(listener.local_addr()?, authority.pem()))?;
    writeln!(std::io::stdout(), "{told}")?;
    let answer = Bytes::from(vec![b'a'; length]);
    let router = Router::new().fallback(async move |body: Bytes| {
        drop(body);
        answer.clone()
    });
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else {
                return;
            };
            let service = router.map_request(|request: Request<Incoming>| request.map(Body::new));
            let service = TowerToHyperService::new(service);
            let builder = Builder::new(TokioExecutor::new());
            let _ended = builder.serve_connection(TokioIo::new(tls), service).await;
        });
    }
}
