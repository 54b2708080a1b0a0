//! Sealing to a public key: HPKE (RFC 9180) in base mode with HKDF-SHA-256 and AES-256-GCM.
//!
//! `version 1 ‖ algorithm 1 ‖ key id 8 ‖ encapsulated key ‖ ciphertext ‖ tag 16`
//!
//! One format for four uses that cannot be taken for each other ([`Context`]): a payload in a manifest, a
//! delivery to a pod, an answer to a request, a master key in escrow. What is kept, such as a manifest in Git, is sealed to the hybrid
//! post-quantum KEM X-Wing; what lives for seconds, to X25519. The sender is not authenticated: whoever may
//! write the manifest or answer the request is decided elsewhere.

mod context;
mod kem;
mod key_pair;
mod public_key;

pub use context::Context;
pub use key_pair::{KeyPair, PrivateKeyError};
pub use public_key::{KeyError, PublicKey};

use crate::envelope::{PADDED_LIMIT, TAG};
use crate::id::KeyId;
use crate::padding::Padding;

const VERSION: u8 = 1;
const HEADER: usize = 2 + KeyId::LEN;
const PADDING: Padding = Padding::Powers;

/// The key encapsulation mechanism of a sealing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Algorithm {
    /// DHKEM(X25519, HKDF-SHA-256) of RFC 9180, for what lives for seconds.
    X25519 = 1,
    /// X-Wing (draft-connolly-cfrg-xwing-kem): X25519 and ML-KEM-768 together, for what is kept.
    XWing = 2,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::X25519, Self::XWing];

    /// The byte that stands for it in keys and sealed messages.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Its name in the text form of a public key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X25519 => "x25519",
            Self::XWing => "xwing",
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.code() == code)
    }

    /// Bytes of an encapsulated key.
    const fn encapsulated(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => 1120,
        }
    }
}

/// Why a sealed message was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// It is no sealed message of a version, algorithm and size that exist.
    #[error("not a sealed message of a known version")]
    Malformed,
    /// It was sealed to another key.
    #[error("sealed to key {0}, which is not this one")]
    UnknownKey(KeyId),
    /// It was altered, or sealed for another context. Deliberately says no more.
    #[error("refused: altered, or sealed for something else")]
    Refused,
}

/// The key that a sealed message says it was sealed to; `None` when it is malformed.
pub fn sealed_key_id(sealed: &[u8]) -> Option<KeyId> {
    Parsed::parse(sealed).map(|parsed| parsed.key_id)
}

/// The parts of a sealed message, before anything is believed.
struct Parsed<'a> {
    header: &'a [u8],
    algorithm: Algorithm,
    key_id: KeyId,
    encapsulated: &'a [u8],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG],
}

impl<'a> Parsed<'a> {
    fn parse(sealed: &'a [u8]) -> Option<Self> {
        let (header, rest) = sealed.split_at_checked(HEADER)?;
        let (&[version, algorithm], key_id) = header.split_first_chunk::<2>()?;
        let algorithm = Algorithm::from_code(algorithm)?;
        let (encapsulated, rest) = rest.split_at_checked(algorithm.encapsulated())?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>()?;
        let size = ciphertext.len();
        let known = version == VERSION && size <= PADDED_LIMIT && PADDING.is_bucket(size);
        let key_id = KeyId::from_bytes(key_id.try_into().ok()?);
        known.then_some(Self {
            header,
            algorithm,
            key_id,
            encapsulated,
            ciphertext,
            tag,
        })
    }
}

/// What stands in front of the encapsulated key, and is the associated data.
fn header(algorithm: Algorithm, key_id: KeyId) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0] = VERSION;
    header[1] = algorithm.code();
    header[2..].copy_from_slice(key_id.as_bytes());
    header
}
