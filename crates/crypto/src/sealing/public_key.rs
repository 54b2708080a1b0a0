//! The public half: what seals.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hpke::{Deserializable as _, Kem, Serializable as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::kem::{self, Bound, X25519HkdfSha256, XWing};
use super::{Algorithm, Context, HEADER, PADDING, header};
use crate::digest::sha256;
use crate::envelope::{SealError, TAG, padded_size};
use crate::id::KeyId;
use crate::random::Drawn;

/// What the text form begins with.
pub(super) const TEXT_VERSION: &str = "splitvault-sealing-v1";

/// A key that seals and cannot open. Not secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    key: Key,
}

#[derive(Clone, PartialEq, Eq)]
enum Key {
    X25519(<X25519HkdfSha256 as Kem>::PublicKey),
    XWing(Box<<XWing as Kem>::PublicKey>),
}

/// Why something is not a sealing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not have the form of one.
    #[error("not a sealing key: expected `splitvault-sealing-v1:<x25519|xwing>:<base64>`")]
    Malformed,
    /// Of an algorithm that this version does not know.
    #[error("a sealing key of an unknown algorithm")]
    UnknownAlgorithm,
    /// Well-formed, but no key of its algorithm (wrong length, out of range, or a point of low order).
    #[error("not a valid {} key", .0.name())]
    Invalid(Algorithm),
}

impl PublicKey {
    /// Reads what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let (code, key) = bytes.split_first().ok_or(KeyError::Malformed)?;
        let algorithm = Algorithm::from_code(*code).ok_or(KeyError::UnknownAlgorithm)?;
        Key::parse(algorithm, key)
            .map(Self::new)
            .ok_or(KeyError::Invalid(algorithm))
    }

    /// The algorithm's byte, then the key as its standard writes it (32 bytes for X25519, 1216 for X-Wing).
    pub fn to_bytes(&self) -> Vec<u8> {
        self.key.to_bytes()
    }

    /// One word, `splitvault-sealing-v1:<x25519|xwing>:<base64>`; [`FromStr`] reads it.
    pub fn to_text(&self) -> String {
        let bytes = self.to_bytes();
        let key = STANDARD.encode(bytes.get(1..).unwrap_or_default());
        format!("{TEXT_VERSION}:{}:{key}", self.algorithm().name())
    }

    /// Its KEM.
    pub const fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::X25519(_) => Algorithm::X25519,
            Key::XWing(_) => Algorithm::XWing,
        }
    }

    /// The first 8 bytes of SHA-256 over [`Self::to_bytes`].
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Encrypts `plaintext` so that only the private key opens it, and only for `context`.
    ///
    /// # Errors
    /// [`SealError::TooLarge`] beyond [`crate::LIMIT`] bytes.
    pub fn seal(&self, context: &Context<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let padded = padded_size(PADDING, plaintext)?;
        let header = header(self.algorithm(), self.id);
        let mut buffer = Zeroizing::new(Vec::with_capacity(padded));
        PADDING.append(&mut buffer, plaintext, padded);
        let bound = Bound {
            info: &context.info(),
            associated: &header,
        };
        let mut random = Drawn::make()?;
        let (encapsulated, tag) = match &self.key {
            Key::X25519(key) => kem::seal::<X25519HkdfSha256>(key, &bound, &mut buffer, &mut random),
            Key::XWing(key) => kem::seal::<XWing>(key, &bound, &mut buffer, &mut random),
        }
        .map_err(|_| SealError::Cipher)?;
        random.sufficed()?;
        let mut sealed = Vec::with_capacity(HEADER + encapsulated.len() + padded + TAG);
        for part in [header.as_slice(), &encapsulated, &buffer, &tag] {
            sealed.extend_from_slice(part);
        }
        Ok(sealed)
    }

    pub(super) fn of_x25519(key: &<X25519HkdfSha256 as Kem>::PrivateKey) -> Self {
        Self::new(Key::X25519(X25519HkdfSha256::sk_to_pk(key)))
    }

    pub(super) fn of_xwing(key: &<XWing as Kem>::PrivateKey) -> Self {
        Self::new(Key::XWing(Box::new(XWing::sk_to_pk(key))))
    }

    fn new(key: Key) -> Self {
        let digest = sha256(&key.to_bytes());
        let mut id = [0; KeyId::LEN];
        id.copy_from_slice(&digest[..KeyId::LEN]);
        Self {
            id: KeyId::from_bytes(id),
            key,
        }
    }
}

impl Key {
    fn parse(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::X25519 => {
                let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(bytes).ok()?;
                has_full_order(&key).then_some(Self::X25519(key))
            }
            Algorithm::XWing => {
                let key = <XWing as Kem>::PublicKey::from_bytes(bytes).ok()?;
                Some(Self::XWing(Box::new(key)))
            }
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::X25519(key) => [&[Algorithm::X25519.code()], key.to_bytes().as_slice()].concat(),
            Self::XWing(key) => [&[Algorithm::XWing.code()], key.to_bytes().as_slice()].concat(),
        }
    }
}

/// Whether X25519 with this point gives a secret. One trial tells: clamped scalars are multiples of the cofactor,
/// so a point of low order gives zero for every scalar (RFC 7748 §6.1), and HPKE refuses zero (RFC 9180 §7.1.4).
fn has_full_order(key: &<X25519HkdfSha256 as Kem>::PublicKey) -> bool {
    let mut scalar = Drawn::from_bytes(Zeroizing::new([1; Drawn::LEN]));
    let bound = Bound {
        info: &[],
        associated: &[],
    };
    let mut nothing = [0; 1];
    let trial = kem::seal::<X25519HkdfSha256>(key, &bound, &mut nothing, &mut scalar);
    nothing.zeroize();
    trial.is_ok()
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// Reads [`PublicKey::to_text`]; white space around it is ignored.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let rest = text
            .trim()
            .strip_prefix(TEXT_VERSION)
            .and_then(|rest| rest.strip_prefix(':'));
        let (name, key) = rest
            .and_then(|rest| rest.split_once(':'))
            .ok_or(KeyError::Malformed)?;
        let known = Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name);
        let algorithm = known.ok_or(KeyError::UnknownAlgorithm)?;
        let key = STANDARD.decode(key).map_err(|_| KeyError::Malformed)?;
        Key::parse(algorithm, &key)
            .map(Self::new)
            .ok_or(KeyError::Invalid(algorithm))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm().name(), self.id)
    }
}
