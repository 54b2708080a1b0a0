//! [`Kek`] over a plugin: a one-time key for each wrap, encrypted by the KMS.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use splitvault_crypto::{
    FileKek, Id, KeyId, MasterKey, OneTimeKey, OpenError, Purpose, SealError, SecretBytes,
};
use splitvault_vault::{Kek, KekFault};

use crate::answer::KeyName;
use crate::blob::{self, Blob};
use crate::fault::Fault;
use crate::provider::Provider;

/// Wraps the keys of one ring by a KMS plugin. Two rings may share a [`Provider`]; what one wraps does not open for
/// the other.
pub struct KmsKek<P: Purpose> {
    provider: Arc<Provider>,
    ring: PhantomData<fn() -> P>,
}

impl<P: Purpose> KmsKek<P> {
    /// The plugin as the wrapper of this ring's keys.
    pub const fn new(provider: Arc<Provider>) -> Self {
        Self {
            provider,
            ring: PhantomData,
        }
    }

    async fn seal(
        &self,
        seal: impl FnOnce(&FileKek<P>) -> Result<Vec<u8>, SealError> + Send,
    ) -> Result<Vec<u8>, KekFault> {
        let one_time = OneTimeKey::make().map_err(|_| KekFault::Random)?;
        let encrypted = self.provider.encrypt(&one_time).await;
        let encrypted = encrypted.map_err(|fault| self.fault(&fault))?;
        let mut blob = blob::header(self.provider.address().name(), &encrypted);
        let envelope = seal(&one_time.kek(&blob))?;
        blob.extend_from_slice(&envelope);
        Ok(blob)
    }

    async fn open<T>(
        &self,
        blob: &[u8],
        open: impl FnOnce(&FileKek<P>, &[u8]) -> Result<T, OpenError> + Send,
    ) -> Result<T, KekFault> {
        let blob = self.parse(blob)?;
        let one_time = self.provider.decrypt(&blob.encrypted).await;
        let one_time = one_time.map_err(|fault| self.fault(&fault))?;
        // An unknown key here is no missing key: the header is not the one that this was wrapped with.
        open(&one_time.kek(blob.header), blob.envelope).map_err(|_| KekFault::Refused)
    }

    fn parse<'a>(&self, blob: &'a [u8]) -> Result<Blob<'a>, KekFault> {
        let blob = Blob::parse(blob).ok_or(KekFault::Refused)?;
        if blob.provider == self.provider.address().name().as_str() {
            return Ok(blob);
        }
        Err(KekFault::Unknown {
            needed: describe(blob.provider, Some(&blob.encrypted.key)),
        })
    }

    fn fault(&self, fault: &Fault) -> KekFault {
        let address = self.provider.address();
        let why = || format!("the KMS plugin of {}, {address}: {fault}", P::LABEL);
        match fault {
            fault if fault.is_refusal() => KekFault::Refused,
            Fault::Connect(_)
            | Fault::TimedOut(_)
            | Fault::Unhealthy { .. }
            | Fault::Unsteady { .. }
            | Fault::Failed { .. } => KekFault::Unavailable { why: why() },
            Fault::Version { .. }
            | Fault::VersionChanged
            | Fault::KeyName { .. }
            | Fault::Answer
            | Fault::Mismatch { .. } => KekFault::Protocol { why: why() },
        }
    }
}

#[async_trait]
impl<P: Purpose> Kek<P> for KmsKek<P> {
    async fn wrap(&self, installation: Id, key: &MasterKey<P>) -> Result<Vec<u8>, KekFault> {
        self.seal(|kek| kek.wrap(installation, key)).await
    }

    async fn unwrap(&self, installation: Id, id: KeyId, wrapped: &[u8]) -> Result<MasterKey<P>, KekFault> {
        self.open(wrapped, |kek, wrapped| kek.unwrap(installation, id, wrapped))
            .await
    }

    async fn seal_bytes(&self, installation: Id, label: &str, secret: &[u8]) -> Result<Vec<u8>, KekFault> {
        self.seal(|kek| kek.seal_bytes(installation, label, secret)).await
    }

    async fn open_bytes(
        &self,
        installation: Id,
        label: &str,
        sealed: &[u8],
    ) -> Result<SecretBytes, KekFault> {
        self.open(sealed, |kek, sealed| kek.open_bytes(installation, label, sealed))
            .await
    }

    fn made(&self, wrapped: &[u8]) -> bool {
        self.parse(wrapped).is_ok()
    }

    async fn is_current(&self, wrapped: &[u8]) -> Result<bool, KekFault> {
        let blob = self.parse(wrapped)?;
        let key = self.provider.key().await.map_err(|fault| self.fault(&fault))?;
        Ok(blob.encrypted.key == key)
    }

    fn describe(&self) -> String {
        let health = self.provider.health();
        let key = health.borrow().key.clone();
        describe(self.provider.address().name().as_str(), key.as_ref())
    }
}

impl<P: Purpose> fmt::Debug for KmsKek<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KmsKek<{}>({})", P::LABEL, self.provider.address())
    }
}

/// `kms/NAME/HASH`; the hash in 16 digits, as the file provider's ids have.
fn describe(provider: &str, key: Option<&KeyName>) -> String {
    let hash = key.map(KeyName::hash);
    let digits = hash
        .as_deref()
        .and_then(|hash| hash.get("sha256:".len()..)?.get(..16));
    format!("kms/{provider}/{}", digits.unwrap_or("unknown"))
}
