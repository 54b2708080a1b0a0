//! Opening: the installation that is there, or a new one when there is none. Never anything over what is there.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use splitvault_crypto::DigestKey;
use splitvault_crypto::sealing::PublicKey;
use splitvault_values::ValueStore;

use super::in_flight::InFlight;
use super::meter::Meter;
use super::replica::{Presence, millis};
use super::rings::{Rings, refused};
use super::suspects::Suspects;
use super::{Vault, first};
use crate::error::OpenError;
use crate::kek::Keks;
use crate::keys::{KeyChange, KeyState, KeyStore, KeyStoreError, Ring, Root, Step};

impl Vault {
    /// Whether the key database has an installation already, so that its key-encryption keys must exist somewhere.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    pub async fn is_founded(keys: &dyn KeyStore) -> Result<bool, KeyStoreError> {
        Ok(keys.root().await?.is_some())
    }

    /// Opens the vault. The first time, and only on a key database that has no installation, makes an installation id,
    /// one master key per ring, one sealing key pair (X-Wing) and a MAC key, in one transaction.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is changed then.
    pub async fn open(
        keys: Arc<dyn KeyStore>,
        values: Arc<dyn ValueStore>,
        keks: Keks,
    ) -> Result<Self, OpenError> {
        Self::open_at(keys, values, keks, SystemTime::now()).await
    }

    /// As [`Self::open`]; keys that are made are as old as `now` says, so that a simulated clock is the only one.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is changed then.
    pub async fn open_at(
        keys: Arc<dyn KeyStore>,
        values: Arc<dyn ValueStore>,
        keks: Keks,
        now: SystemTime,
    ) -> Result<Self, OpenError> {
        let now = millis(now);
        let root = match keys.root().await? {
            Some(root) => adopt(&*keys, &keks, root, now).await?,
            None => {
                let (root, events) = first::root(&keks, now).await?;
                keys.found(root, events).await?
            }
        };
        let rings = Rings::load(&root, &keks, None).await?;
        Ok(Self {
            keys,
            values,
            installation: root.installation,
            presence: Presence::make(rings.seen.sequence)?,
            rings: ArcSwap::from_pointee(rings),
            mac: mac(&keks, &root).await?,
            keks,
            escrow: None,
            meter: Meter::default(),
            suspects: Suspects::default(),
            in_flight: InFlight::default(),
        })
    }

    /// Has master keys sealed to this recipient before they are destroyed, so that whoever has its private key can
    /// read the backups of their time.
    #[must_use]
    pub fn with_escrow(mut self, recipient: impl Into<Option<PublicKey>>) -> Self {
        self.escrow = recipient.into();
        self
    }
}

/// A database from before there was a key log gets one, and a MAC key, in one transaction.
async fn adopt(keys: &dyn KeyStore, keks: &Keks, mut root: Root, now: u64) -> Result<Root, OpenError> {
    if root.last.is_some() {
        return Ok(root);
    }
    let (mac, mac_key) = first::mac_key(keks, root.installation).await?;
    root.keys.retain(|key| key.state == KeyState::Active);
    root.keys.push(mac);
    let events = first::founding(&mut root, &mac_key, now);
    let steps = root.keys.iter().map(|key| match key.ring {
        Ring::Mac => Step::Insert(key.clone()),
        Ring::Names | Ring::Values | Ring::Sealing => Step::Move {
            id: key.id,
            from: KeyState::Active,
            to: KeyState::Active,
            activated: Some(now),
        },
    });
    let change = KeyChange {
        epoch: None,
        expected: 0,
        steps: steps.collect(),
        events,
    };
    match keys.change(&change).await {
        // Another process that started at the same time was faster.
        Ok(()) | Err(KeyStoreError::Conflict) => {}
        Err(error) => return Err(error.into()),
    }
    keys.root().await?.ok_or(OpenError::Keys(KeyStoreError::Internal))
}

async fn mac(keks: &Keks, root: &Root) -> Result<DigestKey, OpenError> {
    let ring = Ring::Mac;
    let key = root.active(ring);
    let (id, wrapped) = key
        .and_then(|key| Some((key.id, key.wrapped.as_deref()?)))
        .ok_or(OpenError::Missing { ring: ring.label() })?;
    let label = first::mac_label(id);
    let bytes = keks.names.open_bytes(root.installation, &label, wrapped).await;
    let bytes = bytes.map_err(refused(ring, || keks.names.current().describe()))?;
    DigestKey::try_from(bytes).map_err(|_| OpenError::Damaged { ring: ring.label() })
}
