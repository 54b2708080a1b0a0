//! Master keys and the two rings that hold them: one for names, one for values, never the same key.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::envelope::{self, OpenError, Parsed, Scope, SealError};
use crate::id::{Id, KeyId};
use crate::random::Random;
use crate::secret::{SecretBytes, SecretKey};

/// What a key is for. Sealed: there are [`Names`] and [`Values`], and no third.
pub trait Purpose: purpose::Sealed + Send + Sync + 'static {
    /// As it stands in associated data, derivations and key files.
    const LABEL: &'static str;
}

/// The ring of names: everything in the key database.
#[derive(Debug, Clone, Copy)]
pub enum Names {}

/// The ring of values: everything in the value store.
#[derive(Debug, Clone, Copy)]
pub enum Values {}

impl Purpose for Names {
    const LABEL: &'static str = "names";
}

impl Purpose for Values {
    const LABEL: &'static str = "values";
}

mod purpose {
    use crate::padding::Padding;

    pub trait Sealed {
        #[expect(
            private_interfaces,
            reason = "the module is private, so nobody outside can name this trait"
        )]
        const PADDING: Padding;
    }

    impl Sealed for super::Names {
        #[expect(private_interfaces, reason = "as above")]
        const PADDING: Padding = Padding::Blocks;
    }

    impl Sealed for super::Values {
        #[expect(private_interfaces, reason = "as above")]
        const PADDING: Padding = Padding::Powers;
    }
}

/// Where a ciphertext belongs. It opens at exactly these coordinates and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinates {
    /// The installation: made at the first start, moves along with a backup.
    pub installation: Id,
    /// The environment (one per VaultSecret).
    pub environment: Id,
    /// The environment's revision.
    pub revision: u64,
    /// The entry within the environment.
    pub entry: Id,
}

/// A 256-bit key under which messages keys are derived, with its id. Zeroized when dropped.
pub struct MasterKey<P: Purpose> {
    id: KeyId,
    key: SecretKey,
    purpose: PhantomData<fn() -> P>,
}

impl<P: Purpose> MasterKey<P> {
    /// Draws a new key and a new id.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn make() -> Result<Self, Random> {
        Ok(Self::new(KeyId::make()?, SecretKey::make()?))
    }

    /// Its id.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) const fn new(id: KeyId, key: SecretKey) -> Self {
        Self {
            id,
            key,
            purpose: PhantomData,
        }
    }

    pub(crate) const fn key(&self) -> &SecretKey {
        &self.key
    }
}

impl<P: Purpose> fmt::Debug for MasterKey<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey<{}>({})", P::LABEL, self.id)
    }
}

/// The master keys of one purpose: one that seals, and any number that still open.
///
/// Keys are shared, so that the next ring can be made of the keys of the one before without unwrapping them again. A
/// key is zeroized when the last ring that has it is dropped.
pub struct KeyRing<P: Purpose> {
    active: Arc<MasterKey<P>>,
    older: Vec<Arc<MasterKey<P>>>,
}

impl<P: Purpose> KeyRing<P> {
    /// A ring that seals and opens with `active`.
    pub fn new(active: impl Into<Arc<MasterKey<P>>>) -> Self {
        Self {
            active: active.into(),
            older: Vec::new(),
        }
    }

    /// Adds a key that only opens.
    pub fn add(&mut self, older: impl Into<Arc<MasterKey<P>>>) {
        self.older.push(older.into());
    }

    /// The key with this id, to be in another ring as well.
    pub fn key(&self, id: KeyId) -> Option<&Arc<MasterKey<P>>> {
        self.keys().find(|key| key.id == id)
    }

    /// The id of the key that seals.
    pub fn active(&self) -> KeyId {
        self.active.id
    }

    /// The ids of all keys, the active one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.keys().map(|key| key.id)
    }

    /// Encrypts `plaintext` for the place `at`, under a fresh key derived from the active one.
    ///
    /// Names are padded to multiples of 64 bytes, values to powers of two from 64 (length field included); the
    /// envelope is 89 bytes longer than that.
    ///
    /// # Errors
    /// [`SealError::TooLarge`] beyond [`crate::LIMIT`] bytes.
    pub fn seal(&self, at: &Coordinates, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        at.scoped::<P, _>(|scope| envelope::seal(&self.active.key, self.active.id, scope, plaintext))
    }

    /// Decrypts an envelope that belongs at `at`, with the key that it names.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, at: &Coordinates, envelope: &[u8]) -> Result<SecretBytes, OpenError> {
        let parsed = Parsed::parse(envelope)?;
        let master = self
            .key(parsed.key_id)
            .ok_or(OpenError::UnknownKey(parsed.key_id))?;
        at.scoped::<P, _>(|scope| parsed.open(&master.key, scope))
    }

    fn keys(&self) -> impl Iterator<Item = &Arc<MasterKey<P>>> {
        std::iter::once(&self.active).chain(&self.older)
    }
}

impl<P: Purpose> fmt::Debug for KeyRing<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

impl Coordinates {
    fn scoped<P: Purpose, T>(&self, with: impl FnOnce(&Scope<'_>) -> T) -> T {
        with(&Scope {
            format: "splitvault/entry/v1",
            purpose: P::LABEL,
            coordinates: &[
                self.installation.as_bytes(),
                self.environment.as_bytes(),
                &self.revision.to_be_bytes(),
                self.entry.as_bytes(),
            ],
            padding: P::PADDING,
        })
    }
}
