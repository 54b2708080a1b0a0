//! Key-encryption keys: who wraps the keys of a ring at rest. Here live the trait and its file provider; a provider
//! that has to be asked (KMS) lives in a crate of its own.
//!
//! A ring has one provider that wraps, and any number of former ones that still unwrap, so that keys can move from one
//! to another. A wrapped key says itself who made it: its first byte is 1 for an envelope of [`FileKek`].

mod error;
mod ring;

use std::fmt;

use async_trait::async_trait;
use splitvault_crypto::{FileKek, Id, KeyId, MasterKey, Purpose, SecretBytes, envelope_key};

pub use error::KekFault;
pub use ring::{Keks, RingKek};

/// Wraps the keys of one ring at rest.
///
/// Whatever it makes opens only for the same installation, under the same key id or label, and by the same ring's
/// provider.
#[async_trait]
pub trait Kek<P: Purpose>: fmt::Debug + Send + Sync + 'static {
    /// Encrypts a master key for keeping.
    ///
    /// # Errors
    /// See [`KekFault`].
    async fn wrap(&self, installation: Id, key: &MasterKey<P>) -> Result<Vec<u8>, KekFault>;

    /// Decrypts the master key with this id.
    ///
    /// # Errors
    /// See [`KekFault`].
    async fn unwrap(&self, installation: Id, id: KeyId, wrapped: &[u8]) -> Result<MasterKey<P>, KekFault>;

    /// Encrypts another secret for keeping; `label` says which.
    ///
    /// # Errors
    /// See [`KekFault`].
    async fn seal_bytes(&self, installation: Id, label: &str, secret: &[u8]) -> Result<Vec<u8>, KekFault>;

    /// Decrypts what [`Self::seal_bytes`] made for the same installation and label.
    ///
    /// # Errors
    /// See [`KekFault`].
    async fn open_bytes(&self, installation: Id, label: &str, sealed: &[u8])
    -> Result<SecretBytes, KekFault>;

    /// Whether this provider made it, under whichever of its keys.
    fn made(&self, wrapped: &[u8]) -> bool;

    /// Whether it is encrypted under the key that the provider encrypts with now.
    ///
    /// # Errors
    /// See [`KekFault`].
    async fn is_current(&self, wrapped: &[u8]) -> Result<bool, KekFault>;

    /// Which provider and which key, for people; the form is `file/0011223344556677`.
    fn describe(&self) -> String;
}

#[async_trait]
impl<P: Purpose> Kek<P> for FileKek<P> {
    async fn wrap(&self, installation: Id, key: &MasterKey<P>) -> Result<Vec<u8>, KekFault> {
        Ok(Self::wrap(self, installation, key)?)
    }

    async fn unwrap(&self, installation: Id, id: KeyId, wrapped: &[u8]) -> Result<MasterKey<P>, KekFault> {
        Ok(Self::unwrap(self, installation, id, wrapped)?)
    }

    async fn seal_bytes(&self, installation: Id, label: &str, secret: &[u8]) -> Result<Vec<u8>, KekFault> {
        Ok(Self::seal_bytes(self, installation, label, secret)?)
    }

    async fn open_bytes(
        &self,
        installation: Id,
        label: &str,
        sealed: &[u8],
    ) -> Result<SecretBytes, KekFault> {
        Ok(Self::open_bytes(self, installation, label, sealed)?)
    }

    fn made(&self, wrapped: &[u8]) -> bool {
        envelope_key(wrapped) == Some(self.id())
    }

    async fn is_current(&self, wrapped: &[u8]) -> Result<bool, KekFault> {
        Ok(Kek::made(self, wrapped))
    }

    fn describe(&self) -> String {
        file(self.id())
    }
}

/// How a file provider's key is told to people.
fn file(id: KeyId) -> String {
    format!("file/{id}")
}
