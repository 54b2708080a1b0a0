//! A ciphertext opens where it belongs and nowhere else: one test for each coordinate.

use splitvault_crypto::{Coordinates, FileKek, Id, KeyRing, Names, OpenError, Purpose, Values};

use crate::reference::{Envelope, pad};
use crate::vectors::{Frozen, hex, text};

/// What a reader at other coordinates says; at the right ones the envelope must open.
fn moved_to(change: impl FnOnce(&mut Coordinates)) -> OpenError {
    let frozen = Frozen::<Values>::load();
    let ring = frozen.ring();
    let envelope = ring.seal(&frozen.at, b"value").unwrap();
    assert_eq!(ring.open(&frozen.at, &envelope).unwrap().expose(), b"value");
    let mut elsewhere = frozen.at;
    change(&mut elsewhere);
    ring.open(&elsewhere, &envelope).unwrap_err()
}

#[test]
fn another_installation() {
    assert_eq!(moved_to(|at| at.installation = Id::ZERO), OpenError::Refused);
}

#[test]
fn another_environment() {
    assert_eq!(moved_to(|at| at.environment = Id::ZERO), OpenError::Refused);
}

#[test]
fn another_revision() {
    assert_eq!(moved_to(|at| at.revision += 1), OpenError::Refused);
    assert_eq!(moved_to(|at| at.revision -= 1), OpenError::Refused);
}

#[test]
fn another_entry() {
    assert_eq!(moved_to(|at| at.entry = Id::ZERO), OpenError::Refused);
}

#[test]
fn two_coordinates_swapped() {
    let swap = |at: &mut Coordinates| std::mem::swap(&mut at.environment, &mut at.entry);
    assert_eq!(moved_to(swap), OpenError::Refused);
}

/// A ring of `P` that has, against every rule, the master key of the frozen ring of `Q`.
fn ring_with_key_of<P: Purpose, Q: Purpose>() -> KeyRing<P> {
    let (own, other) = (Frozen::<P>::load(), Frozen::<Q>::load());
    let kek = own.json["kek"].as_str().unwrap().as_bytes();
    let wrapped = Envelope {
        // The frozen key file counts up from 0x00 for names and from 0x80 for values.
        key: (if P::LABEL == "names" { 0..32 } else { 128..160 }).collect(),
        key_id: own.kek.id().as_bytes().to_vec(),
        salt: vec![1; 32],
        format: "splitvault/master-key/v1",
        purpose: P::LABEL,
        coordinates: vec![
            own.at.installation.as_bytes().to_vec(),
            other.master_id.as_bytes().to_vec(),
        ],
        padded: pad(&other.master, 64),
        commitment: None,
    };
    let kek = FileKek::<P>::parse(kek).unwrap();
    KeyRing::new(
        kek.unwrap(own.at.installation, other.master_id, &wrapped.seal())
            .unwrap(),
    )
}

#[test]
fn the_other_store_even_under_the_same_key() {
    let names = Frozen::<Names>::load();
    let envelope = names.entries().swap_remove(1).1;
    let same = ring_with_key_of::<Names, Names>();
    assert_eq!(
        same.open(&names.at, &envelope).unwrap().expose(),
        b"DATABASE_URL",
        "the key is the right one"
    );
    let other = ring_with_key_of::<Values, Names>();
    assert_eq!(other.active(), names.master_id);
    assert_eq!(other.open(&names.at, &envelope).unwrap_err(), OpenError::Refused);
}

#[test]
fn what_is_wrapped_opens_for_its_installation_and_key_id_only() {
    let frozen = Frozen::<Names>::load();
    let wrapped = hex(&frozen.json, "wrapped");
    let unwrap = |installation, id| frozen.kek.unwrap(installation, id, &wrapped).map(|key| key.id());
    assert_eq!(
        unwrap(frozen.at.installation, frozen.master_id),
        Ok(frozen.master_id)
    );
    assert_eq!(unwrap(Id::ZERO, frozen.master_id), Err(OpenError::Refused));
    assert_eq!(
        unwrap(frozen.at.installation, frozen.kek.id()),
        Err(OpenError::Refused)
    );
}

#[test]
fn other_secrets_at_rest_open_for_their_installation_and_label_only() {
    let frozen = Frozen::<Names>::load();
    let (sealed, label) = (hex(&frozen.json, "sealed_bytes"), text(&frozen.json, "label"));
    let refused = |installation, label| frozen.kek.open_bytes(installation, label, &sealed).err();
    assert_eq!(refused(frozen.at.installation, label), None);
    assert_eq!(refused(Id::ZERO, label), Some(OpenError::Refused));
    assert_eq!(
        refused(frozen.at.installation, "sealing-key/2"),
        Some(OpenError::Refused)
    );
    assert_eq!(refused(frozen.at.installation, ""), Some(OpenError::Refused));
}

#[test]
fn a_wrapped_master_key_is_no_other_secret_and_the_other_way_round() {
    let frozen = Frozen::<Names>::load();
    let installation = frozen.at.installation;
    let label = String::from_utf8_lossy(frozen.master_id.as_bytes()).into_owned();
    let wrapped = hex(&frozen.json, "wrapped");
    assert_eq!(
        frozen.kek.open_bytes(installation, &label, &wrapped).err(),
        Some(OpenError::Refused)
    );
    let sealed = frozen
        .kek
        .seal_bytes(installation, &label, &frozen.master)
        .unwrap();
    assert_eq!(
        frozen.kek.unwrap(installation, frozen.master_id, &sealed).err(),
        Some(OpenError::Refused)
    );
}
