//! The internal CA: makes and reads itself, and signs. No I/O; the time is given.

mod vouch;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use splitvault_crypto::SecretString;
use x509_parser::parse_x509_certificate;

use super::PkiError;

/// How long the CA is valid.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// How long what it signs is valid.
const LEAF_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// A certificate that ends sooner than this is replaced.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// So many CAs of before lead to the present one: more than six intermediate certificates no webpki walks.
pub(super) const CROSSED: u8 = 6;
/// Clocks of other nodes may be behind by this.
const SKEW: Duration = Duration::from_secs(60 * 60);

/// The CA: certificates that are trusted, and the key of the first.
pub struct Authority {
    bundle: String,
    /// What a server shows beside its own certificate.
    shown: String,
    made: SystemTime,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, both PEM.
pub struct Issued {
    /// The certificate, and what leads from other CAs to the one that signed it.
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
        // With the time in it, so that people can tell one from the next.
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let name = format!("Splitvault internal CA {seconds}");
        let (begins, ends) = (now - SKEW, now + AUTHORITY_LIFETIME);
        let params = authority_params(&name, BasicConstraints::Constrained(CROSSED), begins, ends);
        let certificate = params.self_signed(&key).map_err(|_| PkiError::Issue)?;
        let kept = SecretString::from(key.serialize_pem());
        let authority = Self {
            bundle: certificate.pem(),
            shown: String::new(),
            made: now,
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
        let begins = u64::try_from(certificate.validity().not_before.timestamp());
        let begins = begins.map_err(|_| PkiError::Authority)?;
        let issuer = Issuer::from_ca_cert_der(&first, key).map_err(|_| PkiError::Authority)?;
        Ok(Self {
            bundle: bundle.to_owned(),
            shown: String::new(),
            made: UNIX_EPOCH + Duration::from_secs(begins) + SKEW,
            issuer,
        })
    }

    /// The same; servers show these certificates (PEM) beside their own.
    pub fn shown_with(self, shown: String) -> Self {
        Self { shown, ..self }
    }

    /// When it was made, to the second.
    pub fn made(&self) -> SystemTime {
        self.made
    }

    /// A certificate (PEM) for `next`'s key by this CA: whoever trusts this one and sees it, trusts `next` too.
    ///
    /// # Errors
    /// When either is no CA, or there is no randomness.
    pub fn cross_sign(&self, next: &Self) -> Result<String, PkiError> {
        let (own, other) = (
            first(&self.bundle).ok_or(PkiError::Authority)?,
            first(&next.bundle).ok_or(PkiError::Authority)?,
        );
        let (_, own) = parse_x509_certificate(&own).map_err(|_| PkiError::Authority)?;
        let (_, other) = parse_x509_certificate(&other).map_err(|_| PkiError::Authority)?;
        let mut names = other.subject().iter_common_name();
        let name = names.next().and_then(|name| name.as_str().ok());
        let ends = own.validity().not_after.min(other.validity().not_after);
        let ends = u64::try_from(ends.timestamp()).map_err(|_| PkiError::Authority)?;
        let params = authority_params(
            name.ok_or(PkiError::Authority)?,
            // Below it may stand those that came after `next`.
            BasicConstraints::Constrained(CROSSED),
            next.made - SKEW,
            UNIX_EPOCH + Duration::from_secs(ends),
        );
        let signed = params.signed_by(next.issuer.key(), &self.issuer);
        Ok(signed.map_err(|_| PkiError::Issue)?.pem())
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
        let shown = match leaf {
            Leaf::Server(_) => &*self.shown,
            Leaf::Client(_) => "",
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
            chain: certificate.pem() + shown,
            key: SecretString::from(key.serialize_pem()),
            ends,
        })
    }
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

fn authority_params(
    name: &str,
    below: BasicConstraints,
    begins: SystemTime,
    ends: SystemTime,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(below);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (begins.into(), ends.into());
    params
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

/// Whether this is one certificate in PEM.
pub(super) fn is_certificate(pem: &str) -> bool {
    first(pem).is_some_and(|der| parse_x509_certificate(&der).is_ok())
}
