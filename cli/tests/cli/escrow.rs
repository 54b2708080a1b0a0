//! The key pair of the offline recipient.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use splitvault_crypto::sealing::{Algorithm, KeyPair, PublicKey};

use crate::program::Place;

#[test]
fn a_key_pair_is_a_private_file_and_a_public_key_on_standard_output() {
    let place = Place::new();
    let path = place.file("other", "");
    let path = path.replace("other", "escrow.key");
    let output = place.run(&["escrow", "keygen", "--out", &path]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let pair = KeyPair::parse(&fs::read(&path).unwrap()).unwrap();
    let public: PublicKey = output.stdout.parse().unwrap();
    assert!(public == *pair.public() && public.algorithm() == Algorithm::XWing);
    assert_eq!(output.stdout.lines().count(), 1);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let private = fs::read_to_string(&path).unwrap();
    assert!(!output.stdout.contains(private.trim()) && !output.stderr.contains(private.trim()));
}

#[test]
fn a_file_that_is_there_is_never_overwritten_and_nothing_is_printed() {
    let place = Place::new();
    let path = place.file("escrow.key", "precious");
    for path in [path.as_str(), "no/such/directory/key", "."] {
        let output = place.run(&["escrow", "keygen", "--out", path]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{path}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}
