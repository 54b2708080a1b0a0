//! Escrow: a master key sealed to an offline recipient, and taken out of it again. Whoever holds the recipient's private
//! key can read the backups of the time when the key was in use; nobody else can.

use crate::envelope::SealError;
use crate::id::{Id, KeyId};
use crate::ring::{MasterKey, Purpose};
use crate::sealing::{Context, KeyPair, PublicKey, UnsealError};
use crate::secret::SecretKey;

impl<P: Purpose> MasterKey<P> {
    /// Seals this key to a recipient, for this installation, ring and key id.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn escrow(&self, recipient: &PublicKey, installation: Id) -> Result<Vec<u8>, SealError> {
        // EXPOSE: into the cipher.
        recipient.seal(&context::<P>(installation, self.id()), self.key().expose())
    }

    /// Opens what [`Self::escrow`] made of the key with this id.
    ///
    /// # Errors
    /// See [`UnsealError`].
    pub fn from_escrow(
        recipient: &KeyPair,
        installation: Id,
        id: KeyId,
        sealed: &[u8],
    ) -> Result<Self, UnsealError> {
        let bytes = recipient.open(&context::<P>(installation, id), sealed)?;
        // EXPOSE: into the key's own box.
        let key = SecretKey::copy_of(bytes.expose()).ok_or(UnsealError::Refused)?;
        Ok(Self::new(id, key))
    }
}

fn context<P: Purpose>(installation: Id, key: KeyId) -> Context<'static> {
    Context::Escrow {
        installation,
        ring: P::LABEL,
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::Algorithm;
    use crate::{Coordinates, KeyRing, Names, Values};

    #[test]
    fn a_key_comes_back_from_escrow_at_its_own_coordinates_only() {
        let (pair, other) = (
            KeyPair::make(Algorithm::XWing).unwrap(),
            KeyPair::make(Algorithm::XWing).unwrap(),
        );
        let (key, here) = (MasterKey::<Values>::make().unwrap(), Id::make().unwrap());
        let id = key.id();
        let sealed = key.escrow(pair.public(), here).unwrap();
        let at = Coordinates {
            installation: here,
            environment: Id::ZERO,
            revision: 1,
            entry: Id::ZERO,
        };
        let envelope = KeyRing::new(key).seal(&at, b"a value").unwrap();
        let back = MasterKey::<Values>::from_escrow(&pair, here, id, &sealed).unwrap();
        assert_eq!(
            KeyRing::new(back).open(&at, &envelope).unwrap().expose(),
            b"a value"
        );
        let refused = [
            MasterKey::<Values>::from_escrow(&other, here, id, &sealed).is_err(),
            MasterKey::<Values>::from_escrow(&pair, Id::ZERO, id, &sealed).is_err(),
            MasterKey::<Values>::from_escrow(&pair, here, KeyId::from_bytes([0; 8]), &sealed).is_err(),
            MasterKey::<Names>::from_escrow(&pair, here, id, &sealed).is_err(),
            MasterKey::<Values>::from_escrow(&pair, here, id, &sealed[..sealed.len() - 1]).is_err(),
        ];
        assert_eq!(refused, [true; 5]);
    }
}
