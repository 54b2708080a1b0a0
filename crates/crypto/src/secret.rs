//! Secrets in memory: boxed, so that moving them leaves no copy, and zeroized when dropped.
//!
//! There is no `Clone`, `Display`, `Deref`, `PartialEq` or serialization, and `Debug` prints the type only: a
//! secret leaves through `expose` or not at all.
//!
//! ```
//! use splitvault_crypto::{SecretBytes, SecretString};
//! assert_eq!(format!("{:?}", SecretString::copy_of("hunter2")), "SecretString");
//! assert_eq!(SecretBytes::copy_of(b"hunter2").expose(), b"hunter2");
//! ```
//! ```compile_fail,E0277
//! println!("{}", splitvault_crypto::SecretString::copy_of("no Display"));
//! ```
//! ```compile_fail,E0599
//! let copy = splitvault_crypto::SecretBytes::copy_of(b"no Clone").clone();
//! ```
//! ```compile_fail,E0369
//! use splitvault_crypto::SecretBytes;
//! let equal = SecretBytes::copy_of(b"no") == SecretBytes::copy_of(b"PartialEq");
//! ```

use std::fmt;

use zeroize::{Zeroize as _, Zeroizing};

use crate::random::{self, Random};

/// Bytes that are zeroized when dropped.
pub struct SecretBytes(Box<[u8]>);

impl SecretBytes {
    /// A copy of `bytes`; the original stays the caller's to wipe.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self(Box::from(bytes))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Box<[u8]>> for SecretBytes {
    fn from(bytes: Box<[u8]>) -> Self {
        Self(bytes)
    }
}

/// Takes the bytes over. Spare capacity may hold remnants, and shrinking would copy and free them unwiped: such
/// a vector is copied and then wiped whole.
impl From<Vec<u8>> for SecretBytes {
    fn from(mut bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(bytes.into_boxed_slice());
        }
        let secret = Self::copy_of(&bytes);
        bytes.zeroize();
        secret
    }
}

impl From<SecretString> for SecretBytes {
    fn from(text: SecretString) -> Self {
        text.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes")
    }
}

/// Text that is zeroized when dropped.
pub struct SecretString(SecretBytes);

impl SecretString {
    /// A copy of `text`; the original stays the caller's to wipe.
    pub fn copy_of(text: &str) -> Self {
        Self(SecretBytes::copy_of(text.as_bytes()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        // Checked when it was made; without `unsafe` the check is repeated, and its failure has no meaning.
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }

    /// How many bytes of UTF-8.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        Self(SecretBytes::from(text.into_bytes()))
    }
}

/// The bytes are not UTF-8. Says nothing about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8")]
pub struct NotUtf8;

/// Takes the bytes over without a copy; they are zeroized when they are not UTF-8.
impl TryFrom<SecretBytes> for SecretString {
    type Error = NotUtf8;

    fn try_from(bytes: SecretBytes) -> Result<Self, NotUtf8> {
        match std::str::from_utf8(bytes.expose()) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(NotUtf8),
        }
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretString")
    }
}

/// A 256-bit key, boxed and zeroized when dropped.
pub(crate) struct SecretKey(Box<Zeroizing<[u8; SecretKey::LEN]>>);

impl SecretKey {
    pub(crate) const LEN: usize = 32;

    /// Draws a key.
    pub(crate) fn make() -> Result<Self, Random> {
        let mut key = Self(Box::new(Zeroizing::new([0; Self::LEN])));
        random::fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// A copy of these bytes; `None` unless there are exactly [`Self::LEN`].
    pub(crate) fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Box::new(Zeroizing::new([0; Self::LEN])));
        if bytes.len() != Self::LEN {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// A key that `derive` writes in place.
    pub(crate) fn derive_with(derive: impl FnOnce(&mut [u8])) -> Self {
        let mut key = Self(Box::new(Zeroizing::new([0; Self::LEN])));
        derive(key.0.as_mut_slice());
        key
    }

    pub(crate) fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_type_only() {
        assert_eq!(format!("{:?}", SecretBytes::copy_of(b"canary")), "SecretBytes");
        assert_eq!(format!("{:#?}", SecretString::copy_of("canary")), "SecretString");
    }

    #[test]
    fn a_vector_with_spare_capacity_is_taken_whole() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(b"short");
        let secret = SecretBytes::from(bytes);
        assert_eq!(
            (secret.expose(), secret.len(), secret.is_empty()),
            (b"short".as_slice(), 5, false)
        );
        assert!(SecretBytes::from(Vec::with_capacity(8)).is_empty());
    }

    #[test]
    fn an_exact_vector_is_taken_without_a_copy() {
        let bytes = vec![7; 32].into_boxed_slice().into_vec();
        let address = bytes.as_ptr();
        assert_eq!(SecretBytes::from(bytes).expose().as_ptr(), address);
    }

    #[test]
    fn text_is_text() {
        let bytes = SecretBytes::copy_of("grüße".as_bytes());
        let text = SecretString::try_from(bytes).unwrap();
        assert_eq!((text.expose(), text.len()), ("grüße", 7));
        assert_eq!(SecretBytes::from(text).expose(), "grüße".as_bytes());
        let broken = SecretString::try_from(SecretBytes::copy_of(&[0xc3]));
        assert!(matches!(broken, Err(NotUtf8)));
        assert!(SecretString::from(String::new()).is_empty());
    }

    #[test]
    fn a_key_has_exactly_32_bytes() {
        assert!(SecretKey::copy_of(&[1; 31]).is_none());
        assert!(SecretKey::copy_of(&[1; 33]).is_none());
        assert_eq!(SecretKey::copy_of(&[1; 32]).unwrap().expose(), &[1; 32]);
    }
}
