//! Connections of clients, each from an address of its own, and the authority of what is load equipment.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Who signs for the Kubernetes API and for the reference.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// TLS as the operator's own, with a certificate for this host.
    pub(crate) fn server(&self, host: &str, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([host.to_owned()])?.signed_by(&key, &self.0)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let mut config = ServerConfig::builder_with_protocol_versions(&[&TLS13])
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

/// Whom to connect to, and how it proves to be that.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    name: ServerName<'static>,
    tls: TlsConnector,
}

/// A client's own address on loopback; one address may do only so much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From(pub(crate) u32);

impl From {
    fn address(self) -> SocketAddr {
        let [_, b, c, d] = self.0.to_be_bytes();
        // 127.0.0.0/16 is left to servers.
        SocketAddr::from((Ipv4Addr::new(127, b + 1, c, d), 0))
    }
}

/// A connection over which requests go one after another.
pub(crate) struct One(http1::SendRequest<Full<Bytes>>);

/// A connection over which many go at once; cheap to clone.
#[derive(Clone)]
pub(crate) struct Two(http2::SendRequest<Full<Bytes>>);

impl Server {
    /// `bundle` are the certificates (PEM) that its own chains to.
    pub(crate) fn new(address: SocketAddr, name: &str, bundle: &str, protocol: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(certificate?)?;
        }
        let mut config = ClientConfig::builder_with_protocol_versions(&[&TLS13])
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        // As the sidecar has it: each connection is a whole handshake.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self {
            address,
            name: ServerName::try_from(name.to_owned())?,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    async fn connect(&self, from: From) -> Result<TlsStream<tokio::net::TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(from.address())?;
        let tcp = socket.connect(self.address).await.context("connecting")?;
        tcp.set_nodelay(true)?;
        self.tls
            .connect(self.name.clone(), tcp)
            .await
            .context("the TLS handshake")
    }

    pub(crate) async fn one(&self, from: From) -> Result<One> {
        let tls = self.connect(from).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        tokio::spawn(connection);
        Ok(One(sender))
    }

    pub(crate) async fn two(&self, from: From) -> Result<Two> {
        let tls = self.connect(from).await?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await?;
        tokio::spawn(connection);
        Ok(Two(sender))
    }
}

impl One {
    /// Sends a request, and answers the status and the body.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        self.0.ready().await?;
        let answer = self.0.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// The same, for whoever wants nothing but 200.
    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        let (status, body) = self.send(request).await?;
        ensure!(
            status == StatusCode::OK,
            "status {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }
}

impl Two {
    /// Sends a request, and answers the body of a 200.
    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        self.0.ready().await?;
        let answer = self.0.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status == StatusCode::OK,
            "status {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }
}
