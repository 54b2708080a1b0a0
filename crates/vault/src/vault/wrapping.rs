//! Wrapping anew: keys move to another key-encryption key, or to another provider, without a row being touched.

use std::time::SystemTime;

use splitvault_crypto::{Id, KeyId, Purpose, SecretBytes};

use super::replica::millis;
use super::rings::refused;
use super::{Vault, first};
use crate::error::RotationError;
use crate::kek::{KekFault, RingKek};
use crate::keys::{Cause, Deed, Ring, Step, WrappedKey};

impl Vault {
    /// Wraps every key anew that is not under its provider's current key, and answers how many there were. Each is one
    /// transaction; safe to repeat after a failure.
    ///
    /// # Errors
    /// See [`RotationError`]; only the leader may.
    pub async fn rewrap(&self, now: SystemTime) -> Result<usize, RotationError> {
        let mut done = 0;
        for id in self
            .root()
            .await?
            .keys
            .iter()
            .map(|key| key.id)
            .collect::<Vec<_>>()
        {
            // Read anew each time: each change moves the log on.
            let root = self.root().await?;
            let key = root.keys.iter().find(|key| key.id == id);
            let Some((key, wrapped)) = key.and_then(|key| Some((key, key.wrapped.as_deref()?))) else {
                continue;
            };
            let fresh = self.wrapped_anew(key, wrapped).await;
            let Some(fresh) = fresh.map_err(refused(key.ring, || "another key".to_owned()))? else {
                continue;
            };
            let steps = vec![Step::Rewrap {
                id,
                from: wrapped.to_owned(),
                to: fresh,
            }];
            let events = vec![(key.ring, id, Deed::Rewrapped, Cause::Requested)];
            self.change(&root, millis(now), steps, events).await?;
            done += 1;
        }
        if done > 0 {
            // The old wrapping is to be gone from the files as well.
            self.keys.checkpoint().await?;
        }
        Ok(done)
    }

    /// How many keys are not wrapped under their provider's current key.
    ///
    /// # Errors
    /// See [`RotationError`].
    pub async fn wrapped_under_former(&self) -> Result<usize, RotationError> {
        let (root, mut count) = (self.root().await?, 0);
        for key in &root.keys {
            let Some(wrapped) = key.wrapped.as_deref() else {
                continue;
            };
            let current = self.is_current(key, wrapped).await;
            let current = current.map_err(refused(key.ring, || "another key".to_owned()))?;
            count += usize::from(!current);
        }
        Ok(count)
    }

    /// The same key under the current key-encryption key; `None` when it is that already.
    async fn wrapped_anew(&self, key: &WrappedKey, wrapped: &[u8]) -> Result<Option<Vec<u8>>, KekFault> {
        if self.is_current(key, wrapped).await? {
            return Ok(None);
        }
        let (here, keks) = (self.installation, &self.keks);
        let fresh = match key.ring {
            Ring::Names => rewrapped(&keks.names, here, key.id, wrapped).await?,
            Ring::Values => rewrapped(&keks.values, here, key.id, wrapped).await?,
            Ring::Sealing => {
                let label = first::sealing_label(key.id);
                let secret = first::open_under_both(keks, here, &label, wrapped).await?;
                first::seal_under_both(keks, here, &label, &secret).await?
            }
            Ring::Mac => {
                let label = first::mac_label(key.id);
                let secret: SecretBytes = keks.names.open_bytes(here, &label, wrapped).await?;
                // EXPOSE: into the cipher.
                let names = keks.names.current();
                names.seal_bytes(here, &label, secret.expose()).await?
            }
        };
        Ok(Some(fresh))
    }

    async fn is_current(&self, key: &WrappedKey, wrapped: &[u8]) -> Result<bool, KekFault> {
        let keks = &self.keks;
        match key.ring {
            Ring::Names | Ring::Mac => keks.names.is_current(wrapped).await,
            Ring::Values => keks.values.is_current(wrapped).await,
            Ring::Sealing => {
                if !keks.names.is_current(wrapped).await? {
                    return Ok(false);
                }
                let label = first::sealing_label(key.id);
                let inner = keks.names.open_bytes(self.installation, &label, wrapped).await?;
                // EXPOSE: still encrypted, under the other key-encryption key.
                keks.values.is_current(inner.expose()).await
            }
        }
    }
}

async fn rewrapped<P: Purpose>(
    kek: &RingKek<P>,
    installation: Id,
    id: KeyId,
    wrapped: &[u8],
) -> Result<Vec<u8>, KekFault> {
    let key = kek.unwrap(installation, id, wrapped).await?;
    kek.current().wrap(installation, &key).await
}
