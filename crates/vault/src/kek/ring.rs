//! The providers of one ring, and of both.

use std::sync::Arc;

use splitvault_crypto::{FileKek, Id, KeyId, MasterKey, Names, Purpose, SecretBytes, Values, envelope_key};

use super::{Kek, KekFault, file};

/// The key-encryption keys of both rings. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keks {
    /// Wraps the master keys of names, and what belongs to neither ring alone.
    pub names: RingKek<Names>,
    /// Wraps the master keys of values.
    pub values: RingKek<Values>,
}

/// The providers of one ring: one that wraps, and former ones that still unwrap.
#[derive(Debug)]
pub struct RingKek<P: Purpose> {
    current: Arc<dyn Kek<P>>,
    former: Vec<Arc<dyn Kek<P>>>,
}

impl<P: Purpose> RingKek<P> {
    /// A ring whose keys this provider wraps.
    pub fn new(current: Arc<dyn Kek<P>>) -> Self {
        Self {
            current,
            former: Vec::new(),
        }
    }

    /// Adds a provider that only unwraps.
    #[must_use]
    pub fn and_former(mut self, former: Arc<dyn Kek<P>>) -> Self {
        self.former.push(former);
        self
    }

    /// The provider that wraps.
    pub fn current(&self) -> &dyn Kek<P> {
        &*self.current
    }

    /// Decrypts the master key with this id, by whichever provider made it.
    ///
    /// # Errors
    /// See [`KekFault`].
    pub async fn unwrap(
        &self,
        installation: Id,
        id: KeyId,
        wrapped: &[u8],
    ) -> Result<MasterKey<P>, KekFault> {
        self.maker(wrapped)?.unwrap(installation, id, wrapped).await
    }

    /// Decrypts what [`Kek::seal_bytes`] made, by whichever provider made it.
    ///
    /// # Errors
    /// See [`KekFault`].
    pub async fn open_bytes(
        &self,
        installation: Id,
        label: &str,
        sealed: &[u8],
    ) -> Result<SecretBytes, KekFault> {
        self.maker(sealed)?.open_bytes(installation, label, sealed).await
    }

    /// Whether nothing would change if it were wrapped again.
    ///
    /// # Errors
    /// See [`KekFault`].
    pub async fn is_current(&self, wrapped: &[u8]) -> Result<bool, KekFault> {
        if !self.current.made(wrapped) {
            return Ok(false);
        }
        self.current.is_current(wrapped).await
    }

    fn maker(&self, wrapped: &[u8]) -> Result<&dyn Kek<P>, KekFault> {
        let mut all = std::iter::once(&self.current).chain(&self.former);
        let maker = all.find(|kek| kek.made(wrapped));
        maker.map(|kek| &**kek).ok_or_else(|| KekFault::Unknown {
            needed: envelope_key(wrapped).map_or_else(|| "another provider".to_owned(), file),
        })
    }
}

impl<P: Purpose> Clone for RingKek<P> {
    fn clone(&self) -> Self {
        Self {
            current: Arc::clone(&self.current),
            former: self.former.clone(),
        }
    }
}

impl<P: Purpose> From<FileKek<P>> for RingKek<P> {
    fn from(file: FileKek<P>) -> Self {
        Self::new(Arc::new(file))
    }
}
