//! Where variables come from: what is found there, and what it amounts to. Plaintext is zeroized when dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use kube::Client;
use splitvault_api::{DesiredSource, Generate, SealedPayload};
use splitvault_crypto::sealing::{Context, KeyPair, UnsealError, sealed_key_id};
use splitvault_crypto::{SecretBytes, SecretString};
use splitvault_dotenv::{Dotenv, Name, ParseError, ParseErrorKind, ParseOptions, Variable, parse};
use splitvault_vault::Environment;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::generate::draw;
use crate::fault::Fault;
use crate::secret::{self, Version};
use crate::{kek, pki};

/// The operator's own Secrets: whoever may write a VaultSecret in its namespace must not have them read out.
const OWN: [&str; 3] = [kek::SECRET, pki::AUTHORITY_SECRET, pki::STORE_SECRET];

/// What was found where variables come from.
pub(super) enum Found {
    /// There is no source: all variables are generated.
    Nothing,
    /// A payload in the object itself.
    Sealed(SealedPayload),
    /// The content of a Secret.
    Secret(BTreeMap<String, SecretBytes>),
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Found")
    }
}

/// Whose source it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// Whether names of variables may be told in a condition.
    pub(super) exposes_names: bool,
}

/// Looks where variables come from.
///
/// # Errors
/// [`Failure`], as the object's condition will say it.
pub(super) async fn find(
    client: &Client,
    namespace: &str,
    source: Option<DesiredSource>,
    version: Version,
    grantee: &str,
) -> Result<Found, Failure> {
    let name = match source {
        None => return Ok(Found::Nothing),
        Some(DesiredSource::Sealed(payload)) => return Ok(Found::Sealed(payload)),
        Some(DesiredSource::SecretRef(name)) => name,
    };
    let own = grantee.split_once(':').is_some_and(|(own, _)| own == namespace);
    if own && OWN.contains(&&*name) {
        let text = format!("Secret {name} is Splitvault's own and is never imported: name another one");
        return Err(Failure::SourceInvalid(text));
    }
    match secret::read_version(client, namespace, &name, version).await {
        Ok(Some(secret)) => Ok(Found::Secret(secret.into_data())),
        Ok(None) => Err(Failure::SourceMissing { secret: name }),
        Err(Fault::Forbidden) => Err(Failure::SourceForbidden {
            namespace: namespace.to_owned(),
            secret: name,
            grantee: grantee.to_owned(),
        }),
        Err(fault) => Err(Failure::Cluster(fault)),
    }
}

impl Found {
    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Sealed(payload) => payload.bytes.len(),
            Self::Secret(data) => data.iter().map(|(key, value)| key.len() + value.len()).sum(),
        }
    }

    /// What identifies the source: the same bytes as long as it, and what is generated, stay the same.
    pub(super) fn identity(&self, generate: &[Generate]) -> Zeroizing<Vec<u8>> {
        let mut parts: Vec<&[u8]> = Vec::new();
        match self {
            Self::Nothing => parts.push(b"nothing"),
            Self::Sealed(payload) => parts.extend([&b"sealed"[..], &payload.bytes]),
            Self::Secret(data) => {
                parts.push(b"secret");
                // EXPOSE: the vault keeps only a keyed digest of this.
                parts.extend(
                    data.iter()
                        .flat_map(|(key, value)| [key.as_bytes(), value.expose()]),
                );
            }
        }
        parts.push(b"generate");
        parts.extend(generate.iter().map(|generate| generate.name.as_bytes()));
        let size = parts.iter().map(|part| part.len() + 8).sum();
        let mut identity = Zeroizing::new(Vec::with_capacity(size));
        for part in parts {
            identity.extend_from_slice(&(part.len() as u64).to_be_bytes());
            identity.extend_from_slice(part);
        }
        identity
    }

    /// The variables that the source has.
    ///
    /// # Errors
    /// [`Failure`], as the object's condition will say it.
    pub(super) fn open(self, owner: Owner<'_>, keys: &[Arc<KeyPair>]) -> Result<Dotenv, Failure> {
        match self {
            Self::Nothing => from_variables(Vec::new(), owner),
            Self::Sealed(payload) => unseal(&payload, owner, keys),
            Self::Secret(data) => import(data, owner),
        }
    }
}

fn unseal(payload: &SealedPayload, owner: Owner<'_>, keys: &[Arc<KeyPair>]) -> Result<Dotenv, Failure> {
    let unknown = || Failure::UnknownSealingKey {
        key: payload.key_id.clone(),
    };
    let damaged = "spec.source.sealed.payload is damaged: make it again with `splitvault seal`";
    let id = sealed_key_id(&payload.bytes).ok_or(Failure::SealedInvalid(damaged))?;
    let key = keys.iter().find(|key| key.id() == id).ok_or_else(unknown)?;
    let context = Context::Manifest {
        namespace: owner.namespace,
        name: owner.name,
    };
    let text = key.open(&context, &payload.bytes).map_err(|error| match error {
        UnsealError::Malformed => Failure::SealedInvalid(damaged),
        UnsealError::UnknownKey(_) => unknown(),
        UnsealError::Refused => Failure::SealedInvalid(
            "spec.source.sealed.payload does not open: it is damaged, or was sealed for another namespace or name",
        ),
    })?;
    // EXPOSE: parsed into single secrets.
    let parsed = parse(text.expose(), &ParseOptions::default());
    Ok(parsed.map_err(|error| refuse(error, owner))?.dotenv)
}

fn import(data: BTreeMap<String, SecretBytes>, owner: Owner<'_>) -> Result<Dotenv, Failure> {
    let variable = |(at, (key, value)): (usize, (String, SecretBytes))| {
        let which = if owner.exposes_names {
            key.clone()
        } else {
            format!("number {} in alphabetical order", at + 1)
        };
        let invalid = |why: &str| Failure::SourceInvalid(format!("key {which} of the Secret {why}"));
        let name = Name::parse(&key).ok().filter(|name| !name.is_dotted());
        Ok(Variable {
            name: name.ok_or_else(|| invalid("is no name of a variable: letters, digits and _ only"))?,
            value: SecretString::try_from(value).map_err(|_| invalid("has a value that is not UTF-8"))?,
            comment: None,
        })
    };
    let variables: Result<Vec<_>, Failure> = data.into_iter().enumerate().map(variable).collect();
    from_variables(variables?, owner)
}

fn from_variables(variables: Vec<Variable>, owner: Owner<'_>) -> Result<Dotenv, Failure> {
    Dotenv::from_variables(variables).map_err(|error| refuse(error, owner))
}

fn refuse(error: ParseError, owner: Owner<'_>) -> Failure {
    let large = matches!(
        error.kind,
        ParseErrorKind::TooManyEntries | ParseErrorKind::ValueTooLarge | ParseErrorKind::TooLarge
    );
    let error = if owner.exposes_names {
        error
    } else {
        error.without_name()
    };
    let text = format!("the source is refused: {error}");
    if large {
        Failure::TooLarge(text)
    } else {
        Failure::SourceInvalid(text)
    }
}

/// Adds what is to be generated: the value that was generated `before`, else a new one.
///
/// # Errors
/// [`Failure::SourceInvalid`] when the source has a variable of that name as well.
pub(super) fn generate(
    dotenv: Dotenv,
    wanted: &[Generate],
    before: Option<&Environment>,
    owner: Owner<'_>,
) -> Result<Dotenv, Failure> {
    let mut variables = dotenv.into_variables();
    for (at, generate) in wanted.iter().enumerate() {
        if variables
            .iter()
            .any(|variable| variable.name.as_str() == generate.name)
        {
            let text = format!("spec.generate[{at}] is in the source as well: remove it from one of the two");
            return Err(Failure::SourceInvalid(text));
        }
        let invalid =
            |_| Failure::SourceInvalid(format!("spec.generate[{at}].name is no name of a variable"));
        let value = match before.and_then(|before| made_before(before, &generate.name)) {
            // EXPOSE: the same value goes into the next revision.
            Some(kept) => SecretString::copy_of(kept.value.expose()),
            None => draw(generate.length(), generate.alphabet().characters())
                .map_err(|error| Failure::Internal(error.to_string()))?,
        };
        variables.push(Variable {
            name: Name::parse(&generate.name).map_err(invalid)?,
            value,
            comment: None,
        });
    }
    from_variables(variables, owner)
}

fn made_before<'a>(before: &'a Environment, name: &str) -> Option<&'a Variable> {
    let made = before.created.iter().any(|created| created.as_str() == name);
    before.dotenv.get(name).filter(|_| made)
}

#[cfg(test)]
mod tests;
