//! Recovery: the keys of an old copy of a key database are put under the key-encryption keys of today, so that the old
//! copies of both databases can be read again. Each key is looked for in the copy itself, in a newer key database of the
//! same installation, and in the escrow of either.
//!
//! Sealing key pairs and the MAC key are not escrowed. Those that are lost are replaced: nothing of the two databases is
//! under them.

mod write;

use std::time::SystemTime;

use splitvault_crypto::sealing::KeyPair;
use splitvault_crypto::{DigestKey, Id, KeyId, MasterKey, Purpose};

use super::first;
use super::replica::millis;
use super::rings::refused;
use crate::error::RecoveryError;
use crate::kek::{Keks, RingKek};
use crate::keys::{Escrowed, KeyState, LifeStore, Ring, Root, WrappedKey};
use crate::sqlite::SqliteKeys;
use write::write;

/// Where keys are looked for besides the copy itself.
pub struct RecoverySources<'a> {
    /// The key-encryption keys of today: what opens the newer database, and what the copy is wrapped under afterwards.
    pub keks: &'a Keks,
    /// A newer key database of the same installation.
    pub newer: Option<&'a dyn LifeStore>,
    /// The private key of the offline recipient.
    pub recipient: Option<&'a KeyPair>,
}

/// Where a key was found, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is under today's key-encryption keys already.
    InPlace,
    /// In the newer key database.
    Newer,
    /// In escrow.
    Escrow,
    /// Nowhere; a new one takes its place.
    Replaced,
    /// Nowhere; it was not needed to read anything, and counts as destroyed.
    Dropped,
}

/// A key of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundKey {
    /// What it is for.
    pub ring: Ring,
    /// Which.
    pub id: KeyId,
    /// Where it was in its life.
    pub state: KeyState,
    /// Where it was found.
    pub found: Found,
}

/// What a recovery came to, or would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The installation.
    pub installation: Id,
    /// Each key that was not destroyed, and where it was found.
    pub keys: Vec<FoundKey>,
    /// Whether the key log begins anew, because the key of its MACs is lost.
    pub is_log_new: bool,
}

/// A key and what it is to be wrapped as; `None` leaves it.
struct Outcome<'a> {
    key: &'a WrappedKey,
    found: Found,
    wrapped: Option<Vec<u8>>,
}

/// Puts every key of `copy` under the key-encryption keys of today, in one transaction; with `apply` false only says
/// what would be done. The copy must not be in use.
///
/// # Errors
/// See [`RecoveryError`]: nothing is changed then. One master key that is lost, and that something is under, keeps all
/// from being changed.
pub async fn recover(
    copy: &SqliteKeys,
    sources: &RecoverySources<'_>,
    now: SystemTime,
    apply: bool,
) -> Result<Recovered, RecoveryError> {
    let root = copy
        .root()
        .await?
        .ok_or(RecoveryError::Empty { which: "older" })?;
    let seeker = Seeker::new(copy, sources, &root).await?;
    let mut outcomes = Vec::new();
    for key in &root.keys {
        if let Some(wrapped) = key.wrapped.as_deref() {
            outcomes.push(seeker.seek(key, wrapped).await?);
        }
    }
    let lost = outcomes.iter().filter(|outcome| outcome.is_lost());
    let lost: Vec<_> = lost.map(|outcome| (outcome.key.ring, outcome.key.id)).collect();
    if !lost.is_empty() {
        return Err(RecoveryError::Lost(lost));
    }
    let mac = seeker.mac(&outcomes).await?;
    let recovered = Recovered {
        installation: root.installation,
        keys: outcomes.iter().map(Outcome::told).collect(),
        is_log_new: mac.is_none(),
    };
    if apply {
        write(copy, &root, sources.keks, outcomes, mac, millis(now)).await?;
    }
    Ok(recovered)
}

impl Outcome<'_> {
    /// Whether something may be encrypted under a key that was not found.
    fn is_lost(&self) -> bool {
        self.found == Found::Replaced && Ring::MASTER.contains(&self.key.ring)
    }

    const fn told(&self) -> FoundKey {
        FoundKey {
            ring: self.key.ring,
            id: self.key.id,
            state: self.key.state,
            found: self.found,
        }
    }
}

/// Looks for keys.
struct Seeker<'a> {
    installation: Id,
    sources: &'a RecoverySources<'a>,
    newer: Vec<WrappedKey>,
    escrowed: Vec<Escrowed>,
}

impl<'a> Seeker<'a> {
    async fn new(
        copy: &SqliteKeys,
        sources: &'a RecoverySources<'a>,
        root: &Root,
    ) -> Result<Self, RecoveryError> {
        let (mut newer, mut escrowed) = (Vec::new(), copy.escrowed().await?);
        if let Some(store) = sources.newer {
            let found = store
                .root()
                .await?
                .ok_or(RecoveryError::Empty { which: "newer" })?;
            if found.installation != root.installation {
                return Err(RecoveryError::OtherInstallation {
                    older: root.installation,
                    newer: found.installation,
                });
            }
            newer = found.keys;
            escrowed.extend(store.escrowed().await?);
        }
        Ok(Self {
            installation: root.installation,
            sources,
            newer,
            escrowed,
        })
    }

    async fn seek<'k>(&self, key: &'k WrappedKey, wrapped: &[u8]) -> Result<Outcome<'k>, RecoveryError> {
        let outcome = |found, wrapped| Ok(Outcome { key, found, wrapped });
        if self.opens(key, wrapped).await {
            return outcome(Found::InPlace, None);
        }
        let newer = self
            .newer
            .iter()
            .filter(|newer| (newer.ring, newer.id) == (key.ring, key.id));
        for newer in newer.filter_map(|newer| newer.wrapped.as_deref()) {
            if self.opens(key, newer).await {
                return outcome(Found::Newer, Some(newer.to_owned()));
            }
        }
        if let Some(wrapped) = self.seek_escrow(key).await? {
            return outcome(Found::Escrow, Some(wrapped));
        }
        outcome(without(key), None)
    }

    /// Whether the key-encryption keys of today open this form of a key.
    async fn opens(&self, key: &WrappedKey, wrapped: &[u8]) -> bool {
        let (keks, here) = (self.sources.keks, self.installation);
        match key.ring {
            Ring::Names => keks.names.unwrap(here, key.id, wrapped).await.is_ok(),
            Ring::Values => keks.values.unwrap(here, key.id, wrapped).await.is_ok(),
            Ring::Sealing => {
                let label = first::sealing_label(key.id);
                let opened = first::open_under_both(keks, here, &label, wrapped).await.ok();
                let pair = opened.and_then(|bytes| KeyPair::from_bytes(&bytes).ok());
                pair.is_some_and(|pair| pair.id() == key.id)
            }
            Ring::Mac => open_mac(keks, here, key.id, wrapped).await.is_some(),
        }
    }

    async fn seek_escrow(&self, key: &WrappedKey) -> Result<Option<Vec<u8>>, RecoveryError> {
        let Some(recipient) = self.sources.recipient else {
            return Ok(None);
        };
        let kept = self
            .escrowed
            .iter()
            .filter(|kept| (kept.ring, kept.id) == (key.ring, key.id));
        for kept in kept {
            let (here, sealed) = (self.installation, kept.sealed.as_slice());
            let keks = self.sources.keks;
            let wrapped = match key.ring {
                Ring::Names => rewrapped(&keks.names, recipient, here, key, sealed).await?,
                Ring::Values => rewrapped(&keks.values, recipient, here, key, sealed).await?,
                Ring::Sealing | Ring::Mac => None,
            };
            if wrapped.is_some() {
                return Ok(wrapped);
            }
        }
        Ok(None)
    }

    /// The MAC key that the log goes on with, if it was found.
    async fn mac(&self, outcomes: &[Outcome<'_>]) -> Result<Option<DigestKey>, RecoveryError> {
        let is_active =
            |outcome: &&Outcome<'_>| outcome.key.ring == Ring::Mac && outcome.key.state == KeyState::Active;
        let Some(outcome) = outcomes.iter().find(is_active) else {
            return Ok(None);
        };
        let wrapped = outcome.wrapped.as_deref().or(outcome.key.wrapped.as_deref());
        let wrapped = wrapped.unwrap_or_default();
        Ok(open_mac(self.sources.keks, self.installation, outcome.key.id, wrapped).await)
    }
}

/// What becomes of a key that was not found.
const fn without(key: &WrappedKey) -> Found {
    match (key.ring, key.state) {
        (Ring::Sealing, KeyState::Retiring)
        | (_, KeyState::Pending | KeyState::Drained | KeyState::Destroyed) => Found::Dropped,
        (Ring::Names | Ring::Values | Ring::Sealing | Ring::Mac, KeyState::Active | KeyState::Retiring) => {
            Found::Replaced
        }
    }
}

async fn open_mac(keks: &Keks, installation: Id, id: KeyId, wrapped: &[u8]) -> Option<DigestKey> {
    let label = first::mac_label(id);
    let bytes = keks.names.open_bytes(installation, &label, wrapped).await.ok()?;
    DigestKey::try_from(bytes).ok()
}

async fn rewrapped<P: Purpose>(
    kek: &RingKek<P>,
    recipient: &KeyPair,
    installation: Id,
    key: &WrappedKey,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, RecoveryError> {
    let Ok(opened) = MasterKey::<P>::from_escrow(recipient, installation, key.id, sealed) else {
        return Ok(None);
    };
    let wrapped = kek.current().wrap(installation, &opened).await;
    Ok(Some(
        wrapped.map_err(refused(key.ring, || kek.current().describe()))?,
    ))
}
