//! Whom the webhook answers: anyone who reaches it, or API servers that show a client certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Whom the webhook answers.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct WebhookClients {
    /// A file of PEM certificates of the authority whose client certificates API servers show to the webhook. Without it the
    /// webhook answers whoever reaches its port, as an API server shows none unless it is configured to
    /// (AdmissionConfiguration).
    #[arg(long, env = "SPLITVAULT_WEBHOOK_CLIENT_CA", value_name = "FILE")]
    pub webhook_client_ca: Option<PathBuf>,
}

impl WebhookClients {
    /// What looks at a client's certificate.
    ///
    /// # Errors
    /// When the file cannot be read, or has no certificates in it: never is anyone let in for that.
    pub fn verifier(&self) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
        let Some(path) = &self.webhook_client_ca else {
            return Ok(WebPkiClientVerifier::no_client_auth());
        };
        verifier(path).with_context(|| {
            format!(
                "SPLITVAULT_WEBHOOK_CLIENT_CA: {} has no certificates that can be used",
                path.display()
            )
        })
    }
}

fn verifier(path: &Path) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let pem = std::fs::read(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate?)?;
    }
    // It refuses an empty list.
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: Option<&[u8]>) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.crt");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let webhook_client_ca = Some(path);
        WebhookClients { webhook_client_ca }.verifier()
    }

    #[test]
    fn only_with_the_file_is_a_certificate_asked_for_and_then_it_is_a_must() {
        assert!(!WebhookClients::default().verifier().unwrap().offer_client_auth());
        let (authority, _) = crate::pki::Authority::make(std::time::SystemTime::now()).unwrap();
        let verifier = of(Some(authority.bundle().as_bytes())).unwrap();
        assert!(verifier.offer_client_auth() && verifier.client_auth_mandatory());
    }

    #[test]
    fn a_file_without_certificates_lets_nobody_in() {
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for content in [None, Some(&b""[..]), Some(b"no PEM"), Some(broken)] {
            let error = of(content).unwrap_err().to_string();
            assert!(error.contains("SPLITVAULT_WEBHOOK_CLIENT_CA"), "{error}");
        }
    }
}
