//! Envelopes that were altered, cut, grown, or made by someone who knows almost everything.

use splitvault_crypto::{KeyId, KeyRing, LIMIT, MasterKey, Names, OpenError, Purpose, Values};

use crate::reference::{Envelope, pad};
use crate::vectors::Frozen;

/// Offsets of the envelope's fields (docs/crypto.md).
const KEY_ID: usize = 1;
const SALT: usize = 9;
const COMMITMENT: usize = 41;
const BODY: usize = 73;
const TAG: usize = 16;

fn refusal<P: Purpose>(frozen: &Frozen<P>, envelope: &[u8]) -> Option<OpenError> {
    frozen.ring().open(&frozen.at, envelope).err()
}

fn frozen<P: Purpose>() -> (Frozen<P>, Vec<u8>) {
    let frozen = Frozen::<P>::load();
    let envelope = frozen.entries().swap_remove(1).1;
    assert_eq!(
        refusal(&frozen, &envelope),
        None,
        "it opens as long as nobody touches it"
    );
    (frozen, envelope)
}

/// Flips each bit of each byte in `range`, and answers what the reader says to each.
fn flipped(range: std::ops::Range<usize>) -> Vec<(KeyId, OpenError)> {
    let (frozen, envelope) = frozen::<Values>();
    let ring = frozen.ring();
    let bits = range.flat_map(|place| (0..8).map(move |bit| (place, 1 << bit)));
    let answers = bits.map(|(place, bit)| {
        let mut altered = envelope.clone();
        altered[place] ^= bit;
        let id = KeyId::from_bytes(altered[KEY_ID..SALT].try_into().unwrap());
        (id, ring.open(&frozen.at, &altered).unwrap_err())
    });
    answers.collect()
}

#[test]
fn a_flipped_version_is_malformed() {
    assert!(
        flipped(0..KEY_ID)
            .iter()
            .all(|(_, error)| *error == OpenError::Malformed)
    );
}

#[test]
fn a_flipped_key_id_names_a_key_that_is_not_there() {
    assert!(
        flipped(KEY_ID..SALT)
            .iter()
            .all(|(id, error)| *error == OpenError::UnknownKey(*id))
    );
}

#[test]
fn a_flipped_salt_is_refused() {
    assert!(
        flipped(SALT..COMMITMENT)
            .iter()
            .all(|(_, error)| *error == OpenError::Refused)
    );
}

#[test]
fn a_flipped_commitment_is_refused() {
    assert!(
        flipped(COMMITMENT..BODY)
            .iter()
            .all(|(_, error)| *error == OpenError::Refused)
    );
}

#[test]
fn a_flipped_ciphertext_is_refused() {
    let answers = flipped(BODY..BODY + 64);
    assert_eq!(answers.len(), 512);
    assert!(answers.iter().all(|(_, error)| *error == OpenError::Refused));
}

#[test]
fn a_flipped_tag_is_refused() {
    let (_, envelope) = frozen::<Values>();
    let answers = flipped(envelope.len() - TAG..envelope.len());
    assert!(answers.iter().all(|(_, error)| *error == OpenError::Refused));
}

#[test]
fn every_truncation_is_malformed_and_so_is_every_extension_to_no_bucket() {
    let (frozen, envelope) = frozen::<Names>();
    for len in 0..envelope.len() {
        assert_eq!(
            refusal(&frozen, &envelope[..len]),
            Some(OpenError::Malformed),
            "{len} bytes"
        );
    }
    for more in 1..64 {
        let longer = [envelope.as_slice(), &vec![0; more]].concat();
        assert_eq!(
            refusal(&frozen, &longer),
            Some(OpenError::Malformed),
            "{more} more"
        );
    }
    let bucket = [envelope.as_slice(), &[0; 64]].concat();
    assert_eq!(refusal(&frozen, &bucket), Some(OpenError::Refused));
    let huge = [envelope[..BODY].to_vec(), vec![0; 4 * 1024 * 1024 + TAG]].concat();
    assert_eq!(
        refusal(&frozen, &huge),
        Some(OpenError::Malformed),
        "too large to be decrypted at all"
    );
}

#[test]
fn parts_of_two_envelopes_do_not_make_a_third() {
    let (frozen, one) = frozen::<Values>();
    let other = frozen.entries().swap_remove(0).1;
    assert_eq!(one.len(), other.len());
    for cut in [SALT, COMMITMENT, BODY, one.len() - TAG] {
        let spliced = [&one[..cut], &other[cut..]].concat();
        let expected = if cut == SALT {
            None
        } else {
            Some(OpenError::Refused)
        };
        assert_eq!(refusal(&frozen, &spliced), expected, "cut at {cut}");
    }
}

#[test]
fn another_key_under_this_keys_id_is_refused() {
    let (frozen, _) = frozen::<Names>();
    let stranger = KeyRing::<Names>::new(MasterKey::make().unwrap());
    let mut envelope = stranger.seal(&frozen.at, b"DATABASE_URL").unwrap();
    assert_eq!(
        refusal(&frozen, &envelope),
        Some(OpenError::UnknownKey(stranger.active()))
    );
    envelope[KEY_ID..SALT].copy_from_slice(frozen.master_id.as_bytes());
    assert_eq!(refusal(&frozen, &envelope), Some(OpenError::Refused));
}

/// An envelope by someone who has the master key, so that only the checks beyond AES-GCM can refuse it.
fn insider(frozen: &Frozen<Values>, padded: Vec<u8>) -> Envelope {
    Envelope::entry::<Values>(
        &frozen.master,
        frozen.master_id.as_bytes(),
        &[7; 32],
        &frozen.at,
        padded,
    )
}

#[test]
fn a_valid_ciphertext_with_another_commitment_is_refused() {
    let (frozen, _) = frozen();
    let honest = insider(&frozen, pad(b"value", 64));
    assert_eq!(
        refusal(&frozen, &honest.seal()),
        None,
        "the insider's hand is right"
    );
    let forged = Envelope {
        commitment: Some([0; 32]),
        ..honest
    };
    assert_eq!(refusal(&frozen, &forged.seal()), Some(OpenError::Refused));
}

#[test]
fn a_valid_ciphertext_with_another_padding_is_refused() {
    let (frozen, _) = frozen();
    let answer = |padded| refusal(&frozen, &insider(&frozen, padded).seal());
    assert_eq!(
        answer(pad(b"value", 128)),
        Some(OpenError::Refused),
        "a larger bucket than needed"
    );
    let mut dirty = pad(b"value", 64);
    dirty[63] = 1;
    assert_eq!(answer(dirty), Some(OpenError::Refused), "not zeros");
    let mut lying = pad(b"value", 64);
    lying[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(answer(lying), Some(OpenError::Refused), "a length beyond the end");
    assert_eq!(
        answer(pad(b"value", 96)),
        Some(OpenError::Malformed),
        "no power of two"
    );
    assert_eq!(
        answer(vec![0; 32]),
        Some(OpenError::Malformed),
        "below the smallest bucket"
    );
    assert_eq!(answer(Vec::new()), Some(OpenError::Malformed), "nothing at all");
    assert_eq!(
        answer(pad(&vec![0; LIMIT + 1], 4 * 1024 * 1024)),
        Some(OpenError::Malformed),
        "beyond the limit"
    );
}

#[test]
fn a_ring_opens_with_each_of_its_keys_and_seals_with_the_active_one() {
    let (frozen, old) = frozen::<Values>();
    let mut ring = KeyRing::new(MasterKey::make().unwrap());
    assert_eq!(
        ring.open(&frozen.at, &old).unwrap_err(),
        OpenError::UnknownKey(frozen.master_id)
    );
    ring.add(frozen.master_key());
    assert!(ring.ids().eq([ring.active(), frozen.master_id]));
    assert_eq!(ring.open(&frozen.at, &old).unwrap().expose(), b"DATABASE_URL");
    let new = ring.seal(&frozen.at, b"new").unwrap();
    assert_eq!(&new[KEY_ID..SALT], ring.active().as_bytes());
}

#[test]
fn two_envelopes_of_the_same_have_nothing_in_common_but_version_and_key_id() {
    let (frozen, _) = frozen::<Values>();
    let ring = frozen.ring();
    let [one, other] = [(); 2].map(|()| ring.seal(&frozen.at, b"same").unwrap());
    assert_eq!(one[..SALT], other[..SALT]);
    assert!(
        one[SALT..]
            .chunks(16)
            .zip(other[SALT..].chunks(16))
            .all(|(a, b)| a != b)
    );
}
