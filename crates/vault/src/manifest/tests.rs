//! The plaintext's layout, and everything that is not it.

use splitvault_crypto::MasterKey;

use super::*;

#[test]
fn a_manifest_comes_back_and_no_part_of_it_does() {
    let ring = KeyRing::new(MasterKey::make().unwrap());
    let place = Place {
        installation: Id::from_bytes([1; 16]),
        environment: Id::from_bytes([2; 16]),
    };
    let manifest = Manifest {
        current: true,
        writes: 9,
        uid: "uid".into(),
        rows: vec![
            (Id::from_bytes([3; 16]), [4; 32]),
            (Id::from_bytes([5; 16]), [6; 32]),
        ],
        digest: [7; 32],
        source: [8; 32],
        restored_from: Some(1),
        digest_key: DigestKey::make().unwrap(),
        created: vec![Name::parse("MADE").unwrap()],
        history: vec![HistoryEntry {
            revision: 2,
            entries: 3,
        }],
    };
    let sealed = manifest.seal(&ring, place, 4).unwrap();
    let plaintext = ring.open(&place.at(4, Id::ZERO), &sealed).unwrap();
    let found = parse(&plaintext).unwrap();
    assert_eq!(
        (found.current, found.writes, found.uid.as_str()),
        (true, 9, "uid")
    );
    assert_eq!((found.digest, found.source), ([7; 32], [8; 32]));
    assert_eq!(found.rows, manifest.rows);
    assert_eq!(found.created, manifest.created);
    assert_eq!(found.history, manifest.history);
    assert_eq!(found.digest_key.expose(), manifest.digest_key.expose());
    let whole = plaintext.expose();
    for len in 0..whole.len() {
        assert!(parse(&SecretBytes::copy_of(&whole[..len])).is_none());
    }
    assert!(parse(&SecretBytes::copy_of(&[whole, b"\0"].concat())).is_none());
}

#[test]
fn counts_beyond_the_end_are_refused_before_anything_is_allocated() {
    let mut bytes = vec![0; FIXED + 4];
    bytes[0] = KIND;
    assert!(parse(&SecretBytes::copy_of(&bytes)).is_some(), "an empty one");
    // UID of no bytes, then four thousand million rows.
    bytes[1 + 1 + 8 + 8 + 96 + 4..][..4].fill(0xff);
    assert!(parse(&SecretBytes::copy_of(&bytes)).is_none());
}
