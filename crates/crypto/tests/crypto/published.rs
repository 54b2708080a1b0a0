//! Published vectors of the primitives, as this build links and configures them. HPKE and X-Wing are tested
//! beside their code, `src/sealing/kem/tests.rs`.

use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use splitvault_crypto::sha256;

use crate::reference;
use crate::vectors::{hex, load};

const GCM: &str = include_str!("../vectors/nist-aes256gcm.json");
const HKDF: &str = include_str!("../vectors/rfc5869-sha256.json");

#[test]
fn aes_256_gcm_is_that_of_nist() {
    let file = load(GCM);
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 27);
    for vector in vectors {
        let [key, nonce, plaintext, aad, ciphertext, tag] =
            ["key", "nonce", "plaintext", "aad", "ciphertext", "tag"].map(|field| hex(vector, field));
        let cipher = Aes256Gcm::new_from_slice(&key).unwrap();
        let nonce_array = Nonce::try_from(nonce.as_slice()).unwrap();
        let mut buffer = plaintext.clone();
        let made = cipher
            .encrypt_inout_detached(&nonce_array, &aad, buffer.as_mut_slice().into())
            .unwrap();
        assert_eq!((&buffer, made.as_slice()), (&ciphertext, tag.as_slice()));
        let mut wrong = Tag::try_from(tag.as_slice()).unwrap();
        wrong[15] ^= 1;
        assert!(
            cipher
                .decrypt_inout_detached(&nonce_array, &aad, buffer.as_mut_slice().into(), &wrong)
                .is_err()
        );
        let tag = Tag::try_from(tag.as_slice()).unwrap();
        cipher
            .decrypt_inout_detached(&nonce_array, &aad, buffer.as_mut_slice().into(), &tag)
            .unwrap();
        assert_eq!(buffer, plaintext);
        reference::gcm(&key, nonce.try_into().unwrap(), &aad, &mut buffer);
        assert_eq!(buffer, [ciphertext.as_slice(), &tag].concat(), "AWS-LC agrees");
    }
}

#[test]
fn hkdf_sha_256_is_that_of_rfc_5869() {
    let file = load(HKDF);
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let [ikm, salt, info, prk, okm] =
            ["ikm", "salt", "info", "prk", "okm"].map(|field| hex(vector, field));
        let (extracted, hkdf) = Hkdf::<Sha256>::extract(Some(&salt), &ikm);
        assert_eq!(extracted.as_slice(), prk);
        let mut made = vec![0; okm.len()];
        hkdf.expand(&info, &mut made).unwrap();
        assert_eq!(made, okm);
        assert_eq!(
            reference::hkdf(&salt, &ikm, &info, okm.len()),
            okm,
            "AWS-LC agrees"
        );
    }
}

#[test]
fn sha_256_of_abc_is_that_of_fips_180() {
    let expected = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0,
        0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    ];
    assert_eq!(sha256(b"abc"), expected);
}
