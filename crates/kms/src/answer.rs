//! What a plugin answers, held to the API server's rules before anything is made of it.

use std::collections::BTreeMap;
use std::fmt;

use splitvault_crypto::sha256;

use crate::fault::{Fault, legible};
use crate::proto::{EncryptResponse, StatusResponse};

/// Bytes of a key's name at most.
pub(crate) const KEY_NAME_MAX: usize = 1024;
/// Bytes of an encrypted one-time key at most.
pub(crate) const CIPHERTEXT_MAX: usize = 1024;
/// Bytes of all annotations, names and content, at most.
pub(crate) const ANNOTATIONS_MAX: usize = 32 * 1024;

/// Additional data that a plugin wants back with its ciphertext, by domain name.
pub type Annotations = BTreeMap<String, Vec<u8>>;

/// The `key_id` of a plugin: which of its keys encrypted something. It may tell of the KMS (an account, a path), so
/// people are shown its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// `None` unless it has 1 to 1,024 bytes.
    pub(crate) fn parse(name: String) -> Option<Self> {
        (1..=KEY_NAME_MAX).contains(&name.len()).then_some(Self(name))
    }

    /// The `key_id` itself, for the plugin and the database.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `sha256:` and 64 digits, as in the API server's metrics `apiserver_envelope_encryption_key_id_hash_*`.
    pub fn hash(&self) -> String {
        let digest = sha256(self.0.as_bytes());
        digest
            .iter()
            .fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyName({})", self.hash())
    }
}

/// The version of the protocol that a plugin speaks. It may not change while it is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V2,
    V2Beta1,
}

/// A healthy plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) version: Version,
    pub(crate) key: KeyName,
}

impl TryFrom<StatusResponse> for Status {
    type Error = Fault;

    fn try_from(answer: StatusResponse) -> Result<Self, Fault> {
        if answer.healthz != "ok" {
            return Err(Fault::Unhealthy {
                healthz: legible(&answer.healthz),
            });
        }
        let version = match answer.version.as_str() {
            "v2" => Version::V2,
            "v2beta1" => Version::V2Beta1,
            other => return Err(Fault::Version { got: legible(other) }),
        };
        let got = answer.key_id.len();
        let key = KeyName::parse(answer.key_id).ok_or(Fault::KeyName { got })?;
        Ok(Self { version, key })
    }
}

/// A one-time key as the plugin encrypted it, with what it wants back for decrypting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encrypted {
    pub(crate) key: KeyName,
    pub(crate) annotations: Annotations,
    pub(crate) ciphertext: Vec<u8>,
}

impl Encrypted {
    /// Holds the parts to the rules; `None` when one is broken.
    pub(crate) fn new(key: KeyName, annotations: Annotations, ciphertext: Vec<u8>) -> Option<Self> {
        let fits = (1..=CIPHERTEXT_MAX).contains(&ciphertext.len()) && are_allowed(&annotations);
        fits.then_some(Self {
            key,
            annotations,
            ciphertext,
        })
    }
}

impl TryFrom<EncryptResponse> for Encrypted {
    type Error = Fault;

    fn try_from(answer: EncryptResponse) -> Result<Self, Fault> {
        let got = answer.key_id.len();
        let key = KeyName::parse(answer.key_id).ok_or(Fault::KeyName { got })?;
        Self::new(key, answer.annotations, answer.ciphertext).ok_or(Fault::Answer)
    }
}

fn are_allowed(annotations: &Annotations) -> bool {
    let sizes = annotations
        .iter()
        .map(|(name, content)| name.len() + content.len());
    sizes.sum::<usize>() <= ANNOTATIONS_MAX && annotations.keys().all(|name| is_domain(name))
}

/// A fully qualified domain name as Kubernetes has it: two labels (RFC 1123) at least, a dot at the end or not.
fn is_domain(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = label.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    bytes.len() <= 63
        && ends.into_iter().all(|end| end.copied().is_some_and(plain))
        && bytes.iter().all(|&byte| plain(byte) || byte == b'-')
}

#[cfg(test)]
mod tests;
