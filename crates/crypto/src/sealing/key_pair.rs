//! The private half: what opens.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hpke::{Deserializable as _, Kem, Serializable as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::kem::{self, Bound, X25519HkdfSha256, XWing};
use super::{Algorithm, Context, KeyError, PADDING, Parsed, PublicKey, UnsealError};
use crate::id::KeyId;
use crate::random::{Drawn, Random};
use crate::secret::{SecretBytes, SecretKey, SecretString};

const TEXT_VERSION: &str = "splitvault-sealing-private-v1";
/// Characters of 32 bytes in base64.
const TEXT_KEY: usize = 44;

/// Why a text is not a private sealing key. Says nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// It does not have the form of one.
    #[error(
        "not a private sealing key: expected one line `splitvault-sealing-private-v1:<x25519|xwing>:<32 bytes in base64>`"
    )]
    Malformed,
    /// Of an algorithm that this version does not know.
    #[error("a private sealing key of an unknown algorithm")]
    UnknownAlgorithm,
    /// It is the public half.
    #[error("a public sealing key where a private one belongs")]
    Public,
}

/// A key that opens what was sealed to its public half. Zeroized when dropped.
pub struct KeyPair {
    public: PublicKey,
    private: Private,
}

/// Boxed, so that moving a pair leaves no copy of the key behind.
enum Private {
    X25519(Box<<X25519HkdfSha256 as Kem>::PrivateKey>),
    XWing(Box<<XWing as Kem>::PrivateKey>),
}

impl KeyPair {
    /// Draws a new pair.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn make(algorithm: Algorithm) -> Result<Self, Random> {
        let mut random = Drawn::make()?;
        let pair = match algorithm {
            Algorithm::X25519 => Self::of_x25519(X25519HkdfSha256::gen_keypair_with_rng(&mut random).0),
            Algorithm::XWing => Self::of_xwing(XWing::gen_keypair_with_rng(&mut random).0),
        };
        random.sufficed()?;
        Ok(pair)
    }

    /// Reads what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_bytes(bytes: &SecretBytes) -> Result<Self, KeyError> {
        // EXPOSE: into the keys' own types, which are zeroized.
        let (code, key) = bytes.expose().split_first().ok_or(KeyError::Malformed)?;
        let algorithm = Algorithm::from_code(*code).ok_or(KeyError::UnknownAlgorithm)?;
        match algorithm {
            Algorithm::X25519 => <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(key).map(Self::of_x25519),
            Algorithm::XWing => <XWing as Kem>::PrivateKey::from_bytes(key).map(Self::of_xwing),
        }
        .map_err(|_| KeyError::Invalid(algorithm))
    }

    /// The algorithm's byte, then the private key as its standard writes it (32 bytes for either).
    pub fn to_bytes(&self) -> SecretBytes {
        let mut key = match &self.private {
            Private::X25519(key) => key.to_bytes(),
            Private::XWing(key) => key.to_bytes(),
        };
        let mut bytes = Vec::with_capacity(1 + key.len());
        bytes.push(self.public.algorithm().code());
        bytes.extend_from_slice(&key);
        key.zeroize();
        SecretBytes::from(bytes)
    }

    /// Reads the text that [`Self::to_text`] writes; white space around it is ignored.
    ///
    /// # Errors
    /// See [`PrivateKeyError`].
    pub fn parse(text: &[u8]) -> Result<Self, PrivateKeyError> {
        let mut parts = text.trim_ascii().splitn(3, |byte| *byte == b':');
        let version = parts.next().unwrap_or_default();
        if version == super::public_key::TEXT_VERSION.as_bytes() {
            return Err(PrivateKeyError::Public);
        }
        let (Some(name), Some(key)) = (parts.next(), parts.next()) else {
            return Err(PrivateKeyError::Malformed);
        };
        if version != TEXT_VERSION.as_bytes() {
            return Err(PrivateKeyError::Malformed);
        }
        let known = Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().as_bytes() == name);
        let algorithm = known.ok_or(PrivateKeyError::UnknownAlgorithm)?;
        // The decoder wants room for the padding character too.
        let mut decoded = Zeroizing::new([0; 1 + SecretKey::LEN + 1]);
        decoded[0] = algorithm.code();
        let len = STANDARD
            .decode_slice(key, &mut decoded[1..])
            .map_err(|_| PrivateKeyError::Malformed)?;
        let bytes = decoded.get(..1 + len).map(SecretBytes::copy_of);
        let pair = bytes.and_then(|bytes| Self::from_bytes(&bytes).ok());
        pair.ok_or(PrivateKeyError::Malformed)
    }

    /// One line, `splitvault-sealing-private-v1:<x25519|xwing>:<32 bytes in base64>`, for a file.
    pub fn to_text(&self) -> SecretString {
        let (name, bytes) = (self.public.algorithm().name(), self.to_bytes());
        let mut text = String::with_capacity(TEXT_VERSION.len() + 1 + name.len() + 1 + TEXT_KEY + 1);
        text.extend([TEXT_VERSION, ":", name, ":"]);
        // EXPOSE: the file is where this key lives.
        STANDARD.encode_string(bytes.expose().get(1..).unwrap_or_default(), &mut text);
        text.push('\n');
        SecretString::from(text)
    }

    /// The half that seals.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The id of the public half.
    pub const fn id(&self) -> KeyId {
        self.public.id()
    }

    /// Decrypts what was sealed to this pair for `context`.
    ///
    /// # Errors
    /// See [`UnsealError`].
    pub fn open(&self, context: &Context<'_>, sealed: &[u8]) -> Result<SecretBytes, UnsealError> {
        let parsed = Parsed::parse(sealed).ok_or(UnsealError::Malformed)?;
        if parsed.key_id != self.id() {
            return Err(UnsealError::UnknownKey(parsed.key_id));
        }
        if parsed.algorithm != self.public.algorithm() {
            return Err(UnsealError::Refused);
        }
        let bound = Bound {
            info: &context.info(),
            associated: parsed.header,
        };
        let mut buffer = Zeroizing::new(parsed.ciphertext.to_vec());
        match &self.private {
            Private::X25519(key) => {
                kem::open::<X25519HkdfSha256>(key, &bound, parsed.encapsulated, &mut buffer, parsed.tag)
            }
            Private::XWing(key) => {
                kem::open::<XWing>(key, &bound, parsed.encapsulated, &mut buffer, parsed.tag)
            }
        }
        .map_err(|_| UnsealError::Refused)?;
        PADDING.strip(&buffer).ok_or(UnsealError::Refused)
    }

    fn of_x25519(key: <X25519HkdfSha256 as Kem>::PrivateKey) -> Self {
        Self {
            public: PublicKey::of_x25519(&key),
            private: Private::X25519(Box::new(key)),
        }
    }

    fn of_xwing(key: <XWing as Kem>::PrivateKey) -> Self {
        Self {
            public: PublicKey::of_xwing(&key),
            private: Private::XWing(Box::new(key)),
        }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({}, {})", self.public.algorithm().name(), self.id())
    }
}
