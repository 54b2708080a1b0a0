//! The internal CA: makes and reads itself, and signs. No I/O; the time is given.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use splitvault_crypto::SecretString;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::parse_x509_certificate;

use super::PkiError;

/// How long the CA is valid.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// How long what it signs is valid.
const LEAF_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// A certificate that ends sooner than this is replaced.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Clocks of other nodes may be behind by this.
const SKEW: Duration = Duration::from_secs(60 * 60);

/// The CA: certificates that are trusted, and the key of the first.
pub struct Authority {
    bundle: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, both PEM.
pub struct Issued {
    /// The certificate.
    pub chain: String,
    /// Its private key (PKCS #8).
    pub key: SecretString,
    /// When it ends.
    pub ends: SystemTime,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf<'a> {
    /// A server with these DNS names.
    Server(&'a [String]),
    /// A client with this URI (SPIFFE X.509-SVID, section 2).
    Client(&'a str),
}

impl Authority {
    /// A new CA. Also answers its private key in PEM, to be kept.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn make(now: SystemTime) -> Result<(Self, SecretString), PkiError> {
        let key = KeyPair::generate().map_err(|_| PkiError::Issue)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("Splitvault internal CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (now - SKEW).into();
        params.not_after = (now + AUTHORITY_LIFETIME).into();
        let certificate = params.self_signed(&key).map_err(|_| PkiError::Issue)?;
        let kept = SecretString::from(key.serialize_pem());
        let authority = Self {
            bundle: certificate.pem(),
            issuer: Issuer::new(params, key),
        };
        Ok((authority, kept))
    }

    /// Reads what [`Authority::make`] made. Further certificates after the first are trusted but do not sign.
    ///
    /// # Errors
    /// [`PkiError::Authority`] when it is no CA certificate with its own key.
    pub fn parse(bundle: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| PkiError::Authority);
        let (bundle, key) = (text(bundle)?, text(key)?);
        let key = KeyPair::from_pem(key).map_err(|_| PkiError::Authority)?;
        let first = first(bundle).ok_or(PkiError::Authority)?;
        let (_, certificate) = parse_x509_certificate(&first).map_err(|_| PkiError::Authority)?;
        // Without this a mixed-up Secret would sign what nobody trusts.
        if !certificate.is_ca() || certificate.public_key().raw != key.subject_public_key_info() {
            return Err(PkiError::Authority);
        }
        let issuer = Issuer::from_ca_cert_der(&first, key).map_err(|_| PkiError::Authority)?;
        Ok(Self {
            bundle: bundle.to_owned(),
            issuer,
        })
    }

    /// The certificates to trust, in PEM.
    pub fn bundle(&self) -> &str {
        &self.bundle
    }

    /// Signs a new certificate with a new key.
    ///
    /// # Errors
    /// When a name cannot be in a certificate, or there is no randomness.
    pub fn issue(&self, leaf: Leaf<'_>, now: SystemTime) -> Result<Issued, PkiError> {
        let name = |text: &str| text.to_owned().try_into().map_err(|_| PkiError::Issue);
        let mut params = CertificateParams::default();
        let (names, usage, common) = match leaf {
            Leaf::Server(names) => {
                let common = names.first().map_or("", String::as_str);
                let names: Result<Vec<_>, _> = names.iter().map(|n| name(n).map(SanType::DnsName)).collect();
                (names?, ExtendedKeyUsagePurpose::ServerAuth, common)
            }
            Leaf::Client(uri) => (
                vec![SanType::URI(name(uri)?)],
                ExtendedKeyUsagePurpose::ClientAuth,
                "splitvault-operator",
            ),
        };
        let ends = now + LEAF_LIFETIME;
        params.subject_alt_names = names;
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // A common name holds at most 64 characters (RFC 5280, appendix A).
        params.distinguished_name = common_name(common.get(..common.len().min(64)).unwrap_or_default());
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = ((now - SKEW).into(), ends.into());
        let key = KeyPair::generate().map_err(|_| PkiError::Issue)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|_| PkiError::Issue)?;
        Ok(Issued {
            chain: certificate.pem(),
            key: SecretString::from(key.serialize_pem()),
            ends,
        })
    }

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

impl Issued {
    /// Whether it is time for another one.
    pub fn is_due(&self, now: SystemTime) -> bool {
        self.ends
            .duration_since(now)
            .is_ok_and(|left| left <= RENEW_BEFORE)
            || self.ends <= now
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn first(pem: &str) -> Option<rustls_pki_types::CertificateDer<'static>> {
    use rustls_pki_types::pem::PemObject as _;
    rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).ok()
}
