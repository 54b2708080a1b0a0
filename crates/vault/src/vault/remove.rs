//! Removal, history included. What cannot be read can still be removed.

use super::{ATTEMPTS, Vault};
use crate::error::WriteError;
use crate::keys::KeyStoreError;

impl Vault {
    /// Removes an object's environment from both databases, and answers whether there was one. Safe to repeat.
    ///
    /// # Errors
    /// See [`WriteError`]. When only the value store does not answer, the environment is gone all the same: its values
    /// are claimed by nothing, and a sweep removes them.
    pub async fn remove(&self, uid: &str) -> Result<bool, WriteError> {
        for _ in 0..ATTEMPTS {
            let Some(head) = self.keys.standing(uid).await?.head else {
                self.suspects.clear(uid);
                return Ok(false);
            };
            let rings = self.rings.load_full();
            let place = self.place(head.environment);
            let mut tokens = Vec::new();
            for revision in self.keys.revisions(head.environment).await? {
                tokens.extend(self.claimed(&rings, place, revision).await?);
            }
            match self.keys.remove(head.environment, head.writes).await {
                Ok(()) => {
                    self.suspects.clear(uid);
                    self.forget(&tokens).await;
                    return Ok(true);
                }
                Err(KeyStoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(KeyStoreError::Conflict.into())
    }
}
