//! Opening: the installation that is there, or a new one when there is none. Never anything over what is there.

use std::sync::Arc;

use splitvault_crypto::sealing::KeyPair;
use splitvault_crypto::{FileKek, KeyId, KeyRing, MasterKey, OpenError as Refusal, Purpose};
use splitvault_values::ValueStore;

use super::in_flight::InFlight;
use super::suspects::Suspects;
use super::{Keks, Vault, first};
use crate::error::OpenError;
use crate::keys::{KeyState, KeyStore, KeyStoreError, Ring, Root, WrappedKey};

impl Vault {
    /// Whether the key database has an installation already, so that its key-encryption keys must exist somewhere.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    pub async fn is_founded(keys: &dyn KeyStore) -> Result<bool, KeyStoreError> {
        Ok(keys.root().await?.is_some())
    }

    /// Opens the vault. The first time, and only on a key database that has no installation, makes an installation id,
    /// one master key per ring and one sealing key pair (X-Wing), in one transaction.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is changed then.
    pub async fn open(
        keys: Arc<dyn KeyStore>,
        values: Arc<dyn ValueStore>,
        keks: Keks,
    ) -> Result<Self, OpenError> {
        let root = match keys.root().await? {
            Some(root) => root,
            None => keys.found(first::root(&keks)?).await?,
        };
        Ok(Self {
            keys,
            values,
            installation: root.installation,
            names_ring: ring(Ring::Names, &keks.names, &root)?,
            values_ring: ring(Ring::Values, &keks.values, &root)?,
            sealing: sealing(&keks, &root)?,
            suspects: Suspects::default(),
            in_flight: InFlight::default(),
        })
    }
}

fn ring<P: Purpose>(ring: Ring, kek: &FileKek<P>, root: &Root) -> Result<KeyRing<P>, OpenError> {
    let (active, others) = unwrapped(ring, root, |key, wrapped| -> Result<MasterKey<P>, OpenError> {
        kek.unwrap(root.installation, key.id, wrapped)
            .map_err(refused(ring, kek.id()))
    })?;
    let mut keys = KeyRing::new(active);
    others.into_iter().for_each(|key| keys.add(key));
    Ok(keys)
}

/// The active pair first.
fn sealing(keks: &Keks, root: &Root) -> Result<Vec<KeyPair>, OpenError> {
    let ring = Ring::Sealing;
    let (active, others) = unwrapped(ring, root, |key, wrapped| {
        let label = first::sealing_label(key.id);
        let inner = keks
            .names
            .open_bytes(root.installation, &label, wrapped)
            .map_err(refused(ring, keks.names.id()))?;
        // EXPOSE: still encrypted, under the other key-encryption key.
        let bytes = keks
            .values
            .open_bytes(root.installation, &label, inner.expose())
            .map_err(refused(ring, keks.values.id()))?;
        let damaged = || OpenError::Damaged { ring: ring.label() };
        let pair = KeyPair::from_bytes(&bytes).map_err(|_| damaged())?;
        if pair.id() == key.id {
            Ok(pair)
        } else {
            Err(damaged())
        }
    })?;
    Ok(std::iter::once(active).chain(others).collect())
}

/// The active key of a ring, and the others that still open something.
fn unwrapped<T>(
    ring: Ring,
    root: &Root,
    unwrap: impl Fn(&WrappedKey, &[u8]) -> Result<T, OpenError>,
) -> Result<(T, Vec<T>), OpenError> {
    let (mut active, mut others) = (None, Vec::new());
    for key in root.keys.iter().filter(|key| key.ring == ring) {
        let Some(wrapped) = &key.wrapped else { continue };
        let opened = unwrap(key, wrapped)?;
        match key.state {
            KeyState::Active => active = Some(opened),
            KeyState::Pending | KeyState::Retiring | KeyState::Drained => others.push(opened),
            KeyState::Destroyed => {}
        }
    }
    let active = active.ok_or(OpenError::Missing { ring: ring.label() })?;
    Ok((active, others))
}

fn refused(ring: Ring, got: KeyId) -> impl Fn(Refusal) -> OpenError {
    let ring = ring.label();
    move |refusal| match refusal {
        Refusal::UnknownKey(needed) => OpenError::KekWrong { ring, needed, got },
        Refusal::Malformed | Refusal::Refused => OpenError::Damaged { ring },
    }
}
