//! A key that wraps one secret, and that somebody else keeps: a KMS encrypts these 32 bytes and never sees more.
//!
//! ```
//! use splitvault_crypto::{Id, MasterKey, Names, OneTimeKey};
//! let one_time = OneTimeKey::make().unwrap();
//! let kek = one_time.kek::<Names>(b"what the KMS said");
//! kek.wrap(Id::ZERO, &MasterKey::make().unwrap()).unwrap();
//! ```

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;

use crate::fields;
use crate::kek::FileKek;
use crate::random::Random;
use crate::ring::Purpose;
use crate::secret::SecretKey;

/// 32 random bytes, zeroized when dropped.
pub struct OneTimeKey(SecretKey);

impl OneTimeKey {
    /// How many bytes.
    pub const LEN: usize = SecretKey::LEN;

    /// Draws a new one.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn make() -> Result<Self, Random> {
        SecretKey::make().map(Self)
    }

    /// The one that was encrypted elsewhere; `None` for another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        SecretKey::copy_of(bytes).map(Self)
    }

    /// The bytes that are to be encrypted elsewhere.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The key-encryption key to wrap with: HKDF-SHA-256(ikm = these bytes, no salt, info =
    /// `splitvault/one-time-kek/v1`, ring, `header`). `header` is whatever is kept beside what is wrapped: with one
    /// byte of it altered, another key comes out and nothing opens.
    pub fn kek<P: Purpose>(&self, header: &[u8]) -> FileKek<P> {
        let info = fields::encode(&[b"splitvault/one-time-kek/v1", P::LABEL.as_bytes(), header]);
        FileKek::new(SecretKey::derive_with(|key| {
            // EXPOSE: HKDF's input. 32 bytes are within its limit.
            let expanded = Hkdf::<Sha256>::new(None, self.0.expose()).expand(&info, key);
            debug_assert!(expanded.is_ok(), "32 bytes are within HKDF's limit");
        }))
    }
}

impl fmt::Debug for OneTimeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Id, MasterKey, Names, OpenError, Values};

    #[test]
    fn what_is_wrapped_opens_with_the_same_bytes_and_header_only() {
        let one_time = OneTimeKey::make().unwrap();
        let key = MasterKey::<Names>::make().unwrap();
        let wrapped = one_time.kek::<Names>(b"header").wrap(Id::ZERO, &key).unwrap();
        let again = OneTimeKey::from_bytes(one_time.expose()).unwrap();
        assert!(
            again
                .kek::<Names>(b"header")
                .unwrap(Id::ZERO, key.id(), &wrapped)
                .is_ok()
        );
        for kek in [
            again.kek::<Names>(b"Header"),
            again.kek::<Names>(b""),
            OneTimeKey::make().unwrap().kek::<Names>(b"header"),
        ] {
            let refused = kek.unwrap(Id::ZERO, key.id(), &wrapped);
            assert!(matches!(refused, Err(OpenError::UnknownKey(_))), "{refused:?}");
        }
    }

    #[test]
    fn the_rings_get_different_keys_from_the_same_bytes() {
        let one_time = OneTimeKey::make().unwrap();
        assert_ne!(one_time.kek::<Names>(b"").id(), one_time.kek::<Values>(b"").id());
    }

    #[test]
    fn other_lengths_are_no_key() {
        for len in [0, 31, 33, 64] {
            assert!(OneTimeKey::from_bytes(&vec![0; len]).is_none(), "{len}");
        }
    }
}
