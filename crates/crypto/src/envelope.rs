//! The envelope: how everything at rest is encrypted, whatever key and coordinates it has.
//!
//! `version 1 ‖ key id 8 ‖ salt 32 ‖ commitment 32 ‖ ciphertext ‖ tag 16`
//!
//! Each message has a key of its own, derived from 32 fresh random bytes, so the nonce is zero and there is no
//! counter to keep. The commitment, compared before anything is decrypted, fixes which key a ciphertext belongs
//! to, which AES-GCM alone does not. A reader never learns why a ciphertext was refused.

use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::fields;
use crate::id::KeyId;
use crate::padding::{PREFIX, Padding};
use crate::random::{self, Random};
use crate::secret::{SecretBytes, SecretKey};

/// The most bytes of plaintext in an envelope or a sealed message: 2 MiB with the length field.
pub const LIMIT: usize = PADDED_LIMIT - PREFIX;

pub(crate) const PADDED_LIMIT: usize = 2 * 1024 * 1024;
const VERSION: u8 = 1;
const SALT: usize = 32;
const COMMITMENT: usize = 32;
const HEADER: usize = 1 + KeyId::LEN + SALT + COMMITMENT;
pub(crate) const TAG: usize = 16;

/// Why nothing was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The plaintext is beyond the limit.
    #[error("{got} bytes to encrypt, at most {limit}")]
    TooLarge {
        /// The most bytes that are taken: [`LIMIT`].
        limit: usize,
        /// How many there were.
        got: usize,
    },
    /// The operating system gave no random bytes.
    #[error("no randomness from the operating system")]
    Random,
    /// The cipher itself reported an error, which it does not do within the limit.
    #[error("the cipher failed")]
    Cipher,
}

impl From<Random> for SealError {
    fn from(_: Random) -> Self {
        Self::Random
    }
}

/// Why a ciphertext was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is no envelope of a version and size that exist.
    #[error("not an envelope of a known version")]
    Malformed,
    /// It names a key that is not at hand.
    #[error("encrypted under key {0}, which is not here")]
    UnknownKey(KeyId),
    /// It was altered, moved to other coordinates, or made with another key. Deliberately says no more.
    #[error("refused: altered, moved, or made with another key")]
    Refused,
}

/// What an envelope is bound to besides its header.
pub(crate) struct Scope<'a> {
    /// The kind of content, with its version.
    pub(crate) format: &'static str,
    /// Which ring.
    pub(crate) purpose: &'static str,
    /// Further associated data, in a fixed order per `format`.
    pub(crate) coordinates: &'a [&'a [u8]],
    pub(crate) padding: Padding,
}

impl Scope<'_> {
    /// The HKDF `info`.
    fn info(&self) -> Vec<u8> {
        fields::encode(&[self.format.as_bytes(), self.purpose.as_bytes()])
    }

    /// The associated data: header, format, purpose, coordinates.
    fn associated(&self, header: &[u8]) -> Vec<u8> {
        let mut out = header.to_vec();
        fields::append(&mut out, &[self.format.as_bytes(), self.purpose.as_bytes()]);
        fields::append(&mut out, self.coordinates);
        out
    }

    /// `key 32 ‖ commitment 32 = HKDF-SHA-256(ikm = key, salt, info)` (RFC 5869). `None` is HKDF's limit of 255
    /// blocks, of which this takes two.
    fn derive(&self, key: &SecretKey, salt: &[u8]) -> Option<(Aes256Gcm, [u8; COMMITMENT])> {
        let mut okm = Zeroizing::new([0; SecretKey::LEN + COMMITMENT]);
        // EXPOSE: HKDF's input.
        let prk = Hkdf::<Sha256>::new(Some(salt), key.expose());
        prk.expand(&self.info(), okm.as_mut_slice()).ok()?;
        let (key, commitment) = okm.split_first_chunk::<{ SecretKey::LEN }>()?;
        Some((Aes256Gcm::new(key.into()), commitment.try_into().ok()?))
    }
}

/// Encrypts `plaintext` under a fresh key derived from `key`, which `id` names.
pub(crate) fn seal(
    key: &SecretKey,
    id: KeyId,
    scope: &Scope<'_>,
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    let padded = padded_size(scope.padding, plaintext)?;
    let mut salt = [0; SALT];
    random::fill(&mut salt)?;
    let (cipher, commitment) = scope.derive(key, &salt).ok_or(SealError::Cipher)?;
    let mut out = Vec::with_capacity(HEADER + padded + TAG);
    out.push(VERSION);
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(&salt);
    out.extend_from_slice(&commitment);
    let associated = scope.associated(&out);
    scope.padding.append(&mut out, plaintext, padded);
    // Encrypted where it stands: the only copy of the plaintext becomes ciphertext.
    match cipher.encrypt_inout_detached(&Nonce::default(), &associated, (&mut out[HEADER..]).into()) {
        Ok(tag) => out.extend_from_slice(&tag),
        Err(_) => {
            out.zeroize();
            return Err(SealError::Cipher);
        }
    }
    Ok(out)
}

/// The padded size of `plaintext`, held against the limit.
pub(crate) fn padded_size(padding: Padding, plaintext: &[u8]) -> Result<usize, SealError> {
    let got = plaintext.len();
    match padding.padded(got) {
        Some(padded) if padded <= PADDED_LIMIT => Ok(padded),
        _ => Err(SealError::TooLarge { limit: LIMIT, got }),
    }
}

/// The key that an envelope says it was made with; `None` for what has no envelope's version and size. Nothing is
/// checked: the answer picks a key, and opening tells whether it was true.
pub fn envelope_key(envelope: &[u8]) -> Option<KeyId> {
    Parsed::split(envelope).map(|parsed| parsed.key_id)
}

/// The parts of an envelope, before anything is believed.
pub(crate) struct Parsed<'a> {
    header: &'a [u8],
    salt: &'a [u8],
    commitment: &'a [u8],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG],
    /// The key it says it was made with.
    pub(crate) key_id: KeyId,
}

impl<'a> Parsed<'a> {
    /// Takes an envelope apart.
    pub(crate) fn parse(envelope: &'a [u8]) -> Result<Self, OpenError> {
        Self::split(envelope).ok_or(OpenError::Malformed)
    }

    fn split(envelope: &'a [u8]) -> Option<Self> {
        let (header, rest) = envelope.split_at_checked(HEADER)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>()?;
        let (version, header_rest) = header.split_first()?;
        let (key_id, header_rest) = header_rest.split_first_chunk::<{ KeyId::LEN }>()?;
        let (salt, commitment) = header_rest.split_at_checked(SALT)?;
        (*version == VERSION).then_some(Self {
            header,
            salt,
            commitment,
            ciphertext,
            tag,
            key_id: KeyId::from_bytes(*key_id),
        })
    }

    /// Opens it with the key that [`Self::key_id`] named.
    pub(crate) fn open(&self, key: &SecretKey, scope: &Scope<'_>) -> Result<SecretBytes, OpenError> {
        let size = self.ciphertext.len();
        if size > PADDED_LIMIT || !scope.padding.is_bucket(size) {
            return Err(OpenError::Malformed);
        }
        let (cipher, commitment) = scope.derive(key, self.salt).ok_or(OpenError::Refused)?;
        if !bool::from(commitment.ct_eq(self.commitment)) {
            return Err(OpenError::Refused);
        }
        let mut plaintext = Zeroizing::new(self.ciphertext.to_vec());
        let associated = scope.associated(self.header);
        let buffer = plaintext.as_mut_slice().into();
        cipher
            .decrypt_inout_detached(&Nonce::default(), &associated, buffer, &Tag::from(*self.tag))
            .map_err(|_| OpenError::Refused)?;
        scope.padding.strip(&plaintext).ok_or(OpenError::Refused)
    }
}
