//! Our formats, frozen. `ours.json` comes from an implementation in Go (`make.go` beside it); the AWS-LC one
//! in [`crate::reference`] must compute the same bytes, and the crate must read them and write the like.

use std::str::FromStr as _;

use splitvault_crypto::sealing::{Context, KeyPair, PublicKey, sealed_key_id};
use splitvault_crypto::{
    Coordinates, DigestKey, FileKek, KeyRing, MasterKey, Names, Purpose, SecretBytes, Values,
};

use crate::reference::{Envelope, pad};
use crate::vectors::{ESCROW, Frozen, OURS, hex, load, text};

const SALT: std::ops::Range<usize> = 9..41;
const OVERHEAD: usize = 89;

fn envelopes_open<P: Purpose>() {
    let frozen = Frozen::<P>::load();
    let ring = frozen.ring();
    assert_eq!(frozen.entries().len(), 5);
    for (plaintext, envelope) in frozen.entries() {
        assert_eq!(ring.open(&frozen.at, &envelope).unwrap().expose(), plaintext);
    }
}

#[test]
fn frozen_envelopes_of_both_rings_open() {
    envelopes_open::<Names>();
    envelopes_open::<Values>();
}

/// The same envelope by the reference, from its own salt.
fn recompute<P: Purpose>(frozen: &Frozen<P>, at: &Coordinates, plaintext: &[u8], envelope: &[u8]) -> Vec<u8> {
    let padded = pad(plaintext, envelope.len() - OVERHEAD);
    let id = frozen.master_id.as_bytes();
    Envelope::entry::<P>(&frozen.master, id, &envelope[SALT], at, padded).seal()
}

fn envelopes_recompute<P: Purpose>() {
    let frozen = Frozen::<P>::load();
    for (plaintext, envelope) in frozen.entries() {
        assert_eq!(recompute(&frozen, &frozen.at, &plaintext, &envelope), envelope);
    }
}

#[test]
fn frozen_envelopes_are_what_the_reference_computes() {
    envelopes_recompute::<Names>();
    envelopes_recompute::<Values>();
}

fn seals_like_the_reference<P: Purpose>() {
    let frozen = Frozen::<P>::load();
    let ring: KeyRing<P> = frozen.ring();
    for len in (0..200).chain([1000, 32 * 1024]) {
        let at = Coordinates {
            revision: len as u64,
            ..frozen.at
        };
        let plaintext: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let envelope = ring.seal(&at, &plaintext).unwrap();
        assert_eq!(
            recompute(&frozen, &at, &plaintext, &envelope),
            envelope,
            "{len} bytes"
        );
    }
}

#[test]
fn what_is_sealed_today_is_what_the_reference_computes() {
    seals_like_the_reference::<Names>();
    seals_like_the_reference::<Values>();
}

fn at_rest<P: Purpose>() {
    let frozen = Frozen::<P>::load();
    assert_eq!(frozen.kek.id().to_string(), text(&frozen.json, "kek_id"));
    assert_eq!(frozen.kek.to_text().expose(), text(&frozen.json, "kek"));
    let sealed = hex(&frozen.json, "sealed_bytes");
    let opened = frozen
        .kek
        .open_bytes(frozen.at.installation, text(&frozen.json, "label"), &sealed)
        .unwrap();
    assert_eq!(opened.expose(), hex(&frozen.json, "bytes"));
    let installation = frozen.at.installation;
    let wrapped = frozen.kek.wrap(installation, &frozen.master_key()).unwrap();
    assert_eq!(wrapped.len(), 64 + OVERHEAD);
    let again = FileKek::<P>::parse(frozen.kek.to_text().expose().as_bytes()).unwrap();
    let ring = KeyRing::new(again.unwrap(installation, frozen.master_id, &wrapped).unwrap());
    let (plaintext, envelope) = frozen.entries().swap_remove(1);
    assert_eq!(ring.open(&frozen.at, &envelope).unwrap().expose(), plaintext);
}

#[test]
fn frozen_key_files_and_what_they_encrypt_open() {
    at_rest::<Names>();
    at_rest::<Values>();
}

#[test]
fn frozen_sealed_messages_open() {
    let file = load(OURS);
    for vector in file["sealed"].as_array().unwrap() {
        let pair = KeyPair::from_bytes(&SecretBytes::from(hex(vector, "key_pair"))).unwrap();
        let public = PublicKey::from_str(text(vector, "public")).unwrap();
        assert!(
            *pair.public() == public,
            "the public half follows from the private one"
        );
        assert_eq!(public.to_text(), text(vector, "public"));
        assert_eq!(public.id().to_string(), text(vector, "id"));
        let parts: Vec<_> = vector["context"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part.as_str().unwrap())
            .collect();
        let context = match parts.as_slice() {
            ["manifest", namespace, name] => Context::Manifest { namespace, name },
            ["delivery", pod_uid] => Context::Delivery { pod_uid },
            ["answer", request_uid] => Context::Answer { request_uid },
            other => panic!("{other:?}"),
        };
        let sealed = hex(vector, "sealed");
        assert_eq!(sealed_key_id(&sealed), Some(pair.id()));
        assert_eq!(
            pair.open(&context, &sealed).unwrap().expose(),
            hex(vector, "plaintext")
        );
        assert_eq!(pair.to_bytes().expose(), hex(vector, "key_pair"));
    }
}

fn escrowed_keys_open<P: Purpose>() {
    let (frozen, vector) = (Frozen::<P>::load(), load(ESCROW)[P::LABEL].take());
    let recipient = KeyPair::parse(text(&vector, "private").as_bytes()).unwrap();
    assert_eq!(recipient.to_text().expose(), text(&vector, "private"));
    assert_eq!(recipient.to_bytes().expose(), hex(&vector, "key_pair"));
    assert_eq!(recipient.public().to_text(), text(&vector, "public"));
    let (installation, sealed) = (frozen.at.installation, hex(&vector, "sealed"));
    let context = Context::Escrow {
        installation,
        ring: P::LABEL,
        key: frozen.master_id,
    };
    assert_eq!(recipient.open(&context, &sealed).unwrap().expose(), frozen.master);
    let key = MasterKey::<P>::from_escrow(&recipient, installation, frozen.master_id, &sealed).unwrap();
    let ring = KeyRing::new(key);
    for (plaintext, envelope) in frozen.entries() {
        assert_eq!(ring.open(&frozen.at, &envelope).unwrap().expose(), plaintext);
    }
}

#[test]
fn frozen_master_keys_come_back_from_escrow() {
    escrowed_keys_open::<Names>();
    escrowed_keys_open::<Values>();
}

#[test]
fn frozen_digest_holds_and_no_other_list_of_parts_has_it() {
    let vector = load(OURS)["digest"].take();
    let key = DigestKey::try_from(SecretBytes::from(hex(&vector, "key"))).unwrap();
    let mac = hex(&vector, "mac");
    let parts: Vec<_> = vector["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_str().unwrap().as_bytes())
        .collect();
    assert_eq!(key.mac(&parts).as_slice(), mac);
    assert!(key.verify(&parts, &mac));
    let others: [&[&[u8]]; 4] = [&[b"one", b"three"], &[b"onethree"], &[b"one", b"three", b""], &[]];
    assert!(others.iter().all(|parts| !key.verify(parts, &mac)));
    assert!(!key.verify(&parts, &mac[..31]), "a shortened digest is no digest");
    assert!(DigestKey::try_from(SecretBytes::copy_of(&[0; 31])).is_err());
    assert_eq!(format!("{key:?}"), "DigestKey");
}
