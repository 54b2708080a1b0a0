//! From what a person wrote to what the operator does: the one conversion of webhook and controller.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{DeletionPolicy, Generate, Reason, Sealed, Source, VaultSecretSpec};

/// A spec that this version can process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Where variables come from; absent when all are generated.
    pub source: Option<DesiredSource>,
    /// Variables to make, once.
    pub generate: Vec<Generate>,
    /// How many earlier revisions are kept.
    pub history_limit: u32,
    /// Whether the stored content outlives the object.
    pub retain: bool,
    /// Whether the stored content is left as it is.
    pub suspend: bool,
    /// The name of a Kubernetes Secret that is maintained as well.
    pub output: Option<String>,
}

/// Where variables come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesiredSource {
    /// The spec itself.
    Sealed(SealedPayload),
    /// This Secret of the same namespace.
    SecretRef(String),
}

/// Sealed bytes whose header is as it should be; whether they open is another matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPayload {
    /// The sealing key, hexadecimal; the same in the spec and in the bytes.
    pub key_id: String,
    /// Version, algorithm, key id, encapsulated key, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// Why a spec cannot be processed. Its Display is the sentence for webhook and condition; it holds no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Neither a source nor variables to generate.
    #[error("give spec.source (sealed or secretRef), or spec.generate, or both")]
    NoSource,
    /// Not exactly one source.
    #[error("give exactly one of spec.source.sealed and spec.source.secretRef")]
    NotOneSource,
    /// The same variable twice.
    #[error("spec.generate names {name} twice")]
    GeneratedTwice {
        /// The variable, which stands in the spec in clear.
        name: String,
    },
    /// A number that the schema does not let through.
    #[error("spec.{field} is out of range")]
    OutOfRange {
        /// The field, below `spec`.
        field: &'static str,
    },
    /// The Secret to be written is the one that is read.
    #[error(
        "spec.output.secretName and spec.source.secretRef.name are both {name}: name another Secret for the output"
    )]
    OutputIsSource {
        /// The Secret.
        name: String,
    },
    /// No base64.
    #[error("spec.source.sealed.payload is not base64: make it again with `splitvault seal`")]
    NotBase64,
    /// Too short for a header.
    #[error("spec.source.sealed.payload is cut off: make it again with `splitvault seal`")]
    CutOff,
    /// A format that this version does not know.
    #[error(
        "spec.source.sealed.payload has a format that this operator does not know: \
         upgrade the operator, or seal with the `splitvault` of its version"
    )]
    UnknownFormat,
    /// The id in the spec is not the one in the bytes.
    #[error(
        "spec.source.sealed.keyID is {stated}, but the payload is sealed to {found}: \
         take both from one run of `splitvault seal`"
    )]
    OtherKey {
        /// In the spec.
        stated: String,
        /// In the bytes.
        found: String,
    },
}

impl SpecError {
    /// The reason for condition, event and metric.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoSource | Self::NotOneSource | Self::GeneratedTwice { .. } | Self::OutOfRange { .. } => {
                Reason::SourceInvalid
            }
            Self::OutputIsSource { .. } => Reason::OutputInvalid,
            Self::NotBase64 | Self::CutOff | Self::UnknownFormat | Self::OtherKey { .. } => {
                Reason::SealedInvalid
            }
        }
    }
}

impl TryFrom<&VaultSecretSpec> for Desired {
    type Error = SpecError;

    fn try_from(spec: &VaultSecretSpec) -> Result<Self, SpecError> {
        if spec.source.is_none() && spec.generate.is_empty() {
            return Err(SpecError::NoSource);
        }
        let limit = spec.history_limit.unwrap_or(5);
        Ok(Self {
            source: spec.source.as_ref().map(DesiredSource::try_from).transpose()?,
            generate: generate(&spec.generate)?,
            history_limit: u32::try_from(limit).map_err(|_| SpecError::OutOfRange {
                field: "historyLimit",
            })?,
            retain: spec.deletion_policy == Some(DeletionPolicy::Retain),
            suspend: spec.suspend.unwrap_or(false),
            output: output(spec)?,
        })
    }
}

fn output(spec: &VaultSecretSpec) -> Result<Option<String>, SpecError> {
    let Some(output) = &spec.output else {
        return Ok(None);
    };
    let source = spec.source.as_ref().and_then(|source| source.secret_ref.as_ref());
    if source.is_some_and(|source| source.name == output.secret_name) {
        let name = output.secret_name.clone();
        return Err(SpecError::OutputIsSource { name });
    }
    Ok(Some(output.secret_name.clone()))
}

fn generate(all: &[Generate]) -> Result<Vec<Generate>, SpecError> {
    for (at, variable) in all.iter().enumerate() {
        if variable
            .length
            .is_some_and(|length| !(8..=1024).contains(&length))
        {
            return Err(SpecError::OutOfRange {
                field: "generate.length",
            });
        }
        if all[..at].iter().any(|before| before.name == variable.name) {
            return Err(SpecError::GeneratedTwice {
                name: variable.name.clone(),
            });
        }
    }
    Ok(all.to_vec())
}

impl TryFrom<&Source> for DesiredSource {
    type Error = SpecError;

    fn try_from(source: &Source) -> Result<Self, SpecError> {
        match (&source.sealed, &source.secret_ref) {
            (Some(sealed), None) => Ok(Self::Sealed(sealed.try_into()?)),
            (None, Some(secret)) => Ok(Self::SecretRef(secret.name.clone())),
            (Some(_), Some(_)) | (None, None) => Err(SpecError::NotOneSource),
        }
    }
}

impl TryFrom<&Sealed> for SealedPayload {
    type Error = SpecError;

    /// The header is version 1, algorithm 1 or 2, and the key id (docs/crypto.md).
    fn try_from(sealed: &Sealed) -> Result<Self, SpecError> {
        let bytes = STANDARD
            .decode(&sealed.payload)
            .map_err(|_| SpecError::NotBase64)?;
        let Some(([version, algorithm], rest)) = bytes.split_first_chunk::<2>() else {
            return Err(SpecError::CutOff);
        };
        if *version != 1 || !matches!(algorithm, 1 | 2) {
            return Err(SpecError::UnknownFormat);
        }
        let id = rest.first_chunk::<8>().ok_or(SpecError::CutOff)?;
        let found = format!("{:016x}", u64::from_be_bytes(*id));
        if found != sealed.key_id {
            return Err(SpecError::OtherKey {
                stated: sealed.key_id.clone(),
                found,
            });
        }
        Ok(Self { key_id: found, bytes })
    }
}
