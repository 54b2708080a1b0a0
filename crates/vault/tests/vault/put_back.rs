//! A key database that is put back under a process that runs: whatever its log looks like, nothing is begun over it.

use std::time::SystemTime;

use splitvault_vault::keys::LifeStore as _;
use splitvault_vault::{Cause, KeyStoreError, Ring, RotationError};

use crate::fixture::{Home, Installation};
use crate::rotation::lead;

const CUT_OFF: &str = "DELETE FROM key_event WHERE sequence = (SELECT max(sequence) FROM key_event)";
const ANOTHER: &str = "UPDATE key_event SET mac = zeroblob(32)
    WHERE sequence = (SELECT max(sequence) FROM key_event)";
/// As another process would have gone on from an older state.
const LONGER: &str =
    "INSERT INTO key_event SELECT sequence + 1, at, ring, key, deed, cause, mac FROM key_event
    ORDER BY sequence DESC LIMIT 1";

async fn is_refused(installation: &Installation, now: SystemTime) {
    let before = installation.keys.root().await.unwrap();
    let vault = &installation.vault;
    for ring in [Ring::Names, Ring::Values, Ring::Sealing] {
        let begun = vault.begin_rotation(ring, Cause::Requested, now).await;
        assert_eq!(begun, Err(RotationError::RolledBack), "{ring:?}");
    }
    assert_eq!(vault.advance(now, 100).await, Err(RotationError::RolledBack));
    assert_eq!(vault.beat(now).await, Err(RotationError::RolledBack));
    assert_eq!(vault.rewrap(now).await, Err(RotationError::RolledBack));
    assert_eq!(vault.log_head().await, Err(RotationError::RolledBack));
    assert_eq!(
        installation.keys.root().await.unwrap(),
        before,
        "nothing is changed"
    );
}

async fn led() -> (Home, Installation, SystemTime) {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    installation.write("a", &[("A", "1")], 0).await.unwrap();
    lead(&installation, now).await;
    (home, installation, now)
}

#[tokio::test]
async fn a_log_that_ends_earlier_is_refused() {
    let (home, installation, now) = led().await;
    home.key_hand().await.bend(CUT_OFF).await;
    is_refused(&installation, now).await;
}

#[tokio::test]
async fn another_log_of_the_same_length_is_refused() {
    let (home, installation, now) = led().await;
    home.key_hand().await.bend(ANOTHER).await;
    is_refused(&installation, now).await;
}

#[tokio::test]
async fn another_log_that_has_gone_on_is_refused() {
    let (home, installation, now) = led().await;
    let mut hand = home.key_hand().await;
    hand.bend(ANOTHER).await;
    hand.bend(LONGER).await;
    is_refused(&installation, now).await;
}

#[tokio::test]
async fn a_log_that_another_replica_has_gone_on_with_is_followed() {
    let (home, installation, now) = led().await;
    let other = home.open().await;
    for _ in 0..2 {
        let vault = &installation.vault;
        vault.rotate_sealing_key(Cause::Requested, now).await.unwrap();
    }
    other.vault.beat(now).await.unwrap();
    let published = |installation: &Installation| installation.vault.sealing_keys()[0].id();
    assert_eq!(published(&other), published(&installation));
    // What it planned before is planned anew; nothing is wrong with the database.
    let refused = other.vault.rotate_sealing_key(Cause::Requested, now).await;
    assert!(matches!(
        refused,
        Err(RotationError::NotLeader | RotationError::Keys(KeyStoreError::Conflict))
    ));
}
