//! The client's side of mutual TLS 1.3, and the channel over it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Why a client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not PEM, or nothing of the kind in it.
    #[error("cannot read the {what} as PEM")]
    Pem {
        /// Which of the three.
        what: &'static str,
    },
    /// Certificate, key or CA that do not work (together).
    #[error("the certificates cannot be used")]
    Unusable(#[from] rustls::Error),
    /// Not `host:port`, or not a name that a certificate can have.
    #[error("{address} is no address of a store")]
    Address {
        /// What was given.
        address: String,
    },
}

/// TLS 1.3 only, this CA only, with a client certificate. All three are PEM.
///
/// # Errors
/// See [`TlsError`].
pub fn client_config(ca: &[u8], chain: &[u8], key: &[u8]) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("CA", ca)? {
        roots.add(certificate)?;
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Pem { what: "private key" })?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates("certificate", chain)?, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::Pem { what }),
    }
}

/// A channel to the store at `address` (`host:port`) whose certificate is for `server_name`; it connects when
/// first used and again whenever the connection is lost. `config` is asked at each connection, so that renewed
/// certificates are taken up.
///
/// # Errors
/// [`TlsError::Address`].
pub fn channel(
    address: &str,
    server_name: &str,
    config: impl Fn() -> Arc<ClientConfig> + Send + Sync + 'static,
) -> Result<Channel, TlsError> {
    let wrong = |address: &str| TlsError::Address {
        address: address.to_owned(),
    };
    let name = ServerName::try_from(server_name.to_owned()).map_err(|_| wrong(server_name))?;
    // The scheme is what tonic hands to a connector that brings its own TLS.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| wrong(address))?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true);
    let (address, config) = (Arc::<str>::from(address), Arc::new(config));
    Ok(
        endpoint.connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
            let (address, name, config) = (Arc::clone(&address), name.clone(), config());
            async move {
                let tcp = TcpStream::connect(&*address).await?;
                tcp.set_nodelay(true)?;
                let mut tls = TlsConnector::from(config).connect(name, tcp).await?;
                // In TLS 1.3 the client is done before the server has looked at its certificate. The server speaks
                // first, so its first byte, or the alert in its place, tells how that went.
                tls.fill_buf().await?;
                Ok::<_, io::Error>(TokioIo::new(tls))
            }
        })),
    )
}
