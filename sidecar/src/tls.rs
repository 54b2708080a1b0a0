//! Whom the sidecar believes to be the operator. TLS 1.3 only (RFC 8446), and only the given certificates.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Certificates that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UntrustedCa {
    /// There is none in the text.
    #[error("no certificate in PEM form")]
    Empty,
    /// One of them is broken.
    #[error("a certificate cannot be read")]
    Malformed,
}

/// Trusts these certificates (PEM) and no other; not the system's either.
///
/// # Errors
/// [`UntrustedCa`] when there is no certificate, or a broken one.
pub fn client_config(ca: &str) -> Result<Arc<ClientConfig>, UntrustedCa> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let certificate = certificate.map_err(|_| UntrustedCa::Malformed)?;
        roots.add(certificate).map_err(|_| UntrustedCa::Malformed)?;
    }
    if roots.is_empty() {
        return Err(UntrustedCa::Empty);
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(|_| UntrustedCa::Malformed)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_whole_certificate_is_refused() {
        assert_eq!(client_config("").unwrap_err(), UntrustedCa::Empty);
        assert_eq!(client_config("garbage").unwrap_err(), UntrustedCa::Empty);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(client_config(broken).unwrap_err(), UntrustedCa::Malformed);
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert_eq!(client_config(cut).unwrap_err(), UntrustedCa::Malformed);
    }
}
