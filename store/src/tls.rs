//! The server's side of mutual TLS 1.3: three mounted files, one client identity, followed live.

mod identity;
mod reload;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use identity::OnlyIdentity;
pub use reload::watch;

/// Where the certificates are, and whom they let in.
#[derive(Debug, Clone)]
pub struct Files {
    /// Holds `ca.crt`, `tls.crt` and `tls.key`.
    pub directory: PathBuf,
    /// The URI in the certificate of the only client that is served.
    pub client_identity: String,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not there yet, or not readable.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No PEM of the kind that belongs there.
    #[error("{file} holds nothing that belongs there")]
    Pem {
        /// Which file.
        file: &'static str,
    },
    /// The CA cannot verify clients.
    #[error("ca.crt cannot be used")]
    Authority(#[from] VerifierBuilderError),
    /// A certificate that is none, or not of this key.
    #[error("tls.crt and tls.key cannot be used together")]
    Pair(#[from] rustls::Error),
}

/// What the files amount to.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Arc<ServerConfig>,
    /// When the server's certificate ends, in seconds of Unix time.
    pub(crate) expires: i64,
    /// Changes with the files' content; says nothing about it.
    pub(crate) fingerprint: u64,
}

impl Files {
    /// Reads and tries the three files.
    pub(crate) fn load(&self) -> Result<Loaded, TlsError> {
        let read = |name| read(&self.directory.join(name));
        let (authority, chain, key) = (read("ca.crt")?, read("tls.crt")?, read("tls.key")?);
        let fingerprint = fingerprint(&[&authority, &chain, &key]);
        let chain = certificates("tls.crt", &chain)?;
        let expires = expiry(&chain).ok_or(TlsError::Pem { file: "tls.crt" })?;
        let config = self.config(&certificates("ca.crt", &authority)?, chain, &key)?;
        Ok(Loaded {
            config: Arc::new(config),
            expires,
            fingerprint,
        })
    }

    fn config(
        &self,
        authority: &[CertificateDer<'static>],
        chain: Vec<CertificateDer<'static>>,
        key: &[u8],
    ) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in authority {
            roots.add(certificate.clone())?;
        }
        let chained = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = OnlyIdentity::new(chained.build()?, self.client_identity.clone());
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Pem { file: "tls.key" })?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session would outlive the certificate it was made with.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn certificates(file: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::Pem { file }),
    }
}

fn expiry(chain: &[CertificateDer<'_>]) -> Option<i64> {
    let (_, leaf) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
    Some(leaf.validity().not_after.timestamp())
}

fn fingerprint(contents: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    contents.hash(&mut hasher);
    hasher.finish()
}
