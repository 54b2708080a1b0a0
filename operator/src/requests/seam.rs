//! What the vault does not do yet.

use splitvault_crypto::{DigestKey, Random};
use splitvault_vault::{Described, Vault, WriteError, Written};

use super::StampKey;

/// A stamp key of this process alone.
pub struct ProcessKey(DigestKey);

impl ProcessKey {
    /// Draws one.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn make() -> Result<Self, Random> {
        DigestKey::make().map(Self)
    }
}

impl StampKey for ProcessKey {
    fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.0.mac(&[&[label.as_bytes()], parts].concat())
    }

    fn verify_mac(&self, label: &str, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        self.0.verify(&[&[label.as_bytes()], parts].concat(), mac)
    }
}

pub(super) async fn rollback(_: &Vault, _: &str, _: u64, _: usize) -> Result<Written, WriteError> {
    Err(WriteError::Internal)
}

pub(super) const fn restored_from(_: &Described) -> Option<u64> {
    None
}
