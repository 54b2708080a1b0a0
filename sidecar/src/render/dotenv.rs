//! The two dialects of `.env`: for applications, and for kubelet.

use splitvault_crypto::{SecretBytes, SecretString};
use splitvault_dotenv::{Dialect, Dotenv, Name, write};
use splitvault_wire::Variable;

use super::{Effective, RenderError};

/// What kubelet reads of a file, in bytes (KEP-3721).
const KUBELET_LIMIT: usize = 64 * 1024;

/// A `.env` file that every reader understands alike, or, where no such spelling exists, npm dotenv.
pub(super) fn file(environments: &[Effective<'_>]) -> Result<(SecretBytes, Option<String>), RenderError> {
    let mut parts = Vec::with_capacity(environments.len());
    let mut narrow = Vec::new();
    for environment in environments {
        let dotenv = environment.dotenv()?;
        let part = write(&dotenv, Dialect::General).or_else(|_| {
            narrow.push(environment.vault_secret);
            write(&dotenv, Dialect::Npm)
        });
        parts.push(part.map_err(|_| environment.value())?);
    }
    let warning = (!narrow.is_empty()).then(|| {
        let names = narrow.join(", ");
        format!(
            "{names}: not every .env reader can read one of the values; written for npm dotenv and its equals"
        )
    });
    Ok((concatenate(&parts), warning))
}

/// Kubelet's own format, which cannot hold everything: the pod then waits rather than start without a variable.
pub(super) fn kubelet(environments: &[Effective<'_>]) -> Result<SecretBytes, RenderError> {
    let mut parts = Vec::with_capacity(environments.len());
    for environment in environments {
        let part = write(&environment.dotenv()?, Dialect::Kubelet);
        parts.push(part.map_err(|error| RenderError::Kubelet {
            vault_secret: environment.vault_secret.to_owned(),
            name: error.name.as_str().to_owned(),
        })?);
    }
    let content = concatenate(&parts);
    if content.len() > KUBELET_LIMIT {
        return Err(RenderError::KubeletLimit);
    }
    Ok(content)
}

impl Effective<'_> {
    fn dotenv(&self) -> Result<Dotenv, RenderError> {
        let vault_secret = || self.vault_secret.to_owned();
        let copy = |variable: &&Variable| {
            let name = Name::parse(variable.name.expose()).map_err(|_| RenderError::Name {
                vault_secret: vault_secret(),
            })?;
            Ok(splitvault_dotenv::Variable {
                name,
                value: SecretString::copy_of(variable.value.expose()),
                comment: None,
            })
        };
        let variables = self.variables.iter().map(copy).collect::<Result<Vec<_>, _>>()?;
        Dotenv::from_variables(variables).map_err(|_| RenderError::Limits {
            vault_secret: vault_secret(),
        })
    }

    fn value(&self) -> RenderError {
        RenderError::Value {
            vault_secret: self.vault_secret.to_owned(),
        }
    }
}

fn concatenate(parts: &[SecretString]) -> SecretBytes {
    let mut content = Vec::with_capacity(parts.iter().map(SecretString::len).sum());
    for part in parts {
        // EXPOSE: written to tmpfs next.
        content.extend_from_slice(part.expose().as_bytes());
    }
    content.into()
}
