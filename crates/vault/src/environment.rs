//! What the vault answers.

use std::fmt;

use splitvault_crypto::DigestKey;
use splitvault_dotenv::{Dialect, Dotenv, Name, Variable, can_hold};

use crate::digest::SourceDigestInput;

/// What can be told about an environment without opening a name or a value.
pub struct Described {
    /// The content revision, from 1.
    pub revision: u64,
    /// Keyed digest of the content, as in [`Written::digest`]. Tells nothing without the key.
    pub digest: [u8; 32],
    /// Keyed digest of the source that it was written from; [`Self::made_from`] compares.
    pub source_digest: [u8; 32],
    /// How many variables there are.
    pub entries: usize,
    /// How many older revisions are kept.
    pub history: usize,
    /// The older revision whose content this is, when somebody went back to it and the source has not changed since.
    pub restored_from: Option<u64>,
    /// Variables that were made here, not by the source. As secret as any name.
    pub created: Vec<Name>,
    pub(crate) digest_key: DigestKey,
}

impl Described {
    /// Whether it was written from this source.
    pub fn made_from(&self, source: &SourceDigestInput<'_>) -> bool {
        source.matches(&self.digest_key, &self.source_digest)
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Described(revision {}, {} entries)",
            self.revision, self.entries
        )
    }
}

/// An environment in clear. Zeroized when dropped.
pub struct Environment {
    /// The content revision, from 1.
    pub revision: u64,
    /// Keyed digest of the content, as in [`Written::digest`].
    pub digest: [u8; 32],
    /// The variables in their order.
    pub dotenv: Dotenv,
    /// Variables that were made here, not by the source. As secret as any name.
    pub created: Vec<Name>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Environment(revision {}, {} entries)",
            self.revision,
            self.dotenv.len()
        )
    }
}

/// A variable as far as it can be told without its value. Kept with the name, so that an admission, which must not
/// ask the value store, knows how kubelet can set the variable.
pub struct Named {
    /// Its name.
    pub name: Name,
    /// What kubelet can do with its value.
    pub form: Form,
}

/// What kubelet's environment files (KEP-3721) can do with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Hold it.
    Plain,
    /// Nothing: kubelet takes an empty value for a variable that is not there.
    Empty,
    /// Nothing: it has a single quote or CRLF.
    Unwritable,
}

impl Form {
    pub(crate) fn of(variable: &Variable) -> Self {
        if variable.value.is_empty() {
            Self::Empty
        } else if can_hold(Dialect::Kubelet, variable) {
            Self::Plain
        } else {
            Self::Unwritable
        }
    }

    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Empty => 1,
            Self::Unwritable => 2,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Plain),
            1 => Some(Self::Empty),
            2 => Some(Self::Unwritable),
            _ => None,
        }
    }
}

/// What a write came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The content revision now, from 1.
    pub revision: u64,
    /// HMAC-SHA-256 of revision and content under a random key that only the manifest holds; the same through
    /// re-encryption. May be shown to anyone.
    pub digest: [u8; 32],
    /// Whether the content is new, so the revision is.
    pub changed: bool,
}

/// An older revision that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its number.
    pub revision: u64,
    /// How many variables it has.
    pub entries: u32,
}

/// What a re-encryption came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resealed {
    /// Revisions that were encrypted anew, the current one and the history.
    pub revisions: usize,
}

/// What a sweep came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Values that nobody claimed.
    pub removed: usize,
}
