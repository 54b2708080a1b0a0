//! The vault: both key rings and both databases, and everything that is done with the four together.

mod batch;
mod first;
mod in_flight;
mod load;
mod log;
mod meter;
mod open;
mod progress;
mod read;
mod recovery;
mod remove;
mod replica;
mod reseal;
mod rings;
mod rotation;
mod seal;
mod sealing;
mod suspects;
mod sweep;
mod wrapping;
mod write;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use splitvault_crypto::sealing::{KeyPair, PublicKey};
use splitvault_crypto::{DigestKey, Id, KeyId};
use splitvault_values::ValueStore;

use crate::error::{Breach, ReadError, RotationError};
use crate::kek::Keks;
use crate::keys::{Head, KeyStore, KeyStoreError, Root};
use crate::manifest::Manifest;
use crate::place::Place;
use in_flight::InFlight;
use meter::Meter;
use replica::Presence;
use rings::Rings;
use suspects::Suspects;

pub use batch::Batch;
pub use log::LogHead;
pub use progress::{KeyLine, Progress};
pub use recovery::{Found, FoundKey, Recovered, RecoverySources, recover};
pub use rotation::Advance;

/// How often something is begun again that another writer, a rotation or a sweep got in the way of.
const ATTEMPTS: usize = 5;

/// Environments, split over two databases. Shared through an `Arc`.
///
/// Every method may be cancelled at any await: the environment is then at its old revision or at its new one, and each
/// key in one state of its life.
pub struct Vault {
    keys: Arc<dyn KeyStore>,
    values: Arc<dyn ValueStore>,
    installation: Id,
    keks: Keks,
    rings: ArcSwap<Rings>,
    mac: DigestKey,
    escrow: Option<PublicKey>,
    presence: Presence,
    meter: Meter,
    suspects: Suspects,
    in_flight: InFlight,
}

impl Vault {
    /// The key pairs that payloads are sealed to; the first is the one to publish.
    pub fn sealing_keys(&self) -> Vec<Arc<KeyPair>> {
        self.rings.load().sealing.clone()
    }

    /// The installation's id.
    pub const fn installation(&self) -> Id {
        self.installation
    }

    /// HMAC-SHA-256, under a key of the installation, over parts that `label` says the meaning of.
    pub fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.mac.mac(&labelled(label, parts))
    }

    /// Whether `mac` is what [`Self::mac`] makes of the same label and parts; takes the same time wherever it differs.
    pub fn verify_mac(&self, label: &str, parts: &[&[u8]], mac: &[u8]) -> bool {
        self.mac.verify(&labelled(label, parts), mac)
    }

    /// Up to `limit` UIDs of objects that have an environment, greater than `after`, ascending; an empty page is the
    /// end.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    pub async fn uids(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, KeyStoreError> {
        self.keys.uids(after, limit).await
    }

    const fn place(&self, environment: Id) -> Place {
        Place {
            installation: self.installation,
            environment,
        }
    }

    fn manifest(&self, rings: &Rings, head: &Head) -> Result<Manifest, Breach> {
        Manifest::open_current(&rings.names, self.installation, head)
    }

    /// Whether the environment of an object still is where it was when `head` was read.
    async fn stands(&self, head: &Head) -> Result<bool, ReadError> {
        let now = self.keys.standing(&head.uid).await?.head;
        Ok(now.is_some_and(|now| (now.environment, now.writes) == (head.environment, head.writes)))
    }

    /// What the database says of the keys; refused when it is not the one that the keys in memory are from.
    async fn root(&self) -> Result<Root, RotationError> {
        // Looked at first: meanwhile the database can only have gone on.
        let seen = self.rings.load().seen;
        let root = self.keys.root().await?.ok_or(RotationError::RolledBack)?;
        self.check_grown(&seen, &root).await?;
        Ok(root)
    }

    /// Whether it is worth another try with the keys of now: a key was missing, or was not the active one any more.
    /// Keys are looked up anew before.
    async fn outdated(&self, tries: &mut usize, missing: Option<KeyId>) -> bool {
        if missing.is_none() || *tries + 1 >= ATTEMPTS {
            return false;
        }
        *tries += 1;
        if let Err(error) = self.reload().await {
            tracing::warn!("keys cannot be looked up anew: {error}");
        }
        true
    }
}

fn labelled<'a>(label: &'a str, parts: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut all: Vec<&[u8]> = vec![b"splitvault/mac/v1", label.as_bytes()];
    all.extend(parts);
    all
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.installation)
    }
}

#[cfg(test)]
mod tests;
