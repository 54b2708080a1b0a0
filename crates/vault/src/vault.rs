//! The vault: both key rings and both databases, and everything that is done with the four together.

mod first;
mod in_flight;
mod load;
mod open;
mod read;
mod remove;
mod reseal;
mod seal;
mod suspects;
mod sweep;
mod write;

use std::fmt;
use std::sync::Arc;

use splitvault_crypto::sealing::KeyPair;
use splitvault_crypto::{Id, KeyRing, Names, Values};
use splitvault_values::ValueStore;

use crate::error::{Breach, ReadError};
use crate::keys::{Head, KeyStore, KeyStoreError};
use crate::manifest::Manifest;
use crate::place::Place;
use in_flight::InFlight;
use suspects::Suspects;

/// How often something is begun again that another writer, or a sweep, got in the way of.
const ATTEMPTS: usize = 5;

/// Environments, split over two databases. Shared through an `Arc`.
///
/// Every method may be cancelled at any await: the environment is then at its old revision or at its new one.
pub struct Vault {
    keys: Arc<dyn KeyStore>,
    values: Arc<dyn ValueStore>,
    installation: Id,
    names_ring: KeyRing<Names>,
    values_ring: KeyRing<Values>,
    sealing: Vec<KeyPair>,
    suspects: Suspects,
    in_flight: InFlight,
}

impl Vault {
    /// The key pairs that payloads are sealed to; the first is the one to publish.
    pub fn sealing_keys(&self) -> &[KeyPair] {
        &self.sealing
    }

    /// The installation's id.
    pub const fn installation(&self) -> Id {
        self.installation
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

    fn manifest(&self, head: &Head) -> Result<Manifest, Breach> {
        Manifest::open_current(&self.names_ring, self.installation, head)
    }

    /// Whether the environment of an object still is where it was when `head` was read.
    async fn stands(&self, head: &Head) -> Result<bool, ReadError> {
        let now = self.keys.standing(&head.uid).await?.head;
        Ok(now.is_some_and(|now| (now.environment, now.writes) == (head.environment, head.writes)))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.installation)
    }
}

#[cfg(test)]
mod tests;
