//! Certificates: an internal CA in a Secret, and what it signs for webhook, delivery, store and the operator as the
//! store's client. Kept fresh and put where their readers are, without a restart of anything.

mod authority;
mod keeper;
mod progress;
mod publish;
mod rotation;
mod safe;
mod succession;

use std::sync::Arc;

use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;

pub use authority::{Authority, Issued, Leaf};
pub use keeper::{Keeper, Names, Probe};
pub use progress::Progress;
pub use rotation::Rotation;
pub use succession::Pace;

use crate::fault::Fault;

/// The Secret of the CA: `ca.crt` (trusted certificates, the signing one first), `ca.key`, and how far a rotation is.
pub const AUTHORITY_SECRET: &str = "splitvault-ca";
/// The Secret that the store mounts: `ca.crt`, `tls.crt`, `tls.key`.
pub const STORE_SECRET: &str = "splitvault-store-tls";
/// Who the operator is to the store.
pub const OPERATOR_IDENTITY: &str = "spiffe://splitvault/operator";

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The API server did not do what it was asked.
    #[error("cannot {doing}: {fault}")]
    Cluster {
        /// What was to be done, with the object's name.
        doing: &'static str,
        /// Why it was not.
        fault: Fault,
    },
    /// `ca.crt` is no CA certificate, or `ca.key` is not its key.
    #[error(
        "the Secret splitvault-ca does not hold a CA and its key; it was left as it is: restore it from its backup"
    )]
    Authority,
    /// There is no Secret where one was.
    #[error("the Secret splitvault-ca is gone; an operator that still runs puts it back")]
    Gone,
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Issue,
    /// A certificate that was just made cannot be used.
    #[error("a certificate cannot be used")]
    Unusable,
}

/// What the rest of the operator uses; follows renewals by itself.
#[derive(Clone, Default)]
pub struct Certificates(Arc<Current>);

#[derive(Default)]
struct Current {
    server: ArcSwapOption<CertifiedKey>,
    client: ArcSwapOption<ClientConfig>,
    bundle: Arc<ArcSwap<String>>,
    /// Marked when the bundle is another one.
    trusted: watch::Sender<()>,
}

impl Certificates {
    /// The certificates (PEM) to trust now.
    pub fn bundle(&self) -> Arc<ArcSwap<String>> {
        Arc::clone(&self.0.bundle)
    }

    /// Changes when the certificates to trust are others.
    pub fn trusted(&self) -> watch::Receiver<()> {
        self.0.trusted.subscribe()
    }

    /// Has these certificates (PEM) trusted from now on.
    pub(crate) fn trust(&self, bundle: &str) {
        let before = self.0.bundle.swap(Arc::new(bundle.to_owned()));
        if *before != bundle {
            self.0.trusted.send_replace(());
        }
    }

    /// How the operator connects to the store now; `None` before the first certificate.
    pub fn client(&self) -> Option<Arc<ClientConfig>> {
        self.0.client.load_full()
    }

    /// TLS 1.3 for webhook and delivery, whose clients are authenticated by what they send.
    ///
    /// # Errors
    /// When TLS 1.3 is not compiled in.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        self.server_config_for(WebPkiClientVerifier::no_client_auth())
    }

    /// TLS 1.3 for clients that `clients` lets in.
    ///
    /// # Errors
    /// When TLS 1.3 is not compiled in.
    pub fn server_config_for(
        &self,
        clients: Arc<dyn ClientCertVerifier>,
    ) -> Result<Arc<ServerConfig>, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(Resolver(Arc::clone(&self.0))));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Clients connect once in a long while: a ticket would only keep a session secret around.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }

    pub(crate) fn serve_with(&self, issued: &Issued) -> Result<(), PkiError> {
        // EXPOSE: rustls needs the private key to answer handshakes.
        let key = PrivateKeyDer::from_pem_slice(issued.key.expose().as_bytes());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).collect();
        let (Ok(key), Ok(chain)) = (key, chain) else {
            return Err(PkiError::Unusable);
        };
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        self.0
            .server
            .store(Some(Arc::new(key.map_err(|_| PkiError::Unusable)?)));
        Ok(())
    }

    fn connect_with(&self, bundle: &str, issued: &Issued) -> Result<(), PkiError> {
        self.0.client.store(Some(client_config(bundle, issued)?));
        Ok(())
    }
}

/// How the store's client connects that trusts this and shows that.
fn client_config(bundle: &str, issued: &Issued) -> Result<Arc<ClientConfig>, PkiError> {
    // EXPOSE: rustls needs the private key to authenticate to the store.
    let (chain, key) = (issued.chain.as_bytes(), issued.key.expose().as_bytes());
    let config = splitvault_values::grpc::tls::client_config(bundle.as_bytes(), chain, key);
    config.map_err(|_| PkiError::Unusable)
}

struct Resolver(Arc<Current>);

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.server.load_full()
    }
}

#[cfg(test)]
mod tests;
