//! The names of variables, for the webhook: read from the key database alone, and only of VaultSecrets that expose them.

use std::sync::Arc;

use async_trait::async_trait;
use splitvault_vault::{Form, Named, Vault};

use crate::inject::{Exposed, Names};
use crate::webhook::{ExposedNames, Unavailable};

/// Names out of the vault.
pub struct VaultNames(pub Arc<Vault>);

#[async_trait]
impl ExposedNames for VaultNames {
    async fn names(&self, uid: &str) -> Result<Option<Names>, Unavailable> {
        let found = self.0.outline(uid).await.map_err(|error| {
            tracing::warn!("cannot read names for an admission: {error}");
            Unavailable
        })?;
        Ok(found.map(|(_, variables)| exposed(&variables)))
    }
}

fn exposed(variables: &[Named]) -> Names {
    let exposed = |variable: &Named| Exposed {
        name: variable.name.as_str().to_owned(),
        empty: variable.form == Form::Empty,
        unwritable: variable.form == Form::Unwritable,
    };
    Names::Exposed(variables.iter().map(exposed).collect())
}
