//! Whether a certificate that is there may stay. Looks at it as a stranger's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{KeyPair, PublicKeyData as _};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::parse_x509_certificate;

use super::{Authority, Leaf, RENEW_BEFORE, first};

impl Authority {
    /// Whether this certificate and key belong together, are for `leaf`, come from this CA, and last long enough.
    pub fn vouches_for(&self, chain: &[u8], key: &[u8], leaf: Leaf<'_>, now: SystemTime) -> bool {
        self.vouches(chain, key, leaf, now).unwrap_or(false)
    }

    fn vouches(&self, chain: &[u8], key: &[u8], leaf: Leaf<'_>, now: SystemTime) -> Option<bool> {
        let (der, signer) = (first(std::str::from_utf8(chain).ok()?)?, first(&self.bundle)?);
        let (_, certificate) = parse_x509_certificate(&der).ok()?;
        let (_, signer) = parse_x509_certificate(&signer).ok()?;
        let key = KeyPair::from_pem(std::str::from_utf8(key).ok()?).ok()?;
        let names = &certificate.subject_alternative_name().ok()??.value.general_names;
        let fits = match leaf {
            Leaf::Server(dns) => dns.iter().all(|name| names.contains(&GeneralName::DNSName(name))),
            Leaf::Client(uri) => names.contains(&GeneralName::URI(uri)),
        };
        let own = certificate.public_key().raw == key.subject_public_key_info();
        let left = certificate.validity().time_to_expiration_at(now)?;
        Some(fits && own && left > RENEW_BEFORE && authority_of(&certificate)? == subject_of(&signer)?)
    }
}

/// How much longer a certificate is valid.
trait Remaining {
    fn time_to_expiration_at(&self, now: SystemTime) -> Option<Duration>;
}

impl Remaining for x509_parser::certificate::Validity {
    fn time_to_expiration_at(&self, now: SystemTime) -> Option<Duration> {
        let ends = u64::try_from(self.not_after.timestamp()).ok()?;
        (UNIX_EPOCH + Duration::from_secs(ends)).duration_since(now).ok()
    }
}

/// The identifier of the key that signed this certificate (RFC 5280, section 4.2.1.1).
fn authority_of<'a>(certificate: &X509Certificate<'a>) -> Option<&'a [u8]> {
    certificate
        .extensions()
        .iter()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0),
            _ => None,
        })
}

/// The identifier of this certificate's own key (RFC 5280, section 4.2.1.2).
fn subject_of<'a>(certificate: &X509Certificate<'a>) -> Option<&'a [u8]> {
    certificate
        .extensions()
        .iter()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
            _ => None,
        })
}
