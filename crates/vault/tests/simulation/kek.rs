//! A provider of key-encryption keys that is away for one replica and there for the others.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use splitvault_crypto::{FileKek, Id, KeyId, MasterKey, Purpose, SecretBytes};
use splitvault_vault::{Kek, KekFault, Keks, RingKek};

/// The key files of an installation.
pub(crate) struct Files {
    names: SecretBytes,
    values: SecretBytes,
}

struct Provider<P: Purpose> {
    file: FileKek<P>,
    away: Arc<AtomicBool>,
}

impl Files {
    pub(crate) fn make() -> Self {
        let bytes = |text: &str| SecretBytes::copy_of(text.as_bytes());
        Self {
            names: bytes(
                FileKek::<splitvault_crypto::Names>::make()
                    .unwrap()
                    .to_text()
                    .expose(),
            ),
            values: bytes(
                FileKek::<splitvault_crypto::Values>::make()
                    .unwrap()
                    .to_text()
                    .expose(),
            ),
        }
    }

    /// Both providers, which are away while `away` is set.
    pub(crate) fn keks(&self, away: &Arc<AtomicBool>) -> Keks {
        Keks {
            names: provider(&self.names, away),
            values: provider(&self.values, away),
        }
    }
}

fn provider<P: Purpose>(file: &SecretBytes, away: &Arc<AtomicBool>) -> RingKek<P> {
    RingKek::new(Arc::new(Provider {
        file: FileKek::<P>::parse(file.expose()).unwrap(),
        away: Arc::clone(away),
    }))
}

impl<P: Purpose> fmt::Debug for Provider<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}

impl<P: Purpose> Provider<P> {
    fn reach(&self) -> Result<&FileKek<P>, KekFault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(KekFault::Unavailable { why: "away".into() });
        }
        Ok(&self.file)
    }
}

#[async_trait]
impl<P: Purpose> Kek<P> for Provider<P> {
    async fn wrap(&self, installation: Id, key: &MasterKey<P>) -> Result<Vec<u8>, KekFault> {
        Kek::wrap(self.reach()?, installation, key).await
    }

    async fn unwrap(&self, installation: Id, id: KeyId, wrapped: &[u8]) -> Result<MasterKey<P>, KekFault> {
        Kek::unwrap(self.reach()?, installation, id, wrapped).await
    }

    async fn seal_bytes(&self, installation: Id, label: &str, secret: &[u8]) -> Result<Vec<u8>, KekFault> {
        Kek::seal_bytes(self.reach()?, installation, label, secret).await
    }

    async fn open_bytes(
        &self,
        installation: Id,
        label: &str,
        sealed: &[u8],
    ) -> Result<SecretBytes, KekFault> {
        Kek::open_bytes(self.reach()?, installation, label, sealed).await
    }

    fn made(&self, wrapped: &[u8]) -> bool {
        self.file.made(wrapped)
    }

    async fn is_current(&self, wrapped: &[u8]) -> Result<bool, KekFault> {
        Kek::is_current(self.reach()?, wrapped).await
    }

    fn describe(&self) -> String {
        self.file.describe()
    }
}
