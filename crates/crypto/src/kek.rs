//! Key-encryption keys: what wraps master keys at rest. Here: the file provider, one file per ring.
//!
//! ```
//! use splitvault_crypto::{FileKek, Id, MasterKey, Names};
//! let kek = FileKek::<Names>::make().unwrap();
//! let key = MasterKey::<Names>::make().unwrap();
//! kek.wrap(Id::ZERO, &key).unwrap();
//! ```
//!
//! The key file of one ring does not wrap the master key of the other:
//!
//! ```compile_fail,E0308
//! use splitvault_crypto::{FileKek, Id, MasterKey, Values, Names};
//! let kek = FileKek::<Names>::make().unwrap();
//! let key = MasterKey::<Values>::make().unwrap();
//! kek.wrap(Id::ZERO, &key).unwrap(); // expected `&MasterKey<Names>`, found `&MasterKey<Values>`
//! ```
//!
//! Nor does it become the key of the other ring by being read as one:
//!
//! ```compile_fail,E0308
//! use splitvault_crypto::{FileKek, Id, KeyId, KeyRing, Names, Values};
//! let kek = FileKek::<Names>::make().unwrap();
//! let ring: KeyRing<Values> = KeyRing::new(kek.unwrap(Id::ZERO, KeyId::from_bytes([0; 8]), &[]).unwrap());
//! ```

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::envelope::{self, OpenError, Parsed, Scope, SealError};
use crate::fields;
use crate::id::{Id, KeyId};
use crate::padding::Padding;
use crate::random::Random;
use crate::ring::{MasterKey, Names, Purpose, Values};
use crate::secret::{SecretBytes, SecretKey, SecretString};

const TEXT_VERSION: &str = "splitvault-kek-v1";
/// Characters of 32 bytes in base64.
const TEXT_KEY: usize = 44;

/// A key-encryption key from a file. Its id is derived from it, so the wrong file is noticed by name.
pub struct FileKek<P: Purpose> {
    id: KeyId,
    key: SecretKey,
    purpose: PhantomData<fn() -> P>,
}

/// Why a text is not the key-encryption key that was expected. Says nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KekError {
    /// It is not `splitvault-kek-v1:<names|values>:<32 bytes in base64>`.
    #[error("not a key-encryption key: expected one line `splitvault-kek-v1:<ring>:<32 bytes in base64>`")]
    Malformed,
    /// It is the key of the other ring.
    #[error("the key-encryption key of the ring `{got}` where that of `{expected}` belongs")]
    WrongRing {
        /// The ring it was read for.
        expected: &'static str,
        /// The ring it says it is for.
        got: &'static str,
    },
}

impl<P: Purpose> FileKek<P> {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn make() -> Result<Self, Random> {
        Ok(Self::new(SecretKey::make()?))
    }

    /// Reads the text that [`Self::to_text`] writes; white space around it is ignored.
    ///
    /// # Errors
    /// See [`KekError`].
    pub fn parse(text: &[u8]) -> Result<Self, KekError> {
        let mut parts = text.trim_ascii().splitn(3, |byte| *byte == b':');
        let mut next = || parts.next().ok_or(KekError::Malformed);
        if next()? != TEXT_VERSION.as_bytes() {
            return Err(KekError::Malformed);
        }
        let ring = next()?;
        let known = [Names::LABEL, Values::LABEL];
        let got = known
            .into_iter()
            .find(|label| label.as_bytes() == ring)
            .ok_or(KekError::Malformed)?;
        if got != P::LABEL {
            return Err(KekError::WrongRing {
                expected: P::LABEL,
                got,
            });
        }
        let key = next()?;
        // The decoder wants room for the padding character too.
        let mut decoded = Zeroizing::new([0; SecretKey::LEN + 1]);
        let len = STANDARD
            .decode_slice(key, decoded.as_mut_slice())
            .map_err(|_| KekError::Malformed)?;
        let key = decoded.get(..len).and_then(SecretKey::copy_of);
        key.map(Self::new).ok_or(KekError::Malformed)
    }

    /// One line, `splitvault-kek-v1:<names|values>:<32 bytes in base64>`, for the file.
    pub fn to_text(&self) -> SecretString {
        let mut text = String::with_capacity(TEXT_VERSION.len() + 1 + P::LABEL.len() + 1 + TEXT_KEY + 1);
        text.extend([TEXT_VERSION, ":", P::LABEL, ":"]);
        // EXPOSE: the file is where this key lives.
        STANDARD.encode_string(self.key.expose(), &mut text);
        text.push('\n');
        SecretString::from(text)
    }

    /// Its id: first 8 bytes of HKDF-SHA-256(ikm = key, no salt, info = `splitvault/kek-id/v1`, ring).
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Encrypts a master key for keeping. Opens only for this installation and under the key's own id.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn wrap(&self, installation: Id, key: &MasterKey<P>) -> Result<Vec<u8>, SealError> {
        // EXPOSE: into the cipher.
        wrapping::<P, _>(installation, key.id(), |scope| {
            envelope::seal(&self.key, self.id, scope, key.key().expose())
        })
    }

    /// Decrypts the master key with this id.
    ///
    /// # Errors
    /// [`OpenError::UnknownKey`] with the id of the key-encryption key that would be needed; else as for
    /// [`crate::KeyRing::open`].
    pub fn unwrap(&self, installation: Id, id: KeyId, wrapped: &[u8]) -> Result<MasterKey<P>, OpenError> {
        let bytes = wrapping::<P, _>(installation, id, |scope| self.open(scope, wrapped))?;
        // EXPOSE: into the key's own box.
        let key = SecretKey::copy_of(bytes.expose()).ok_or(OpenError::Refused)?;
        Ok(MasterKey::new(id, key))
    }

    /// Encrypts another secret at rest, such as a private key. `label` says which; it opens under no other.
    ///
    /// # Errors
    /// [`SealError::TooLarge`] beyond [`crate::LIMIT`] bytes.
    pub fn seal_bytes(&self, installation: Id, label: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        labelled::<P, _>(installation, label, |scope| {
            envelope::seal(&self.key, self.id, scope, secret)
        })
    }

    /// Decrypts what [`Self::seal_bytes`] made for the same installation and label.
    ///
    /// # Errors
    /// As for [`Self::unwrap`].
    pub fn open_bytes(&self, installation: Id, label: &str, sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        labelled::<P, _>(installation, label, |scope| self.open(scope, sealed))
    }

    pub(crate) fn new(key: SecretKey) -> Self {
        let info = fields::encode(&[b"splitvault/kek-id/v1", P::LABEL.as_bytes()]);
        let mut id = [0; KeyId::LEN];
        // EXPOSE: HKDF's input. Eight bytes are within its limit.
        let expanded = Hkdf::<Sha256>::new(None, key.expose()).expand(&info, &mut id);
        debug_assert!(expanded.is_ok(), "eight bytes are within HKDF's limit");
        Self {
            id: KeyId::from_bytes(id),
            key,
            purpose: PhantomData,
        }
    }

    fn open(&self, scope: &Scope<'_>, envelope: &[u8]) -> Result<SecretBytes, OpenError> {
        let parsed = Parsed::parse(envelope)?;
        if parsed.key_id != self.id {
            return Err(OpenError::UnknownKey(parsed.key_id));
        }
        parsed.open(&self.key, scope)
    }
}

impl<P: Purpose> fmt::Debug for FileKek<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileKek<{}>({})", P::LABEL, self.id)
    }
}

fn wrapping<P: Purpose, T>(installation: Id, id: KeyId, with: impl FnOnce(&Scope<'_>) -> T) -> T {
    with(&Scope {
        format: "splitvault/master-key/v1",
        purpose: P::LABEL,
        coordinates: &[installation.as_bytes(), id.as_bytes()],
        padding: Padding::Blocks,
    })
}

fn labelled<P: Purpose, T>(installation: Id, label: &str, with: impl FnOnce(&Scope<'_>) -> T) -> T {
    with(&Scope {
        format: "splitvault/bytes/v1",
        purpose: P::LABEL,
        coordinates: &[installation.as_bytes(), label.as_bytes()],
        padding: Padding::Powers,
    })
}
