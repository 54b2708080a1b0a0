//! The envelope once more, written from `docs/crypto.md` on AWS-LC: no code in common with the crate.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use splitvault_crypto::{Coordinates, Purpose};

/// What goes into an envelope.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) key: Vec<u8>,
    pub(crate) key_id: Vec<u8>,
    pub(crate) salt: Vec<u8>,
    pub(crate) format: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) coordinates: Vec<Vec<u8>>,
    pub(crate) padded: Vec<u8>,
    /// In place of the right commitment.
    pub(crate) commitment: Option<[u8; 32]>,
}

impl Envelope {
    /// An entry of a ring.
    pub(crate) fn entry<P: Purpose>(
        key: &[u8],
        key_id: &[u8],
        salt: &[u8],
        at: &Coordinates,
        padded: Vec<u8>,
    ) -> Self {
        Self {
            key: key.to_vec(),
            key_id: key_id.to_vec(),
            salt: salt.to_vec(),
            format: "splitvault/entry/v1",
            purpose: P::LABEL,
            coordinates: vec![
                at.installation.as_bytes().to_vec(),
                at.environment.as_bytes().to_vec(),
                at.revision.to_be_bytes().to_vec(),
                at.entry.as_bytes().to_vec(),
            ],
            padded,
            commitment: None,
        }
    }

    pub(crate) fn seal(&self) -> Vec<u8> {
        let scope = fields(&[self.format.as_bytes(), self.purpose.as_bytes()]);
        let derived = hkdf(&self.salt, &self.key, &scope, 64);
        let commitment = self
            .commitment
            .unwrap_or_else(|| derived[32..].try_into().unwrap());
        let header = [&[1], self.key_id.as_slice(), &self.salt, &commitment].concat();
        let coordinates: Vec<_> = self.coordinates.iter().map(Vec::as_slice).collect();
        let associated = [header.as_slice(), &scope, &fields(&coordinates)].concat();
        let mut body = self.padded.clone();
        gcm(&derived[..32], [0; 12], &associated, &mut body);
        [header, body].concat()
    }
}

pub(crate) fn fields(parts: &[&[u8]]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|part| [&(part.len() as u64).to_be_bytes(), *part].concat())
        .collect()
}

/// `length ‖ data ‖ zeros`, `size` bytes in all.
pub(crate) fn pad(data: &[u8], size: usize) -> Vec<u8> {
    let mut out = [&(data.len() as u32).to_be_bytes(), data].concat();
    out.resize(size, 0);
    out
}

pub(crate) fn hkdf(salt: &[u8], ikm: &[u8], info: &[u8], len: usize) -> Vec<u8> {
    struct Len(usize);
    impl KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = vec![0; len];
    let prk = Salt::new(HKDF_SHA256, salt).extract(ikm);
    prk.expand(&[info], Len(len)).unwrap().fill(&mut out).unwrap();
    out
}

/// Encrypts `body` in place and appends the tag.
pub(crate) fn gcm(key: &[u8], nonce: [u8; 12], associated: &[u8], body: &mut Vec<u8>) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(associated), body)
        .unwrap();
}
