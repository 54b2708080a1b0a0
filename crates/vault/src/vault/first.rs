//! What the first start makes, all at once.

use splitvault_crypto::sealing::{Algorithm, KeyPair};
use splitvault_crypto::{FileKek, Id, KeyId, MasterKey, Purpose};

use super::Keks;
use crate::error::OpenError;
use crate::keys::{KeyState, Ring, Root, WrappedKey};

/// An installation id, one master key per ring, and an X-Wing key pair, wrapped.
pub(super) fn root(keks: &Keks) -> Result<Root, OpenError> {
    let installation = Id::make()?;
    Ok(Root {
        installation,
        keys: vec![
            master_key(Ring::Names, &keks.names, installation)?,
            master_key(Ring::Values, &keks.values, installation)?,
            key_pair(keks, installation)?,
        ],
    })
}

/// The label that a sealing key pair is wrapped under.
pub(super) fn sealing_label(id: KeyId) -> String {
    format!("sealing-key/{id}")
}

fn master_key<P: Purpose>(ring: Ring, kek: &FileKek<P>, installation: Id) -> Result<WrappedKey, OpenError> {
    let key = MasterKey::<P>::make()?;
    Ok(active(ring, key.id(), kek.wrap(installation, &key)?))
}

fn key_pair(keks: &Keks, installation: Id) -> Result<WrappedKey, OpenError> {
    let pair = KeyPair::make(Algorithm::XWing)?;
    let label = sealing_label(pair.id());
    // Manifests hold names with their values: neither key-encryption key alone may open them.
    // EXPOSE: into the cipher.
    let inner = keks
        .values
        .seal_bytes(installation, &label, pair.to_bytes().expose())?;
    let wrapped = keks.names.seal_bytes(installation, &label, &inner)?;
    Ok(active(Ring::Sealing, pair.id(), wrapped))
}

const fn active(ring: Ring, id: KeyId, wrapped: Vec<u8>) -> WrappedKey {
    WrappedKey {
        ring,
        id,
        state: KeyState::Active,
        wrapped: Some(wrapped),
    }
}
