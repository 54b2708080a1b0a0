//! Properties over arbitrary data: what is sealed opens, and arbitrary bytes never do, nor panic.

use std::str::FromStr as _;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use splitvault_crypto::sealing::{Algorithm, Context, KeyPair, PublicKey, sealed_key_id};
use splitvault_crypto::{
    Coordinates, DigestKey, FileKek, Id, KeyRing, MasterKey, Names, SecretBytes, Values,
};

static NAMES: LazyLock<KeyRing<Names>> = LazyLock::new(|| KeyRing::new(MasterKey::make().unwrap()));
static VALUES: LazyLock<KeyRing<Values>> = LazyLock::new(|| KeyRing::new(MasterKey::make().unwrap()));
static KEK: LazyLock<FileKek<Names>> = LazyLock::new(|| FileKek::make().unwrap());
static X25519: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::make(Algorithm::X25519).unwrap());
static XWING: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::make(Algorithm::XWing).unwrap());

fn coordinates() -> impl Strategy<Value = Coordinates> {
    any::<([u8; 16], [u8; 16], u64, [u8; 16])>().prop_map(|(installation, environment, revision, entry)| {
        Coordinates {
            installation: Id::from_bytes(installation),
            environment: Id::from_bytes(environment),
            revision,
            entry: Id::from_bytes(entry),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_ring_seals_it_opens_at_the_same_coordinates_only(
        at in coordinates(), other in coordinates(), data in vec(any::<u8>(), 0..3000),
    ) {
        let (name, value) = (NAMES.seal(&at, &data).unwrap(), VALUES.seal(&at, &data).unwrap());
        prop_assert!(NAMES.open(&at, &name).unwrap().expose() == data);
        prop_assert!(VALUES.open(&at, &value).unwrap().expose() == data);
        prop_assert!(at == other || NAMES.open(&other, &name).is_err() && VALUES.open(&other, &value).is_err());
        prop_assert!(NAMES.open(&at, &value).is_err() && VALUES.open(&at, &name).is_err());
    }

    #[test]
    fn any_alteration_of_an_envelope_is_noticed(
        at in coordinates(), data in vec(any::<u8>(), 0..300), place: prop::sample::Index, mask in 1..=u8::MAX,
    ) {
        let mut envelope = VALUES.seal(&at, &data).unwrap();
        let place = place.index(envelope.len());
        envelope[place] ^= mask;
        prop_assert!(VALUES.open(&at, &envelope).is_err());
    }

    #[test]
    fn what_a_key_file_encrypts_it_opens_under_the_same_label_only(
        installation: [u8; 16], label in ".*", other in ".*", data in vec(any::<u8>(), 0..300),
    ) {
        let installation = Id::from_bytes(installation);
        let sealed = KEK.seal_bytes(installation, &label, &data).unwrap();
        let opened = KEK.open_bytes(installation, &label, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &data);
        prop_assert!(label == other || KEK.open_bytes(installation, &other, &sealed).is_err());
    }

    #[test]
    fn what_is_sealed_to_a_key_opens_in_the_same_context_only(
        namespace in ".{0,20}", name in ".{0,20}", other in ".{0,20}", data in vec(any::<u8>(), 0..3000),
    ) {
        let right = Context::Manifest { namespace: &namespace, name: &name };
        let wrong = Context::Manifest { namespace: &namespace, name: &other };
        for pair in [&X25519, &XWING] {
            let sealed = pair.public().seal(&right, &data).unwrap();
            prop_assert!(pair.open(&right, &sealed).unwrap().expose() == data);
            prop_assert!(name == other || pair.open(&wrong, &sealed).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_open_nothing_and_panic_nowhere(at in coordinates(), mut bytes in vec(any::<u8>(), 0..1500)) {
        let context = Context::Delivery { pod_uid: "uid" };
        for version in [None, Some(1)] {
            if let (Some(version), Some(first)) = (version, bytes.first_mut()) {
                *first = version;
            }
            prop_assert!(NAMES.open(&at, &bytes).is_err());
            prop_assert!(KEK.open_bytes(Id::ZERO, "", &bytes).is_err());
            prop_assert!(FileKek::<Names>::parse(&bytes).is_err());
            prop_assert!(X25519.open(&context, &bytes).is_err() && XWING.open(&context, &bytes).is_err());
            let _named = sealed_key_id(&bytes);
            let _public = PublicKey::from_bytes(&bytes);
            prop_assert!(PublicKey::from_str(&String::from_utf8_lossy(&bytes)).is_err());
        }
    }

    #[test]
    fn digests_differ_when_the_parts_do(one in vec(vec(any::<u8>(), 0..9), 0..5), other in vec(vec(any::<u8>(), 0..9), 0..5)) {
        let key = DigestKey::try_from(SecretBytes::copy_of(&[1; 32])).unwrap();
        let mac = |parts: &[Vec<u8>]| key.mac(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert_eq!(one == other, mac(&one) == mac(&other));
    }
}
