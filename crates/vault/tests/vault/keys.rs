//! What else there is to keys: their log, draws, counts, escrow, sealing, what they vouch for.

use std::time::{Duration, SystemTime};

use splitvault_crypto::sealing::{Algorithm, KeyPair};
use splitvault_vault::keys::{Deed, LifeStore as _};
use splitvault_vault::{Cause, Ring, RotationError, Schedule, TrailError, Vault, WriteError};

use crate::fixture::{Home, Installation, owned};
use crate::rotation::{lead, rotate, settle};

#[tokio::test]
async fn a_log_that_was_altered_or_cut_off_is_noticed() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    lead(&installation, now).await;
    rotate(&installation, Ring::Names, now).await;
    let head = installation.vault.log_head().await.unwrap();
    installation.vault.check_log(&head).await.unwrap();
    installation.close().await;
    let whole = std::fs::read(home.key_database()).unwrap();
    let bends = [
        ("UPDATE key_event SET at = at + 1 WHERE sequence = 3", Some(3)),
        ("UPDATE key_event SET cause = 'drawn' WHERE sequence = 9", Some(9)),
        (
            "UPDATE key_event SET key = zeroblob(8) WHERE sequence = 1",
            Some(1),
        ),
        (
            "UPDATE key_event SET ring = 'values' WHERE sequence = 10",
            Some(10),
        ),
        (
            "UPDATE key_event SET deed = 'created' WHERE sequence = 2",
            Some(2),
        ),
        (
            "UPDATE key_event SET mac = zeroblob(32) WHERE sequence = 4",
            Some(4),
        ),
        ("DELETE FROM key_event WHERE sequence = 5", Some(6)),
        ("DELETE FROM key_event WHERE sequence >= 12", None),
    ];
    for (sql, broken) in bends {
        std::fs::write(home.key_database(), &whole).unwrap();
        home.key_hand().await.bend(sql).await;
        let bent = home.open().await;
        let found = bent.vault.key_log().await;
        match broken {
            Some(sequence) => assert_eq!(found, Err(TrailError::Broken { sequence }), "{sql}"),
            None => assert!(found.is_ok(), "its beginning is whole"),
        }
        let cut_off = bent.vault.check_log(&head).await;
        assert_eq!(cut_off.is_err(), broken.is_none(), "{sql}");
        bent.close().await;
    }
}

#[tokio::test]
async fn an_older_key_database_put_back_in_a_rotation_is_caught() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    installation.close().await;
    let old = std::fs::read(home.key_database()).unwrap();
    let installation = home.open().await;
    lead(&installation, now).await;
    rotate(&installation, Ring::Names, now).await;
    let head = installation.vault.log_head().await.unwrap();
    installation.close().await;
    std::fs::write(home.key_database(), old).unwrap();
    let back = home.open().await;
    assert_eq!(back.vault.check_log(&head).await, Err(RotationError::RolledBack));
    // Its values went with the rotation, so it cannot be delivered from either.
    assert!(back.vault.read("uid").await.is_err());
}

#[tokio::test]
async fn draws_begin_rotations_and_are_claimed_once() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    lead(&installation, now).await;
    let day = Duration::from_secs(24 * 60 * 60);
    let schedule = Schedule::new(day, 30 * day, 90 * day, u64::MAX).unwrap();
    let (never, always) = (|| Ok(u64::MAX), || Ok(0));
    assert_eq!(
        installation.vault.draw(&schedule, now, always).await,
        Ok(Vec::new()),
        "too young"
    );
    let later = now + 2 * day;
    lead(&installation, later).await;
    assert_eq!(
        installation.vault.draw(&schedule, later, never).await,
        Ok(Vec::new())
    );
    let begun = installation
        .vault
        .draw(&schedule, later + day, always)
        .await
        .unwrap();
    assert_eq!(begun, [(Ring::Names, Cause::Drawn), (Ring::Values, Cause::Drawn)]);
    settle(&installation.vault, later + day).await;
    let again = installation.vault.draw(&schedule, later + day, always).await;
    assert_eq!(again, Ok(Vec::new()), "the new keys are too young");
    let ceiling = later + 92 * day;
    lead(&installation, ceiling).await;
    let begun = installation.vault.draw(&schedule, ceiling, never).await.unwrap();
    assert_eq!(begun, [(Ring::Names, Cause::Age), (Ring::Values, Cause::Age)]);
}

#[tokio::test]
async fn operations_are_counted_before_they_are_done() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    let count = async |installation: &Installation| {
        let root = installation.keys.root().await.unwrap().unwrap();
        Ring::MASTER.map(|ring| root.active(ring).unwrap().operations)
    };
    let first = count(&installation).await;
    assert!(first.iter().all(|count| *count >= 3), "{first:?}");
    installation.write("uid", &[("A", "2")], 0).await.unwrap();
    assert_eq!(count(&installation).await, first, "in blocks");
    installation.close().await;
    let again = home.open().await;
    again.write("uid", &[("A", "3")], 0).await.unwrap();
    assert!(
        count(&again).await[0] > first[0],
        "what was reserved and lost counts as used"
    );
}

#[tokio::test]
async fn a_destroyed_key_is_kept_for_the_offline_recipient_alone() {
    let (home, now) = (Home::new(), SystemTime::now());
    let recipient = KeyPair::make(Algorithm::XWing).unwrap();
    let mut installation = home.open().await;
    installation.vault = installation.vault.with_escrow(recipient.public().clone());
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    lead(&installation, now).await;
    let (old, _) = rotate(&installation, Ring::Values, now).await;
    let kept = installation.keys.escrowed().await.unwrap();
    assert_eq!((kept.len(), kept[0].id, kept[0].ring), (1, old, Ring::Values));
    let here = installation.vault.installation();
    let key = splitvault_crypto::MasterKey::<splitvault_crypto::Values>::from_escrow(
        &recipient,
        here,
        old,
        &kept[0].sealed,
    );
    assert_eq!(key.unwrap().id(), old);
    let log = installation.vault.key_log().await.unwrap();
    assert!(
        log.iter()
            .any(|event| event.key == old && event.deed == Deed::Escrowed)
    );
}

#[tokio::test]
async fn sealing_keys_overlap_until_one_is_destroyed() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    lead(&installation, now).await;
    let first = installation.vault.sealing_keys()[0].id();
    let second = installation
        .vault
        .rotate_sealing_key(Cause::Requested, now)
        .await
        .unwrap();
    let ids = |vault: &Vault| {
        vault
            .sealing_keys()
            .iter()
            .map(|pair| pair.id())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&installation.vault), [second, first]);
    let refused = installation.vault.destroy_sealing_key(second, now).await;
    assert_eq!(
        refused,
        Err(RotationError::NoSuchKey(second)),
        "it is the active one"
    );
    assert_eq!(ids(&home.open().await.vault), [second, first]);
    installation.vault.destroy_sealing_key(first, now).await.unwrap();
    assert_eq!(ids(&installation.vault), [second]);
}

#[tokio::test]
async fn a_rollback_makes_an_older_content_the_newest_and_keeps_its_source() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 5).await.unwrap();
    installation.write("uid", &[("A", "2")], 5).await.unwrap();
    let written = installation.vault.rollback("uid", 1, 5).await.unwrap();
    assert_eq!((written.revision, written.changed), (3, true));
    assert_eq!(installation.read("uid").await, owned(&[("A", "1")]));
    let described = installation.vault.describe("uid").await.unwrap().unwrap();
    assert_eq!(described.restored_from, Some(1));
    let source = format!("{:?}", [("A", "2")]);
    assert!(described.made_from(&splitvault_vault::SourceDigestInput(source.as_bytes())));
    let again = installation.vault.rollback("uid", 1, 5).await.unwrap();
    assert_eq!((again.revision, again.changed), (3, false), "safe to repeat");
    let missing = installation.vault.rollback("uid", 9, 5).await;
    assert_eq!(missing, Err(WriteError::NoSuchRevision { revision: 9 }));
    installation.write("uid", &[("A", "3")], 5).await.unwrap();
    let described = installation.vault.describe("uid").await.unwrap().unwrap();
    assert_eq!((described.revision, described.restored_from), (4, None));
}

#[tokio::test]
async fn what_the_installation_vouches_for_is_told_from_everything_else() {
    let installation = Home::new().open().await;
    let vault = &installation.vault;
    let mac = vault.mac("request", &[b"a", b"b"]);
    assert!(vault.verify_mac("request", &[b"a", b"b"], &mac));
    for (label, parts) in [
        ("other", &[&b"a"[..], b"b"][..]),
        ("request", &[b"ab"]),
        ("request", &[b"b", b"a"]),
    ] {
        assert!(!vault.verify_mac(label, parts, &mac));
    }
    assert!(!vault.verify_mac("request", &[b"a", b"b"], &mac[..31]));
    assert!(
        !Home::new()
            .open()
            .await
            .vault
            .verify_mac("request", &[b"a", b"b"], &mac)
    );
}
