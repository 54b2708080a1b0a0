mod rotations;
mod world;

use std::time::{Duration, SystemTime};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn authority() -> (Authority, String) {
    let (authority, key) = Authority::make(SystemTime::now()).unwrap();
    (authority, key.expose().to_owned())
}

#[test]
fn a_ca_reads_back_and_signs_the_same() {
    let (made, key) = authority();
    let read = Authority::parse(made.bundle().as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(read.bundle(), made.bundle());
    let names = ["store.vault.svc".to_owned()];
    let (leaf, now) = (Leaf::Server(&names), SystemTime::now());
    let issued = read.issue(leaf, now).unwrap();
    let (chain, key) = (issued.chain.as_bytes(), issued.key.expose().as_bytes());
    assert!(made.vouches_for(chain, key, leaf, now));
}

#[test]
fn a_ca_with_another_key_is_refused() {
    let ((made, _), (_, other)) = (authority(), authority());
    let parsed = Authority::parse(made.bundle().as_bytes(), other.as_bytes());
    assert!(matches!(parsed, Err(PkiError::Authority)));
}

#[test]
fn a_leaf_is_no_ca() {
    let (made, _) = authority();
    let leaf = made
        .issue(Leaf::Client(OPERATOR_IDENTITY), SystemTime::now())
        .unwrap();
    let parsed = Authority::parse(leaf.chain.as_bytes(), leaf.key.expose().as_bytes());
    assert!(matches!(parsed, Err(PkiError::Authority)));
}

#[test]
fn garbage_is_no_ca() {
    let (made, key) = authority();
    for garbage in [
        &b""[..],
        b"\xff",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(Authority::parse(garbage, key.as_bytes()).is_err());
        assert!(Authority::parse(made.bundle().as_bytes(), garbage).is_err());
    }
}

#[test]
fn a_certificate_is_replaced_for_each_reason() {
    let (made, _) = authority();
    let (other, _) = authority();
    let (names, more) = (["a.svc".to_owned()], ["a.svc".to_owned(), "b.svc".to_owned()]);
    let now = SystemTime::now();
    let leaf = Leaf::Server(&names);
    let issued = made.issue(leaf, now).unwrap();
    let foreign = made.issue(leaf, now).unwrap();
    let (chain, key) = (issued.chain.as_bytes(), issued.key.expose().as_bytes());
    assert!(made.vouches_for(chain, key, leaf, now));
    assert!(!other.vouches_for(chain, key, leaf, now), "another CA");
    assert!(
        !made.vouches_for(chain, key, Leaf::Server(&more), now),
        "a name is missing"
    );
    assert!(
        !made.vouches_for(chain, foreign.key.expose().as_bytes(), leaf, now),
        "another key"
    );
    assert!(
        !made.vouches_for(chain, key, leaf, now + 61 * DAY),
        "it ends soon"
    );
    assert!(!made.vouches_for(chain, b"garbage", leaf, now), "no key");
}

#[test]
fn a_certificate_is_due_before_it_ends() {
    let (made, _) = authority();
    let now = SystemTime::now();
    let issued = made.issue(Leaf::Client(OPERATOR_IDENTITY), now).unwrap();
    assert!(!issued.is_due(now + 59 * DAY));
    assert!(issued.is_due(now + 61 * DAY));
    assert!(issued.is_due(now + 91 * DAY));
}

#[test]
fn certificates_can_be_used_by_both_sides() {
    let (made, _) = authority();
    let now = SystemTime::now();
    let certificates = Certificates::default();
    assert!(certificates.client().is_none());
    let names = ["a.svc".to_owned()];
    certificates
        .serve_with(&made.issue(Leaf::Server(&names), now).unwrap())
        .unwrap();
    let client = made.issue(Leaf::Client(OPERATOR_IDENTITY), now).unwrap();
    certificates.connect_with(made.bundle(), &client).unwrap();
    assert!(certificates.client().is_some());
    assert_eq!(certificates.server_config().unwrap().alpn_protocols.len(), 2);
}

#[test]
fn who_trusts_one_ca_is_led_to_those_that_came_after_it() {
    let now = SystemTime::now();
    let made: Vec<_> = (0..=authority::CROSSED)
        .map(|_| Authority::make(now).unwrap())
        .collect();
    // The newest first, as servers show them.
    let pairs = made.windows(2).rev();
    let crossed: Vec<_> = pairs
        .map(|pair| pair[0].0.cross_sign(&pair[1].0).unwrap())
        .collect();
    let (last, key) = made.last().unwrap();
    let names = ["a.svc".to_owned()];
    let connects = |trusts: &Authority, shown: &[String]| {
        let signer = Authority::parse(last.bundle().as_bytes(), key.expose().as_bytes());
        let signer = signer.unwrap().shown_with(shown.concat());
        let certificates = Certificates::default();
        certificates
            .serve_with(&signer.issue(Leaf::Server(&names), now).unwrap())
            .unwrap();
        let server = certificates.server_config().unwrap();
        world::shakes(world::trusting(trusts.bundle()), server, "a.svc")
    };
    for (authority, _) in &made {
        assert!(connects(authority, &crossed));
    }
    let (first, _) = &made[0];
    assert!(!connects(first, &crossed[..crossed.len() - 1]) && !connects(first, &[]));
    let (stranger, _) = Authority::make(now).unwrap();
    assert!(!connects(&stranger, &crossed));
}
