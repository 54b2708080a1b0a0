//! Stamps, and what is made of them by people who want to be somebody else.

use k8s_openapi::api::authentication::v1::UserInfo;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fixture::TestKey;

const NOW: &str = "2026-01-01T00:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn user() -> UserInfo {
    let user = json!({
        "username": "anna", "uid": "u-1", "groups": ["shop", "system:authenticated"],
        "extra": {"example.org/scope": ["a", "b"]},
    });
    serde_json::from_value(user).unwrap()
}

fn request(metadata: Value) -> VaultRequest {
    let object = json!({
        "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultRequest", "metadata": metadata,
        "spec": {"action": "Rollback", "vaultSecretName": "web", "revision": 3},
    });
    serde_json::from_value(object).unwrap()
}

/// Stamped as it is asked for, then completed as the API server does.
fn stamped(metadata: Value, name: &str) -> VaultRequest {
    let mut object = request(metadata);
    let requester = stamp(&TestKey, "shop", &object.metadata, &object.spec, &user(), now()).unwrap();
    object.spec.requester = Some(requester);
    object.metadata.name = Some(name.to_owned());
    object.metadata.namespace = Some("shop".to_owned());
    object.metadata.creation_timestamp = Some(Time(now()));
    object
}

fn one() -> VaultRequest {
    stamped(json!({"name": "a"}), "a")
}

#[test]
fn who_asked_comes_back_as_the_api_server_said_it() {
    let object = one();
    let requester = verify(&TestKey, &object).unwrap();
    assert_eq!(
        (&*requester.username, requester.uid.as_deref()),
        ("anna", Some("u-1"))
    );
    assert_eq!(requester.groups, ["shop", "system:authenticated"]);
    assert_eq!(requester.extra[0].values, ["a", "b"]);
    assert!(is_of(requester, &user()));
}

#[test]
fn a_stamp_survives_the_api_servers_json() {
    let value = serde_json::to_value(one()).unwrap();
    let read: VaultRequest = serde_json::from_str(&value.to_string()).unwrap();
    assert!(verify(&TestKey, &read).is_ok());
}

#[test]
fn without_a_stamp_nobody_is_believed() {
    assert_eq!(
        verify(&TestKey, &request(json!({"name": "a"}))),
        Err(Unstamped::Missing)
    );
}

#[test]
fn every_change_to_what_was_stamped_is_noticed() {
    let changes: [fn(&mut VaultRequest); 14] = [
        |o| o.metadata.name = Some("b".to_owned()),
        |o| o.metadata.name = None,
        |o| o.metadata.namespace = Some("other".to_owned()),
        |o| o.metadata.namespace = None,
        |o| o.spec.action = splitvault_api::Action::Reveal,
        |o| o.spec.revision = Some(2),
        |o| o.spec.vault_secret_name = Some("db".to_owned()),
        |o| o.spec.ttl_seconds = Some(3600),
        |o| o.spec.public_key = Some("k".to_owned()),
        |o| o.spec.requester.as_mut().unwrap().username = "root".to_owned(),
        |o| {
            o.spec
                .requester
                .as_mut()
                .unwrap()
                .groups
                .push("system:masters".to_owned())
        },
        |o| o.spec.requester.as_mut().unwrap().extra.clear(),
        |o| o.spec.requester.as_mut().unwrap().nonce = "0".repeat(32),
        |o| o.spec.requester.as_mut().unwrap().mac = "0".repeat(64),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut object = one();
        change(&mut object);
        assert_eq!(verify(&TestKey, &object), Err(Unstamped::Wrong), "change {at}");
    }
    let mut object = one();
    object.spec.requester.as_mut().unwrap().uid = None;
    assert_eq!(verify(&TestKey, &object), Err(Unstamped::Wrong));
}

#[test]
fn a_mac_that_is_none_is_refused() {
    for mac in ["", "0", "zz", &"F".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
        let mut object = one();
        object.spec.requester.as_mut().unwrap().mac = mac.to_owned();
        assert_eq!(verify(&TestKey, &object), Err(Unstamped::Wrong), "{mac}");
    }
}

#[test]
fn a_stamp_is_of_the_moment_at_which_the_object_was_made() {
    for (seconds, good) in [
        (-61, false),
        (-60, true),
        (0, true),
        (60, true),
        (61, false),
        (86_400, false),
    ] {
        let mut object = one();
        let created = Timestamp::from_second(now().as_second() + seconds).unwrap();
        object.metadata.creation_timestamp = Some(Time(created));
        assert_eq!(verify(&TestKey, &object).is_ok(), good, "{seconds}");
    }
    let mut object = one();
    object.metadata.creation_timestamp = None;
    assert_eq!(verify(&TestKey, &object), Err(Unstamped::OtherTime));
}

#[test]
fn a_name_that_the_api_server_completes_is_bound_by_its_prefix() {
    let good = stamped(json!({"generateName": "rotate-"}), "rotate-x7k2p");
    assert!(verify(&TestKey, &good).is_ok());
    for name in ["other-x7k2p", "rotate-", "x7k2p", ""] {
        let mut object = good.clone();
        object.metadata.name = Some(name.to_owned());
        assert_eq!(verify(&TestKey, &object), Err(Unstamped::Wrong), "{name}");
    }
    let mut other = good;
    other.metadata.generate_name = Some("rotate-x".to_owned());
    assert_eq!(verify(&TestKey, &other), Err(Unstamped::Wrong));
}

#[test]
fn a_name_is_not_taken_for_a_prefix() {
    let mut object = stamped(json!({"name": "rotate-"}), "rotate-x7k2p");
    object.metadata.generate_name = Some("rotate-".to_owned());
    assert_eq!(verify(&TestKey, &object), Err(Unstamped::Wrong));
}

#[test]
fn two_requests_never_have_the_same_mac() {
    let mac = |object: VaultRequest| object.spec.requester.unwrap().mac;
    assert_ne!(mac(one()), mac(one()));
}

#[test]
fn a_user_that_is_too_much_to_write_down_is_refused_and_not_cut() {
    let with = |change: fn(&mut UserInfo)| {
        let mut user = user();
        change(&mut user);
        let object = request(json!({"name": "a"}));
        stamp(&TestKey, "shop", &object.metadata, &object.spec, &user, now()).map(drop)
    };
    assert_eq!(with(|u| u.groups = Some(vec!["g".to_owned(); 1024])), Ok(()));
    let large: [fn(&mut UserInfo); 6] = [
        |u| u.groups = Some(vec!["g".to_owned(); 1025]),
        |u| u.groups = Some(vec!["g".repeat(513)]),
        |u| u.groups = Some(vec!["g".repeat(500); 200]),
        |u| u.username = Some("a".repeat(1025)),
        |u| u.extra = Some((0..33).map(|n| (n.to_string(), Vec::new())).collect()),
        |u| u.extra = Some([("k".to_owned(), vec!["v".repeat(1025)])].into()),
    ];
    for (at, change) in large.into_iter().enumerate() {
        assert_eq!(with(change), Err(StampError::TooLarge), "{at}");
    }
    for name in [None, Some(String::new())] {
        let mut nobody = user();
        nobody.username = name;
        let object = request(json!({"name": "a"}));
        let stamped = stamp(&TestKey, "shop", &object.metadata, &object.spec, &nobody, now());
        assert_eq!(stamped, Err(StampError::Nobody));
    }
}

proptest! {
    #[test]
    fn nothing_that_is_written_into_a_stamp_is_believed(
        username in "\\PC{0,20}", groups in proptest::collection::vec("\\PC{0,9}", 0..4), mac in "[0-9a-f]{64}",
    ) {
        let mut object = one();
        let requester = object.spec.requester.as_mut().unwrap();
        (requester.username, requester.groups, requester.mac) = (username, groups, mac);
        prop_assert_eq!(verify(&TestKey, &object), Err(Unstamped::Wrong));
    }
}
