//! From a delivery to the bytes of the files. No I/O.

use std::collections::HashMap;

use splitvault_crypto::{SecretBytes, SecretString};
use splitvault_dotenv::{Dialect, Dotenv, Name, write};
use splitvault_wire::pod::{ENV_BIN, ENV_FILE, KUBELET_ENV};
use splitvault_wire::{Delivery, Environment, Problem, ProblemKind, Variable};

use crate::settings::Modes;

/// What kubelet reads of a file, in bytes (KEP-3721).
const KUBELET_LIMIT: usize = 64 * 1024;

/// The files of a delivery, besides the gate.
pub struct Rendered {
    /// Name and content of each.
    pub files: Vec<(&'static str, SecretBytes)>,
    /// What a person should know, without a value; without a name too, unless it stands in the pod's spec.
    pub warnings: Vec<String>,
}

/// A delivery cannot be written as the pod asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Something that is no name of a variable.
    #[error("VaultSecret {vault_secret} has a variable whose name cannot be used")]
    Name {
        /// The VaultSecret.
        vault_secret: String,
    },
    /// More variables, or longer ones, than a `.env` file may have.
    #[error("VaultSecret {vault_secret} has more variables, or longer ones, than a .env file may have")]
    Limits {
        /// The VaultSecret.
        vault_secret: String,
    },
    /// A value that no quotes of a `.env` file can hold.
    #[error(
        "VaultSecret {vault_secret} has a value that a .env file cannot hold: \
         set splitvault.dev/mode: env, which hands over every value"
    )]
    Value {
        /// The VaultSecret.
        vault_secret: String,
    },
    /// A value that kubelet's environment files cannot hold. This way is only for names that stand in the pod's spec.
    #[error(
        "kubelet cannot set {name} of VaultSecret {vault_secret}: its value has a single quote or CRLF. Change it; \
         or make the pod again with an explicit command, or with splitvault.dev/mode: file"
    )]
    Kubelet {
        /// The VaultSecret.
        vault_secret: String,
        /// The variable.
        name: String,
    },
    /// More than kubelet reads of a file.
    #[error(
        "kubelet reads 64 KiB of variables, and the pod's VaultSecrets have more: take splitvault.dev/mode: file, \
         or spec.exposeNames: false and an explicit command"
    )]
    KubeletLimit,
}

impl RenderError {
    /// What the operator is told: nothing secret.
    pub(crate) fn problem(&self) -> Problem {
        let (kind, vault_secret) = match self {
            Self::Name { vault_secret } => (ProblemKind::UnusableName, Some(vault_secret)),
            Self::Limits { vault_secret } => (ProblemKind::TooManyVariables, Some(vault_secret)),
            Self::Value { vault_secret } => (ProblemKind::ValueNotForFile, Some(vault_secret)),
            Self::Kubelet { vault_secret, .. } => (ProblemKind::ValueNotForKubelet, Some(vault_secret)),
            Self::KubeletLimit => (ProblemKind::TooLongForKubelet, None),
        };
        Problem {
            vault_secret: vault_secret.cloned(),
            kind,
        }
    }
}

/// Writes the files that these modes ask for.
///
/// # Errors
/// [`RenderError`]; all files are there or none.
pub fn render(delivery: &Delivery, modes: Modes) -> Result<Rendered, RenderError> {
    let environments = effective(delivery);
    let mut rendered = Rendered {
        files: Vec::new(),
        warnings: Vec::new(),
    };
    if modes.exec {
        rendered.files.push((ENV_BIN, exec(&environments)?));
    }
    if modes.file {
        let (content, warning) = file(&environments)?;
        rendered.files.push((ENV_FILE, content));
        rendered.warnings.extend(warning);
    }
    if modes.kubelet {
        rendered.files.push((KUBELET_ENV, kubelet(&environments)?));
    }
    Ok(rendered)
}

/// The variables of one VaultSecret that no later one sets anew.
struct Effective<'a> {
    vault_secret: &'a str,
    variables: Vec<&'a Variable>,
}

fn effective(delivery: &Delivery) -> Vec<Effective<'_>> {
    let all = delivery
        .environments
        .iter()
        .flat_map(|environment| &environment.variables);
    // EXPOSE: names are compared here; the map holds pointers only.
    let last: HashMap<&str, *const Variable> = all
        .map(|variable| (variable.name.expose(), std::ptr::from_ref(variable)))
        .collect();
    let wins = |variable: &&Variable| last[variable.name.expose()] == std::ptr::from_ref(*variable);
    let of = |environment| {
        let Environment { name, variables, .. }: &Environment = environment;
        Effective {
            vault_secret: name,
            variables: variables.iter().filter(wins).collect(),
        }
    };
    delivery.environments.iter().map(of).collect()
}

/// `NAME=VALUE`, each ended by NUL.
fn exec(environments: &[Effective<'_>]) -> Result<SecretBytes, RenderError> {
    let length = |variable: &&Variable| variable.name.len() + variable.value.len() + 2;
    let lengths = environments
        .iter()
        .flat_map(|environment| &environment.variables)
        .map(length);
    let mut content = Vec::with_capacity(lengths.sum());
    for Effective {
        vault_secret,
        variables,
    } in environments
    {
        for variable in variables {
            // EXPOSE: written to tmpfs, from where `exec` takes it.
            let (name, value) = (variable.name.expose(), variable.value.expose());
            if name.is_empty() || name.contains('=') {
                return Err(RenderError::Name {
                    vault_secret: (*vault_secret).to_owned(),
                });
            }
            for part in [name, "=", value, "\0"] {
                content.extend_from_slice(part.as_bytes());
            }
        }
    }
    Ok(content.into())
}

/// A `.env` file that every reader understands alike, or, where no such spelling exists, npm dotenv.
fn file(environments: &[Effective<'_>]) -> Result<(SecretBytes, Option<String>), RenderError> {
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
fn kubelet(environments: &[Effective<'_>]) -> Result<SecretBytes, RenderError> {
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
