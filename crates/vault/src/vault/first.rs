//! New keys, wrapped for keeping; and what the first start makes, all at once.

use splitvault_crypto::sealing::{Algorithm, KeyPair};
use splitvault_crypto::{DigestKey, Id, KeyId, MasterKey, Purpose, SecretBytes};

use super::log::Chain;
use crate::error::OpenError;
use crate::kek::{KekFault, Keks, RingKek};
use crate::keys::{Cause, Deed, KeyEvent, KeyState, Ring, Root, WrappedKey};

/// An installation id, one master key per ring, an X-Wing key pair and a MAC key, wrapped; and the log that tells of them.
pub(super) async fn root(keks: &Keks, now: u64) -> Result<(Root, Vec<KeyEvent>), OpenError> {
    let installation = Id::make()?;
    let (mac, mac_key) = mac_key(keks, installation).await?;
    let mut root = Root {
        installation,
        keys: vec![
            fresh_master_key(Ring::Names, &keks.names, installation).await?,
            fresh_master_key(Ring::Values, &keks.values, installation).await?,
            key_pair(keks, installation).await?,
            mac,
        ],
        last: None,
    };
    let events = founding(&mut root, &mac_key, now);
    Ok((root, events))
}

/// Makes all keys of a root active, and tells of it.
pub(super) fn founding(root: &mut Root, mac_key: &DigestKey, now: u64) -> Vec<KeyEvent> {
    let mut chain = Chain::new(mac_key, root.installation, root.last.as_ref());
    for key in &mut root.keys {
        key.state = KeyState::Active;
        (key.activated, key.drawn) = (now, now);
        chain.append(now, key.ring, key.id, Deed::Created, Cause::Founded);
        chain.append(now, key.ring, key.id, Deed::Activated, Cause::Founded);
    }
    let events = chain.into_events();
    let entered = events.last().map_or(0, |event| event.sequence);
    root.keys.iter_mut().for_each(|key| key.entered = entered);
    events
}

/// The label that a sealing key pair is wrapped under.
pub(super) fn sealing_label(id: KeyId) -> String {
    format!("sealing-key/{id}")
}

/// The label that a MAC key is wrapped under.
pub(super) fn mac_label(id: KeyId) -> String {
    format!("mac-key/{id}")
}

pub(super) async fn fresh_master_key<P: Purpose>(
    ring: Ring,
    kek: &RingKek<P>,
    installation: Id,
) -> Result<WrappedKey, OpenError> {
    let key = MasterKey::<P>::make()?;
    let wrapped = kek.current().wrap(installation, &key).await;
    Ok(pending(ring, key.id(), wrapped.map_err(refused(ring))?))
}

pub(super) async fn key_pair(keks: &Keks, installation: Id) -> Result<WrappedKey, OpenError> {
    let pair = KeyPair::make(Algorithm::XWing)?;
    let label = sealing_label(pair.id());
    let wrapped = seal_under_both(keks, installation, &label, &pair.to_bytes()).await;
    let ring = Ring::Sealing;
    Ok(pending(ring, pair.id(), wrapped.map_err(refused(ring))?))
}

/// A key for HMACs, for keeping and for use.
pub(super) async fn mac_key(keks: &Keks, installation: Id) -> Result<(WrappedKey, DigestKey), OpenError> {
    let (id, key) = (KeyId::make()?, DigestKey::make()?);
    // EXPOSE: into the cipher.
    let (names, label) = (keks.names.current(), mac_label(id));
    let wrapped = names.seal_bytes(installation, &label, key.expose()).await;
    let ring = Ring::Mac;
    Ok((pending(ring, id, wrapped.map_err(refused(ring))?), key))
}

/// Manifests hold names with their values: neither key-encryption key alone may open the pairs that open them.
pub(super) async fn seal_under_both(
    keks: &Keks,
    installation: Id,
    label: &str,
    secret: &SecretBytes,
) -> Result<Vec<u8>, KekFault> {
    let (names, values) = (keks.names.current(), keks.values.current());
    // EXPOSE: into the cipher.
    let inner = values.seal_bytes(installation, label, secret.expose()).await?;
    names.seal_bytes(installation, label, &inner).await
}

/// Opens what [`seal_under_both`] made.
pub(super) async fn open_under_both(
    keks: &Keks,
    installation: Id,
    label: &str,
    wrapped: &[u8],
) -> Result<SecretBytes, KekFault> {
    let inner = keks.names.open_bytes(installation, label, wrapped).await?;
    // EXPOSE: still encrypted, under the other key-encryption key.
    keks.values.open_bytes(installation, label, inner.expose()).await
}

fn refused(ring: Ring) -> impl Fn(KekFault) -> OpenError {
    super::rings::refused(ring, || "another key".to_owned())
}

const fn pending(ring: Ring, id: KeyId, wrapped: Vec<u8>) -> WrappedKey {
    WrappedKey {
        ring,
        id,
        state: KeyState::Pending,
        wrapped: Some(wrapped),
        entered: 0,
        activated: 0,
        drawn: 0,
        operations: 0,
    }
}
