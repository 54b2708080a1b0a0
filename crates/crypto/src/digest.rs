//! Digests: plain for bytes that are ciphertext already, keyed for anything a guess could be tried against.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::fields;
use crate::random::Random;
use crate::secret::{SecretBytes, SecretKey};

/// SHA-256 (FIPS 180-4). Of ciphertext and public keys only: the digest of a guessable secret gives it away.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A 256-bit key for HMAC-SHA-256 (RFC 2104). Zeroized when dropped.
pub struct DigestKey(SecretKey);

/// A digest key has 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest key has 32 bytes, got {got}")]
pub struct DigestKeyLength {
    /// How many there were.
    pub got: usize,
}

impl DigestKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn make() -> Result<Self, Random> {
        SecretKey::make().map(Self)
    }

    /// Its bytes, for keeping it encrypted.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// HMAC-SHA-256 over the parts, each behind its length: no two lists of parts give the same input.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.state(parts).finalize().into_bytes().into()
    }

    /// Whether `mac` is that of `parts`; takes the same time wherever they differ.
    pub fn verify(&self, parts: &[&[u8]], mac: &[u8]) -> bool {
        self.state(parts).verify_slice(mac).is_ok()
    }

    fn state(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        // EXPOSE: HMAC's key, zero-padded to SHA-256's block as RFC 2104 §2 (1) has it.
        let mut block = Zeroizing::new([0; 64]);
        block[..SecretKey::LEN].copy_from_slice(self.0.expose());
        let mut state = Hmac::<Sha256>::new((&*block).into());
        for part in parts {
            state.update(&fields::length(part));
            state.update(part);
        }
        state
    }
}

impl TryFrom<SecretBytes> for DigestKey {
    type Error = DigestKeyLength;

    fn try_from(bytes: SecretBytes) -> Result<Self, DigestKeyLength> {
        // EXPOSE: into the key's own box.
        SecretKey::copy_of(bytes.expose())
            .map(Self)
            .ok_or(DigestKeyLength { got: bytes.len() })
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}
