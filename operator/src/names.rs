//! The names of variables, for the webhook: read from the key database alone, and only of VaultSecrets that expose them.

use std::sync::Arc;

use async_trait::async_trait;
use splitvault_vault::Vault;

use crate::webhook::{ExposedNames, Unavailable};

/// Names out of the vault.
pub struct VaultNames(pub Arc<Vault>);

#[async_trait]
impl ExposedNames for VaultNames {
    async fn names(&self, uid: &str) -> Result<Option<(u64, Vec<String>)>, Unavailable> {
        let found = self.0.names(uid).await.map_err(|error| {
            tracing::warn!("cannot read names for an admission: {error}");
            Unavailable
        })?;
        Ok(found.map(|(revision, names)| {
            let names = names.iter().map(|name| name.as_str().to_owned());
            (revision, names.collect())
        }))
    }
}
