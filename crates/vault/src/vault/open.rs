//! Opening: the installation that is there, or a new one when there is none. Never anything over what is there.

use std::sync::Arc;

use splitvault_crypto::sealing::KeyPair;
use splitvault_crypto::{Id, KeyRing, MasterKey, Purpose};
use splitvault_values::ValueStore;

use super::in_flight::InFlight;
use super::suspects::Suspects;
use super::{Vault, first};
use crate::error::OpenError;
use crate::kek::{KekFault, Keks, RingKek};
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
            None => keys.found(first::root(&keks).await?).await?,
        };
        Ok(Self {
            keys,
            values,
            installation: root.installation,
            names_ring: ring(Ring::Names, &keks.names, &root).await?,
            values_ring: ring(Ring::Values, &keks.values, &root).await?,
            sealing: sealing(&keks, &root).await?,
            suspects: Suspects::default(),
            in_flight: InFlight::default(),
        })
    }
}

async fn ring<P: Purpose>(ring: Ring, kek: &RingKek<P>, root: &Root) -> Result<KeyRing<P>, OpenError> {
    let (mut active, mut others) = (None, Vec::<MasterKey<P>>::new());
    for (key, wrapped) in kept(ring, root) {
        let opened = kek.unwrap(root.installation, key.id, wrapped).await;
        let opened = opened.map_err(refused(ring, || kek.current().describe()))?;
        match key.state {
            KeyState::Active => active = Some(opened),
            KeyState::Pending | KeyState::Retiring | KeyState::Drained => others.push(opened),
            KeyState::Destroyed => {}
        }
    }
    let mut keys = KeyRing::new(active.ok_or(OpenError::Missing { ring: ring.label() })?);
    others.into_iter().for_each(|key| keys.add(key));
    Ok(keys)
}

/// The active pair first.
async fn sealing(keks: &Keks, root: &Root) -> Result<Vec<KeyPair>, OpenError> {
    let ring = Ring::Sealing;
    let mut pairs = Vec::new();
    for (key, wrapped) in kept(ring, root) {
        let pair = pair(keks, root.installation, key, wrapped).await?;
        match key.state {
            KeyState::Active => pairs.insert(0, (true, pair)),
            KeyState::Pending | KeyState::Retiring | KeyState::Drained => pairs.push((false, pair)),
            KeyState::Destroyed => {}
        }
    }
    if !pairs.first().is_some_and(|(active, _)| *active) {
        return Err(OpenError::Missing { ring: ring.label() });
    }
    Ok(pairs.into_iter().map(|(_, pair)| pair).collect())
}

async fn pair(keks: &Keks, installation: Id, key: &WrappedKey, wrapped: &[u8]) -> Result<KeyPair, OpenError> {
    let (ring, label) = (Ring::Sealing, first::sealing_label(key.id));
    let inner = keks.names.open_bytes(installation, &label, wrapped).await;
    let inner = inner.map_err(refused(ring, || keks.names.current().describe()))?;
    // EXPOSE: still encrypted, under the other key-encryption key.
    let bytes = keks.values.open_bytes(installation, &label, inner.expose()).await;
    let bytes = bytes.map_err(refused(ring, || keks.values.current().describe()))?;
    let pair = KeyPair::from_bytes(&bytes).ok();
    pair.filter(|pair| pair.id() == key.id)
        .ok_or(OpenError::Damaged { ring: ring.label() })
}

/// The keys of a ring that are not destroyed.
fn kept(ring: Ring, root: &Root) -> impl Iterator<Item = (&WrappedKey, &[u8])> {
    let keys = root.keys.iter().filter(move |key| key.ring == ring);
    keys.filter_map(|key| Some((key, key.wrapped.as_deref()?)))
}

fn refused(ring: Ring, got: impl Fn() -> String) -> impl Fn(KekFault) -> OpenError {
    let ring = ring.label();
    move |fault| match fault {
        KekFault::Unknown { needed } => OpenError::KekWrong {
            ring,
            needed,
            got: got(),
        },
        KekFault::Refused => OpenError::Damaged { ring },
        fault @ (KekFault::Unavailable { .. } | KekFault::Protocol { .. } | KekFault::Random) => {
            OpenError::Kek { ring, fault }
        }
    }
}
