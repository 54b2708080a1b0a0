//! The keys in memory, as of one event of the key log. What reads or writes takes one set of them and keeps it to its end;
//! a key that is in no set any more is zeroized.

use std::sync::Arc;

use splitvault_crypto::sealing::KeyPair;
use splitvault_crypto::{Id, KeyId, KeyRing, MasterKey, Names, Purpose, Values};

use super::first;
use super::log::LogHead;
use crate::error::OpenError;
use crate::kek::{KekFault, Keks, RingKek};
use crate::keys::{KeyState, Ring, Root, WrappedKey};

/// All keys that seal or open anything.
pub(crate) struct Rings {
    /// The end of the key log that these keys are as of.
    pub(crate) seen: LogHead,
    pub(crate) names: KeyRing<Names>,
    pub(crate) values: KeyRing<Values>,
    /// The active pair first.
    pub(crate) sealing: Vec<Arc<KeyPair>>,
}

impl Rings {
    /// The keys of the database. Those that were in memory before are not unwrapped again, so a provider that is away
    /// does not matter to them.
    pub(super) async fn load(root: &Root, keks: &Keks, before: Option<&Self>) -> Result<Self, OpenError> {
        Ok(Self {
            seen: LogHead::of(root),
            names: ring(Ring::Names, &keks.names, root, before.map(|before| &before.names)).await?,
            values: ring(
                Ring::Values,
                &keks.values,
                root,
                before.map(|before| &before.values),
            )
            .await?,
            sealing: sealing(keks, root, before).await?,
        })
    }

    /// Ids of the master keys that are here.
    pub(super) fn master_keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.names.ids().chain(self.values.ids())
    }
}

async fn ring<P: Purpose>(
    ring: Ring,
    kek: &RingKek<P>,
    root: &Root,
    before: Option<&KeyRing<P>>,
) -> Result<KeyRing<P>, OpenError> {
    let (mut active, mut others) = (None, Vec::<Arc<MasterKey<P>>>::new());
    for (key, wrapped) in opening(ring, root) {
        let known = before.and_then(|before| before.key(key.id));
        let opened = match known {
            Some(known) => Arc::clone(known),
            None => {
                let opened = kek.unwrap(root.installation, key.id, wrapped).await;
                Arc::new(opened.map_err(refused(ring, || kek.current().describe()))?)
            }
        };
        if key.state == KeyState::Active {
            active = Some(opened);
        } else {
            others.push(opened);
        }
    }
    let mut keys = KeyRing::new(active.ok_or(OpenError::Missing { ring: ring.label() })?);
    others.into_iter().for_each(|key| keys.add(key));
    Ok(keys)
}

async fn sealing(keks: &Keks, root: &Root, before: Option<&Rings>) -> Result<Vec<Arc<KeyPair>>, OpenError> {
    let ring = Ring::Sealing;
    let (mut active, mut others) = (None, Vec::new());
    for (key, wrapped) in opening(ring, root) {
        let known = before.and_then(|before| before.sealing.iter().find(|pair| pair.id() == key.id));
        let opened = match known {
            Some(known) => Arc::clone(known),
            None => Arc::new(pair(keks, root.installation, key.id, wrapped).await?),
        };
        if key.state == KeyState::Active {
            active = Some(opened);
        } else {
            others.push(opened);
        }
    }
    let active = active.ok_or(OpenError::Missing { ring: ring.label() })?;
    Ok(std::iter::once(active).chain(others).collect())
}

async fn pair(keks: &Keks, installation: Id, id: KeyId, wrapped: &[u8]) -> Result<KeyPair, OpenError> {
    let (ring, label) = (Ring::Sealing, first::sealing_label(id));
    let bytes = first::open_under_both(keks, installation, &label, wrapped).await;
    let bytes = bytes.map_err(refused(ring, || keks.names.current().describe()))?;
    let pair = KeyPair::from_bytes(&bytes).ok();
    pair.filter(|pair| pair.id() == id)
        .ok_or(OpenError::Damaged { ring: ring.label() })
}

/// The keys of a ring that something may be opened with.
fn opening(ring: Ring, root: &Root) -> impl Iterator<Item = (&WrappedKey, &[u8])> {
    let keys = root.keys.iter().filter(move |key| {
        key.ring == ring
            && match key.state {
                KeyState::Pending | KeyState::Active | KeyState::Retiring => true,
                KeyState::Drained | KeyState::Destroyed => false,
            }
    });
    keys.filter_map(|key| Some((key, key.wrapped.as_deref()?)))
}

pub(super) fn refused(ring: Ring, got: impl Fn() -> String) -> impl Fn(KekFault) -> OpenError {
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
