//! What a ciphertext's size tells: a bucket, and nothing finer.

use splitvault_crypto::sealing::{Algorithm, Context, KeyPair};
use splitvault_crypto::{Coordinates, Id, KeyRing, LIMIT, MasterKey, Names, Purpose, SealError, Values};

const ENVELOPE: usize = 89;
const X25519: usize = 10 + 32 + 16;
const XWING: usize = 10 + 1120 + 16;
const CONTEXT: Context<'static> = Context::Delivery { pod_uid: "uid" };

fn at() -> Coordinates {
    Coordinates {
        installation: Id::ZERO,
        environment: Id::ZERO,
        revision: 1,
        entry: Id::ZERO,
    }
}

fn ring<P: Purpose>() -> KeyRing<P> {
    KeyRing::new(MasterKey::make().unwrap())
}

fn size<P: Purpose>(len: usize) -> usize {
    ring::<P>().seal(&at(), &vec![0; len]).unwrap().len() - ENVELOPE
}

#[test]
fn names_come_in_multiples_of_64() {
    let sizes = [0, 1, 60, 61, 124, 125, 188, 189, 32 * 1024].map(size::<Names>);
    assert_eq!(sizes, [64, 64, 64, 128, 128, 192, 192, 256, 32 * 1024 + 64]);
}

#[test]
fn values_come_in_powers_of_two_from_64() {
    let sizes = [0, 1, 60, 61, 124, 125, 252, 253, 32 * 1024 - 4, 32 * 1024].map(size::<Values>);
    assert_eq!(sizes, [64, 64, 64, 128, 128, 256, 256, 512, 32 * 1024, 64 * 1024]);
}

#[test]
fn sealed_messages_come_in_powers_of_two_from_64() {
    for (algorithm, overhead) in [(Algorithm::X25519, X25519), (Algorithm::XWing, XWING)] {
        let key = KeyPair::make(algorithm).unwrap();
        let size = |len| key.public().seal(&CONTEXT, &vec![0; len]).unwrap().len() - overhead;
        assert_eq!([0, 60, 61, 124, 125].map(size), [64, 64, 128, 128, 256]);
    }
}

#[test]
fn the_limit_is_2_mib_with_the_length_field() {
    let too_large = SealError::TooLarge {
        limit: 2 * 1024 * 1024 - 4,
        got: LIMIT + 1,
    };
    let data = vec![0x5a; LIMIT + 1];
    let (names, values, at) = (ring::<Names>(), ring::<Values>(), at());
    assert_eq!(names.seal(&at, &data), Err(too_large));
    assert_eq!(values.seal(&at, &data), Err(too_large));
    let envelope = values.seal(&at, &data[1..]).unwrap();
    assert_eq!(envelope.len(), 2 * 1024 * 1024 + ENVELOPE);
    assert!(
        values.open(&at, &envelope).unwrap().expose() == &data[1..],
        "the largest comes back whole"
    );
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    assert_eq!(key.public().seal(&CONTEXT, &data), Err(too_large));
    let sealed = key.public().seal(&CONTEXT, &data[1..]).unwrap();
    assert!(
        key.open(&CONTEXT, &sealed).unwrap().expose() == &data[1..],
        "the largest comes back whole"
    );
}
