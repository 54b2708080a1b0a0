//! HPKE itself, for any KEM: single-shot, in place, with randomness drawn beforehand.

use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::{
    Deserializable as _, HpkeError, Kem, OpModeR, OpModeS, Serializable as _,
    single_shot_open_inout_detached, single_shot_seal_inout_detached_with_rng,
};

use crate::random::Drawn;

pub(super) use hpke::kem::{X25519HkdfSha256, XWing};

/// `Context`-bound inputs of one message.
pub(super) struct Bound<'a> {
    pub(super) info: &'a [u8],
    pub(super) associated: &'a [u8],
}

/// Encrypts `buffer` in place and answers the encapsulated key and the tag.
pub(super) fn seal<K: Kem>(
    key: &K::PublicKey,
    bound: &Bound<'_>,
    buffer: &mut [u8],
    random: &mut Drawn,
) -> Result<(Vec<u8>, Vec<u8>), HpkeError> {
    let (encapsulated, tag) = single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, K>(
        &OpModeS::Base,
        key,
        bound.info,
        InOutBuf::from(buffer),
        bound.associated,
        random,
    )?;
    Ok((encapsulated.to_bytes().to_vec(), tag.to_bytes().to_vec()))
}

/// Decrypts `buffer` in place; after an error its content is undefined.
pub(super) fn open<K: Kem>(
    key: &K::PrivateKey,
    bound: &Bound<'_>,
    encapsulated: &[u8],
    buffer: &mut [u8],
    tag: &[u8],
) -> Result<(), HpkeError> {
    single_shot_open_inout_detached::<AesGcm256, HkdfSha256, K>(
        &OpModeR::Base,
        key,
        &K::EncappedKey::from_bytes(encapsulated)?,
        bound.info,
        InOutBuf::from(buffer),
        bound.associated,
        &AeadTag::<AesGcm256>::from_bytes(tag)?,
    )
}

#[cfg(test)]
mod tests;
