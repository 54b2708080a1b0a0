//! Key files from outside, and keys that are not the right ones.

use splitvault_crypto::{FileKek, Id, KekError, MasterKey, Names, OpenError, Values};

use crate::reference::{Envelope, pad};
use crate::vectors::{Frozen, hex};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn parse(text: &str) -> Result<(), KekError> {
    FileKek::<Names>::parse(text.as_bytes()).map(drop)
}

#[test]
fn a_key_file_may_have_white_space_around_it() {
    for text in [
        "splitvault-kek-v1:names:{}",
        "\n splitvault-kek-v1:names:{}\r\n\n",
    ] {
        assert_eq!(parse(&text.replace("{}", KEY)), Ok(()));
    }
}

#[test]
fn the_key_file_of_the_other_ring_is_refused_by_name() {
    let wrong = KekError::WrongRing {
        expected: "names",
        got: "values",
    };
    assert_eq!(parse(&format!("splitvault-kek-v1:values:{KEY}")), Err(wrong));
    assert!(FileKek::<Values>::parse(format!("splitvault-kek-v1:values:{KEY}").as_bytes()).is_ok());
}

#[test]
fn anything_else_is_no_key_file() {
    let long = "A".repeat(1 << 20);
    let texts = [
        String::new(),
        "\n".into(),
        ":::".into(),
        KEY.into(),
        format!("splitvault-kek-v2:names:{KEY}"),
        format!("splitvault-kek-v1:name:{KEY}"),
        format!("splitvault-kek-v1:names {KEY}"),
        format!("splitvault-kek-v1:names:{KEY}:"),
        format!("splitvault-kek-v1:names:{KEY}\nsplitvault-kek-v1:names:{KEY}"),
        format!("splitvault-kek-v1:names:{}", &KEY[..43]),
        format!("splitvault-kek-v1:names:{}", &KEY[..40]),
        format!("splitvault-kek-v1:names:AAEC{KEY}"),
        format!("splitvault-kek-v1:names: {KEY}"),
        "splitvault-kek-v1:names:".into(),
        "splitvault-kek-v1:names:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=".into(),
        format!("splitvault-kek-v1:names:{long}"),
        long,
    ];
    for text in texts {
        assert_eq!(
            parse(&text),
            Err(KekError::Malformed),
            "{}",
            &text[..text.len().min(100)]
        );
    }
    assert_eq!(
        FileKek::<Names>::parse(&[0xff; 64]).map(drop),
        Err(KekError::Malformed)
    );
}

#[test]
fn a_new_key_survives_its_file_and_no_two_are_the_same() {
    let kek = FileKek::<Values>::make().unwrap();
    let read = FileKek::<Values>::parse(kek.to_text().expose().as_bytes()).unwrap();
    assert_eq!(read.id(), kek.id());
    let key = MasterKey::make().unwrap();
    let wrapped = kek.wrap(Id::ZERO, &key).unwrap();
    assert_eq!(read.unwrap(Id::ZERO, key.id(), &wrapped).unwrap().id(), key.id());
    assert_ne!(FileKek::<Values>::make().unwrap().id(), kek.id());
}

#[test]
fn the_wrong_key_file_is_told_by_its_id() {
    let (right, wrong) = (
        FileKek::<Names>::make().unwrap(),
        FileKek::<Names>::make().unwrap(),
    );
    let key = MasterKey::make().unwrap();
    let wrapped = right.wrap(Id::ZERO, &key).unwrap();
    let error = OpenError::UnknownKey(right.id());
    assert_eq!(wrong.unwrap(Id::ZERO, key.id(), &wrapped).err(), Some(error));
    let sealed = right.seal_bytes(Id::ZERO, "label", b"secret").unwrap();
    assert_eq!(wrong.open_bytes(Id::ZERO, "label", &sealed).err(), Some(error));
}

#[test]
fn every_flipped_byte_of_a_wrapped_key_is_noticed() {
    let frozen = Frozen::<Names>::load();
    let wrapped = hex(&frozen.json, "wrapped");
    for place in 0..wrapped.len() {
        let mut altered = wrapped.clone();
        altered[place] ^= 1;
        assert!(
            frozen
                .kek
                .unwrap(frozen.at.installation, frozen.master_id, &altered)
                .is_err(),
            "byte {place}"
        );
        assert!(
            frozen
                .kek
                .unwrap(frozen.at.installation, frozen.master_id, &wrapped[..place])
                .is_err()
        );
    }
}

#[test]
fn a_wrapped_key_of_another_length_is_refused() {
    let frozen = Frozen::<Names>::load();
    let wrapped = |len| Envelope {
        key: (0..32).collect(),
        key_id: frozen.kek.id().as_bytes().to_vec(),
        salt: vec![3; 32],
        format: "splitvault/master-key/v1",
        purpose: "names",
        coordinates: vec![
            frozen.at.installation.as_bytes().to_vec(),
            frozen.master_id.as_bytes().to_vec(),
        ],
        padded: pad(&vec![9; len], 64),
        commitment: None,
    };
    let unwrap = |len| {
        frozen
            .kek
            .unwrap(frozen.at.installation, frozen.master_id, &wrapped(len).seal())
            .err()
    };
    assert_eq!(unwrap(32), None, "the test wraps as the crate does");
    assert!(
        [0, 31, 33]
            .into_iter()
            .all(|len| unwrap(len) == Some(OpenError::Refused))
    );
}

#[test]
fn keys_print_their_id_and_nothing_else() {
    let frozen = Frozen::<Names>::load();
    assert_eq!(
        format!("{:?}", frozen.kek),
        format!("FileKek<names>({})", frozen.kek.id())
    );
    assert_eq!(
        format!("{:?}", frozen.master_key()),
        format!("MasterKey<names>({})", frozen.master_id)
    );
    assert_eq!(
        format!("{:?}", frozen.ring()),
        format!("[MasterKey<names>({})]", frozen.master_id)
    );
}
