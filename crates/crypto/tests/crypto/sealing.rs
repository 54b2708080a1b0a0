//! Sealed messages and sealing keys that are not what they should be.

use std::str::FromStr as _;

use splitvault_crypto::sealing::{
    Algorithm, Context, KeyError, KeyPair, PrivateKeyError, PublicKey, UnsealError, sealed_key_id,
};
use splitvault_crypto::{KeyId, SecretBytes};

const CONTEXT: Context<'static> = Context::Manifest {
    namespace: "shop",
    name: "web",
};
const KEY_ID: usize = 2;
const ENCAPSULATED: usize = 10;

fn sealed(algorithm: Algorithm) -> (KeyPair, Vec<u8>) {
    let pair = KeyPair::make(algorithm).unwrap();
    let sealed = pair.public().seal(&CONTEXT, b"DATABASE_URL=postgres://").unwrap();
    assert_eq!(
        pair.open(&CONTEXT, &sealed).unwrap().expose(),
        b"DATABASE_URL=postgres://"
    );
    assert_eq!(sealed_key_id(&sealed), Some(pair.id()));
    (pair, sealed)
}

fn every_flipped_byte_is_noticed(algorithm: Algorithm, bits: &[u8]) {
    let (pair, sealed) = sealed(algorithm);
    for place in 0..sealed.len() {
        for bit in bits {
            let mut altered = sealed.clone();
            altered[place] ^= bit;
            let id = KeyId::from_bytes(altered[KEY_ID..ENCAPSULATED].try_into().unwrap());
            let expected = match place {
                0..KEY_ID => UnsealError::Malformed,
                KEY_ID..ENCAPSULATED => UnsealError::UnknownKey(id),
                _ => UnsealError::Refused,
            };
            assert_eq!(
                pair.open(&CONTEXT, &altered).unwrap_err(),
                expected,
                "byte {place}, bit {bit:#x}"
            );
        }
    }
}

#[test]
fn every_flipped_bit_of_an_x25519_message_is_noticed() {
    every_flipped_byte_is_noticed(Algorithm::X25519, &[1, 2, 4, 8, 16, 32, 64, 128]);
}

#[test]
fn every_flipped_byte_of_an_xwing_message_is_noticed() {
    every_flipped_byte_is_noticed(Algorithm::XWing, &[0x80]);
}

#[test]
fn every_truncation_and_a_huge_message_are_malformed() {
    for algorithm in Algorithm::ALL {
        let (pair, sealed) = sealed(algorithm);
        for len in 0..sealed.len() {
            assert_eq!(
                pair.open(&CONTEXT, &sealed[..len]).unwrap_err(),
                UnsealError::Malformed
            );
            assert_eq!(sealed_key_id(&sealed[..len]), None);
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(pair.open(&CONTEXT, &longer).unwrap_err(), UnsealError::Malformed);
        let huge = [sealed.as_slice(), &vec![0; 4 * 1024 * 1024 - 64]].concat();
        assert_eq!(pair.open(&CONTEXT, &huge).unwrap_err(), UnsealError::Malformed);
    }
}

fn opens_nowhere_else(right: Context<'_>, wrong: &[Context<'_>]) {
    let pair = KeyPair::make(Algorithm::X25519).unwrap();
    let sealed = pair.public().seal(&right, b"payload").unwrap();
    assert_eq!(pair.open(&right, &sealed).unwrap().expose(), b"payload");
    for context in wrong {
        assert_eq!(
            pair.open(context, &sealed).unwrap_err(),
            UnsealError::Refused,
            "{context:?}"
        );
    }
}

#[test]
fn a_manifest_opens_for_its_namespace_and_name_only() {
    let manifest = |namespace, name| Context::Manifest { namespace, name };
    let wrong = [
        ("shop", "web2"),
        ("shop2", "web"),
        ("web", "shop"),
        ("shopw", "eb"),
        ("", "shopweb"),
        ("", ""),
    ];
    opens_nowhere_else(CONTEXT, &wrong.map(|(namespace, name)| manifest(namespace, name)));
}

#[test]
fn a_delivery_opens_for_its_pod_only_and_is_no_answer() {
    let wrong = [
        Context::Delivery { pod_uid: "b" },
        Context::Delivery { pod_uid: "" },
        Context::Answer { request_uid: "a" },
        Context::Manifest {
            namespace: "a",
            name: "",
        },
    ];
    opens_nowhere_else(Context::Delivery { pod_uid: "a" }, &wrong);
}

#[test]
fn an_answer_opens_for_its_request_only_and_is_no_delivery() {
    let wrong = [
        Context::Answer { request_uid: "b" },
        Context::Delivery { pod_uid: "a" },
    ];
    opens_nowhere_else(Context::Answer { request_uid: "a" }, &wrong);
}

#[test]
fn another_pair_refuses_even_with_its_own_id_in_the_header() {
    for algorithm in Algorithm::ALL {
        let (_, mut sealed) = sealed(algorithm);
        let stranger = KeyPair::make(algorithm).unwrap();
        let named = UnsealError::UnknownKey(sealed_key_id(&sealed).unwrap());
        assert_eq!(stranger.open(&CONTEXT, &sealed).unwrap_err(), named);
        sealed[KEY_ID..ENCAPSULATED].copy_from_slice(stranger.id().as_bytes());
        assert_eq!(
            stranger.open(&CONTEXT, &sealed).unwrap_err(),
            UnsealError::Refused
        );
    }
}

#[test]
fn a_message_of_the_other_algorithm_under_this_keys_id_is_refused() {
    let (pair, _) = sealed(Algorithm::X25519);
    let (_, mut other) = sealed(Algorithm::XWing);
    other[KEY_ID..ENCAPSULATED].copy_from_slice(pair.id().as_bytes());
    assert_eq!(pair.open(&CONTEXT, &other).unwrap_err(), UnsealError::Refused);
}

#[test]
fn keys_survive_bytes_and_text() {
    for algorithm in Algorithm::ALL {
        let pair = KeyPair::make(algorithm).unwrap();
        let public = pair.public();
        assert_eq!(public.algorithm(), algorithm);
        assert!(PublicKey::from_bytes(&public.to_bytes()).as_ref() == Ok(public));
        assert!(PublicKey::from_str(&format!(" {}\n", public.to_text())).as_ref() == Ok(public));
        let sealed = public.seal(&CONTEXT, b"kept").unwrap();
        let read = KeyPair::from_bytes(&pair.to_bytes()).unwrap();
        assert_eq!(read.open(&CONTEXT, &sealed).unwrap().expose(), b"kept");
        assert_eq!(
            format!("{pair:?}"),
            format!("KeyPair({}, {})", algorithm.name(), pair.id())
        );
        assert_eq!(
            format!("{public:?}"),
            format!("PublicKey({}, {})", algorithm.name(), pair.id())
        );
    }
}

#[test]
fn public_keys_of_low_order_or_out_of_range_are_refused() {
    // The eleven encodings of points of small order on Curve25519 (RFC 7748 §6.1; cr.yp.to/ecdh.html#validate),
    // without the seven that differ in the ignored top bit only.
    let mut low = vec![[0; 32], [0; 32], [0xff; 32], [0xff; 32], [0xff; 32]];
    low[1][0] = 1;
    for (point, first) in low[2..].iter_mut().zip([0xec, 0xed, 0xee]) {
        (point[0], point[31]) = (first, 0x7f);
    }
    for point in low {
        let invalid = Err(KeyError::Invalid(Algorithm::X25519));
        assert_eq!(
            PublicKey::from_bytes(&[&[1], point.as_slice()].concat()),
            invalid,
            "{point:x?}"
        );
    }
    // ML-KEM's encapsulation key check (FIPS 203 §7.2): twelve-bit coefficients below 3329.
    let invalid = Err(KeyError::Invalid(Algorithm::XWing));
    assert_eq!(
        PublicKey::from_bytes(&[&[2], [0xff; 1216].as_slice()].concat()),
        invalid
    );
}

#[test]
fn anything_else_is_no_public_key() {
    let invalid = |algorithm| Err(KeyError::Invalid(algorithm));
    assert_eq!(PublicKey::from_bytes(&[]), Err(KeyError::Malformed));
    assert_eq!(PublicKey::from_bytes(&[0; 33]), Err(KeyError::UnknownAlgorithm));
    assert_eq!(PublicKey::from_bytes(&[3; 33]), Err(KeyError::UnknownAlgorithm));
    assert_eq!(PublicKey::from_bytes(&[1]), invalid(Algorithm::X25519));
    assert_eq!(PublicKey::from_bytes(&[1; 34]), invalid(Algorithm::X25519));
    assert_eq!(PublicKey::from_bytes(&[2; 33]), invalid(Algorithm::XWing));
    assert_eq!(
        PublicKey::from_bytes(&vec![2; 1 << 20]),
        invalid(Algorithm::XWing)
    );
    let text = KeyPair::make(Algorithm::X25519).unwrap().public().to_text();
    let malformed = [
        "",
        ":",
        "x25519:AAAA",
        &text[1..],
        &text[..text.len() - 1],
        &text.replace("v1:", "v2:"),
    ];
    for text in malformed {
        assert_eq!(PublicKey::from_str(text), Err(KeyError::Malformed), "{text}");
    }
    assert_eq!(
        PublicKey::from_str(&text.replace("x25519", "x448")),
        Err(KeyError::UnknownAlgorithm)
    );
    assert_eq!(
        PublicKey::from_str(&text.replace("x25519", "xwing")),
        invalid(Algorithm::XWing)
    );
}

#[test]
fn anything_else_is_no_key_pair() {
    let read = |bytes: &[u8]| KeyPair::from_bytes(&SecretBytes::copy_of(bytes)).map(drop);
    assert_eq!(read(&[]), Err(KeyError::Malformed));
    assert_eq!(read(&[9; 33]), Err(KeyError::UnknownAlgorithm));
    for (code, algorithm) in [(1, Algorithm::X25519), (2, Algorithm::XWing)] {
        for len in [0, 31, 33, 4096] {
            assert_eq!(
                read(&[&[code], vec![7; len].as_slice()].concat()),
                Err(KeyError::Invalid(algorithm))
            );
        }
        assert_eq!(read(&[&[code], [7; 32].as_slice()].concat()), Ok(()));
    }
}

#[test]
fn a_private_key_is_one_line_of_text_and_comes_back() {
    for algorithm in Algorithm::ALL {
        let pair = KeyPair::make(algorithm).unwrap();
        let text = pair.to_text();
        assert_eq!(text.expose().lines().count(), 1);
        let prefix = format!("splitvault-sealing-private-v1:{}:", algorithm.name());
        assert!(text.expose().starts_with(&prefix));
        let spaced = format!(" \n{}\r\n", text.expose());
        for text in [text.expose(), &spaced] {
            let back = KeyPair::parse(text.as_bytes()).unwrap();
            assert_eq!(back.to_bytes().expose(), pair.to_bytes().expose());
            assert_eq!(back.id(), pair.id());
        }
    }
}

#[test]
fn what_is_no_private_key_is_refused_and_not_repeated() {
    let pair = KeyPair::make(Algorithm::XWing).unwrap();
    let text = pair.to_text();
    let key = text.expose().trim().rsplit(':').next().unwrap();
    let private = |name: &str, key: &str| format!("splitvault-sealing-private-v1:{name}:{key}");
    let refused = [
        (String::new(), PrivateKeyError::Malformed),
        (
            "splitvault-sealing-private-v1".to_owned(),
            PrivateKeyError::Malformed,
        ),
        (
            "splitvault-sealing-private-v1:xwing".to_owned(),
            PrivateKeyError::Malformed,
        ),
        (private("xwing", ""), PrivateKeyError::Malformed),
        (private("xwing", &key[..40]), PrivateKeyError::Malformed),
        (
            private("xwing", &format!("{key}AAAA")),
            PrivateKeyError::Malformed,
        ),
        (private("xwing", &"A".repeat(100_000)), PrivateKeyError::Malformed),
        (private("xwing", &format!("{key}:x")), PrivateKeyError::Malformed),
        (private("xwing", &"\u{e9}".repeat(22)), PrivateKeyError::Malformed),
        (private("rsa", key), PrivateKeyError::UnknownAlgorithm),
        (
            format!("splitvault-kek-v1:names:{key}"),
            PrivateKeyError::Malformed,
        ),
        (
            format!("{}\nmore", private("xwing", key)),
            PrivateKeyError::Malformed,
        ),
        (pair.public().to_text(), PrivateKeyError::Public),
    ];
    for (text, expected) in refused {
        let error = KeyPair::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error, expected, "{} characters", text.len());
        assert!(!error.to_string().contains(key) && !format!("{error:?}").contains(key));
    }
    assert!(KeyPair::parse(&[0xff; 64]).is_err());
}
