//! The plaintext of a delivery: what is sealed to a sidecar's key, and only ever in memory.
//!
//! Neither `Serialize` nor `Deserialize` is implemented on the public types, so that no other writer than
//! [`Delivery::to_json`] can be pointed at them. A string with escapes passes through serde_json's scratch buffer on
//! its way in, which is freed as it is: the sidecar's allocator zeroizes what is freed.

mod json;

use std::fmt;

use splitvault_crypto::SecretString;

/// The variables of all VaultSecrets that a pod asked for.
pub struct Delivery {
    /// One per VaultSecret, in the order of the request; a later one wins over an earlier one.
    pub environments: Vec<Environment>,
}

/// The variables of one VaultSecret.
pub struct Environment {
    /// Name of the VaultSecret.
    pub name: String,
    /// Its revision.
    pub revision: u64,
    /// In the order of the `.env` file.
    pub variables: Vec<Variable>,
}

/// One variable. The name is as secret as the value.
pub struct Variable {
    /// As the process will see it.
    pub name: SecretString,
    /// Any text without NUL, the empty one too.
    pub value: SecretString,
}

/// There is not enough memory for the JSON, or its size is not stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delivery cannot be written as JSON")]
pub struct EncodeError;

/// A plaintext is no delivery. Says where, in bytes of the plaintext, but never what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a delivery: line {line}, column {column}")]
pub struct DecodeError {
    /// From 1; 0 when unknown.
    pub line: usize,
    /// From 1; 0 when unknown.
    pub column: usize,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.environments).finish()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("name", &self.name)
            .field("revision", &self.revision)
            .field("variables", &self.variables.len())
            .finish()
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variable")
    }
}
