//! Making sure that nothing is under a key: by counting the envelopes themselves in both databases, and by reading a
//! random sample of environments again with what is there.

use splitvault_crypto::{Id, KeyId};

use super::Advance;
use crate::error::RotationError;
use crate::keys::Ring;
use crate::vault::{Batch, Vault};

/// Environments that are read again.
const SAMPLE: usize = 16;

impl Vault {
    /// `None` when nothing is under the key; else what was done about it.
    pub(super) async fn still_under(&self, ring: Ring, id: KeyId) -> Result<Option<Advance>, RotationError> {
        let rows = self.keys.count(ring, id).await?;
        if rows > 0 {
            return self.begin_again(id, rows).await;
        }
        if ring == Ring::Values {
            // What a crash left behind is under the old key, and nothing claims it.
            if self.values_under(id).await? > 0 {
                self.sweep().await?;
            }
            let values = self.values_under(id).await?;
            if values > 0 {
                return self.begin_again(id, values).await;
            }
        }
        Ok(None)
    }

    async fn values_under(&self, id: KeyId) -> Result<u64, RotationError> {
        let count = self.values.count(*id.as_bytes()).await;
        count.map_err(RotationError::Values)
    }

    /// The key database says that nothing is left, but there is: what it says of each revision is not relied on, and all
    /// are re-encrypted once more.
    async fn begin_again(&self, id: KeyId, count: u64) -> Result<Option<Advance>, RotationError> {
        tracing::warn!(key = %id, count, "something is still encrypted under a key that was thought empty");
        if self.keys.distrust().await? == 0 {
            return Err(RotationError::InUse { key: id, count });
        }
        Ok(Some(Advance::Resealed(Batch {
            overtaken: 1,
            ..Batch::default()
        })))
    }

    /// UIDs are random, so what follows a random one is a random one.
    pub(super) async fn read_sample(&self) -> Result<(), RotationError> {
        for _ in 0..SAMPLE {
            let random = Id::make()?.to_string();
            let page = self.keys.uids(Some(&random), 1).await?;
            let page = if page.is_empty() {
                self.keys.uids(None, 1).await?
            } else {
                page
            };
            let Some(uid) = page.first() else { return Ok(()) };
            if let Err(error) = self.read(uid).await {
                tracing::error!(
                    uid,
                    "an environment cannot be read, so no key is destroyed: {error}"
                );
                return Err(error.into());
            }
        }
        Ok(())
    }
}
