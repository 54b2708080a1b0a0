//! What the first start makes, all at once.

use splitvault_crypto::sealing::{Algorithm, KeyPair};
use splitvault_crypto::{Id, KeyId, MasterKey, Purpose};

use crate::error::OpenError;
use crate::kek::{KekFault, Keks, RingKek};
use crate::keys::{KeyState, Ring, Root, WrappedKey};

/// An installation id, one master key per ring, and an X-Wing key pair, wrapped.
pub(super) async fn root(keks: &Keks) -> Result<Root, OpenError> {
    let installation = Id::make()?;
    Ok(Root {
        installation,
        keys: vec![
            master_key(Ring::Names, &keks.names, installation).await?,
            master_key(Ring::Values, &keks.values, installation).await?,
            key_pair(keks, installation).await?,
        ],
    })
}

/// The label that a sealing key pair is wrapped under.
pub(super) fn sealing_label(id: KeyId) -> String {
    format!("sealing-key/{id}")
}

async fn master_key<P: Purpose>(
    ring: Ring,
    kek: &RingKek<P>,
    installation: Id,
) -> Result<WrappedKey, OpenError> {
    let key = MasterKey::<P>::make()?;
    let wrapped = kek.current().wrap(installation, &key).await;
    Ok(active(ring, key.id(), wrapped.map_err(refused(ring))?))
}

async fn key_pair(keks: &Keks, installation: Id) -> Result<WrappedKey, OpenError> {
    let pair = KeyPair::make(Algorithm::XWing)?;
    let wrapped = wrap_pair(keks, installation, &pair).await;
    Ok(active(
        Ring::Sealing,
        pair.id(),
        wrapped.map_err(refused(Ring::Sealing))?,
    ))
}

/// Manifests hold names with their values: neither key-encryption key alone may open them.
async fn wrap_pair(keks: &Keks, installation: Id, pair: &KeyPair) -> Result<Vec<u8>, KekFault> {
    let label = sealing_label(pair.id());
    let secret = pair.to_bytes();
    // EXPOSE: into the cipher.
    let inner = keks
        .values
        .current()
        .seal_bytes(installation, &label, secret.expose());
    let inner = inner.await?;
    keks.names
        .current()
        .seal_bytes(installation, &label, &inner)
        .await
}

fn refused(ring: Ring) -> impl Fn(KekFault) -> OpenError {
    move |fault| OpenError::Kek {
        ring: ring.label(),
        fault,
    }
}

const fn active(ring: Ring, id: KeyId, wrapped: Vec<u8>) -> WrappedKey {
    WrappedKey {
        ring,
        id,
        state: KeyState::Active,
        wrapped: Some(wrapped),
    }
}
