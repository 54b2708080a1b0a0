//! Published vectors through the very functions that seal and open: RFC 9180 for X25519, the drafts for X-Wing.

use hpke::aead::ChaCha20Poly1305;
use hpke::{OpModeR, OpModeS, single_shot_open, single_shot_seal_with_rng};
use serde_json::Value;
use zeroize::Zeroizing;

use super::*;

const RFC_9180: &str = include_str!("../../../tests/vectors/rfc9180-x25519-sha256-aes256gcm.json");
const XWING: &str = include_str!("../../../tests/vectors/xwing-draft.json");
const HPKE_PQ: &str = include_str!("../../../tests/vectors/hpke-pq-xwing-sha256-chacha20poly1305.json");

fn hex(object: &Value, field: &str) -> Vec<u8> {
    let digits = object[field].as_str().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The vector's randomness, in place of the operating system's.
fn fixed(bytes: &[u8]) -> Drawn {
    let mut all = Zeroizing::new([0; Drawn::LEN]);
    all[..bytes.len()].copy_from_slice(bytes);
    Drawn::from_bytes(all)
}

fn key_pair<K: Kem>(private: &[u8], public: &[u8]) -> (K::PrivateKey, K::PublicKey) {
    let private = K::PrivateKey::from_bytes(private).unwrap();
    let derived = K::sk_to_pk(&private);
    assert_eq!(derived.to_bytes().as_slice(), public);
    (private, K::PublicKey::from_bytes(public).unwrap())
}

#[test]
fn x25519_messages_are_those_of_rfc_9180() {
    let vector: Value = serde_json::from_str(RFC_9180).unwrap();
    let [info, aad, plaintext, encapsulated, ciphertext] =
        ["info", "aad", "pt", "enc", "ct"].map(|field| hex(&vector, field));
    let (private, public) = key_pair::<X25519HkdfSha256>(&hex(&vector, "skRm"), &hex(&vector, "pkRm"));
    let bound = Bound {
        info: &info,
        associated: &aad,
    };
    let mut buffer = plaintext.clone();
    let mut random = fixed(&hex(&vector, "ikmE"));
    let (made, tag) = seal::<X25519HkdfSha256>(&public, &bound, &mut buffer, &mut random).unwrap();
    assert_eq!(
        (&made, [buffer.as_slice(), &tag].concat()),
        (&encapsulated, ciphertext)
    );
    open::<X25519HkdfSha256>(&private, &bound, &encapsulated, &mut buffer, &tag).unwrap();
    assert_eq!(buffer, plaintext);
}

#[test]
fn x_wing_keys_and_secrets_are_those_of_the_draft() {
    let file: Value = serde_json::from_str(XWING).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let (private, public) = key_pair::<XWing>(&hex(vector, "sk"), &hex(vector, "pk"));
        let (secret, encapsulated) =
            XWing::encap_with_rng(&public, None, &mut fixed(&hex(vector, "eseed"))).unwrap();
        assert_eq!(encapsulated.to_bytes().as_slice(), hex(vector, "ct"));
        assert_eq!(secret.0.as_slice(), hex(vector, "ss"));
        let opened = XWing::decap(&private, None, &encapsulated).unwrap();
        assert_eq!(opened.0.as_slice(), hex(vector, "ss"));
        // The same randomness through the function that seals gives the same encapsulated key.
        let bound = Bound {
            info: b"info",
            associated: b"aad",
        };
        let (mut buffer, mut random) = (*b"plaintext", fixed(&hex(vector, "eseed")));
        let (made, tag) = seal::<XWing>(&public, &bound, &mut buffer, &mut random).unwrap();
        assert_eq!(
            (made.as_slice(), random.sufficed()),
            (encapsulated.to_bytes().as_slice(), Ok(()))
        );
        open::<XWing>(&private, &bound, &made, &mut buffer, &tag).unwrap();
        assert_eq!(&buffer, b"plaintext");
    }
}

/// The draft's vectors have no AES-256-GCM for this KEM, so the cipher is another here; KEM, KDF and key schedule
/// are ours.
#[test]
fn x_wing_messages_are_those_of_the_hpke_draft() {
    let vector: Value = serde_json::from_str(HPKE_PQ).unwrap();
    let [info, aad, plaintext, encapsulated, ciphertext] =
        ["info", "aad", "pt", "enc", "ct"].map(|field| hex(&vector, field));
    let (private, public) = key_pair::<XWing>(&hex(&vector, "skRm"), &hex(&vector, "pkRm"));
    let (made, sealed) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        &info,
        &plaintext,
        &aad,
        &mut fixed(&hex(&vector, "ikmE")),
    )
    .unwrap();
    assert_eq!(
        (made.to_bytes().as_slice(), &sealed),
        (encapsulated.as_slice(), &ciphertext)
    );
    let opened = single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Base,
        &private,
        &made,
        &info,
        &ciphertext,
        &aad,
    );
    assert_eq!(opened.unwrap(), plaintext);
}
