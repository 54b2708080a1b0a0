//! From a delivery to the bytes of the files. No I/O.

mod dotenv;
mod json;
mod set;
mod yaml;

use std::collections::HashMap;

use splitvault_crypto::SecretBytes;
use splitvault_wire::pod::{ENV_BIN, KUBELET_ENV};
use splitvault_wire::{Delivery, Environment, Problem, ProblemKind, Variable};

use crate::format::Format;
use crate::settings::Modes;

pub use set::Member;

/// What is written under one name.
pub enum Content {
    /// A file.
    File(SecretBytes),
    /// A directory with these files and no others.
    Set(Vec<Member>),
}

/// The files of a delivery, besides the gate.
pub struct Rendered {
    /// Name and content of each.
    pub files: Vec<(String, Content)>,
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
         set splitvault.dev/format to json, yaml or files, or splitvault.dev/mode to env"
    )]
    Value {
        /// The VaultSecret.
        vault_secret: String,
    },
    /// A variable whose name cannot be that of a file. The name is not told, as it may be hidden.
    #[error(
        "VaultSecret {vault_secret} has a variable whose name cannot be a file's (it has a slash, begins with two dots, \
         or has more than 255 bytes): rename it, or set splitvault.dev/format to json or yaml"
    )]
    FileName {
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
            Self::FileName { vault_secret } => (ProblemKind::NameNotForFile, Some(vault_secret)),
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
pub fn render(delivery: &Delivery, modes: &Modes) -> Result<Rendered, RenderError> {
    let environments = effective(delivery);
    let mut rendered = Rendered {
        files: Vec::new(),
        warnings: Vec::new(),
    };
    if modes.exec {
        rendered.add(ENV_BIN, Content::File(exec(&environments)?));
    }
    if let Some(file) = &modes.file {
        let content = match file.format {
            Format::Dotenv => {
                let (content, warning) = dotenv::file(&environments)?;
                rendered.warnings.extend(warning);
                Content::File(content)
            }
            Format::Json => Content::File(json::write(&environments)),
            Format::Yaml => Content::File(yaml::write(&environments)),
            Format::Files => Content::Set(set::write(&environments)?),
        };
        rendered.add(&file.name, content);
    }
    if modes.kubelet {
        rendered.add(KUBELET_ENV, Content::File(dotenv::kubelet(&environments)?));
    }
    Ok(rendered)
}

impl Rendered {
    fn add(&mut self, name: &str, content: Content) {
        self.files.push((name.to_owned(), content));
    }
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
