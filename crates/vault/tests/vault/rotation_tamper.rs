//! Somebody with write access to one database in the middle of a rotation: noticed, never delivered, and no key goes.

use std::time::SystemTime;

use splitvault_crypto::KeyId;
use splitvault_vault::keys::LifeStore as _;
use splitvault_vault::{Advance, Cause, KeyState, Reason, Ring};

use crate::fixture::{Home, Installation, owned};
use crate::rotation::{active, lead, settle};

/// So small that each batch is one environment.
const ROWS: usize = 1;
const UIDS: [&str; 3] = ["a", "b", "c"];

/// An installation that is to rotate both rings; with the old key of the values.
async fn begin(home: &Home, now: SystemTime) -> (Installation, KeyId) {
    let installation = home.open().await;
    for uid in UIDS {
        installation
            .write(uid, &[("A", uid), ("B", uid)], 0)
            .await
            .unwrap();
    }
    lead(&installation, now).await;
    let old = active(&installation, Ring::Values).await;
    for ring in Ring::MASTER {
        let begun = installation.vault.begin_rotation(ring, Cause::Requested, now);
        begun.await.unwrap();
    }
    (installation, old)
}

/// Goes on until one batch was re-encrypted.
async fn batch(installation: &Installation, now: SystemTime) {
    while !matches!(
        installation.vault.advance(now, ROWS).await.unwrap(),
        Advance::Resealed(_)
    ) {}
}

/// Goes on until there is nothing to do, or it is told that something was tampered with; answers whether it was. The
/// sample of environments that is read again before a key goes is random, so that either may be.
async fn go_on(installation: &Installation, now: SystemTime) -> bool {
    for _ in 0..100 {
        match installation.vault.advance(now, ROWS).await {
            Ok(Advance::Idle | Advance::Waiting) => return false,
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.reason(), Reason::Tampered, "{error}");
                return true;
            }
        }
    }
    panic!("it does not come to rest");
}

/// The one environment that the first batch re-encrypted.
async fn resealed(home: &Home, old: KeyId) -> String {
    let sql = format!(
        "SELECT uid FROM environment JOIN manifest ON manifest.environment = environment.id WHERE values_key <> x'{old}'"
    );
    let mut uids = home.key_hand().await.texts(&sql).await;
    assert_eq!(uids.len(), 1, "one batch, one environment");
    uids.remove(0)
}

/// Only `bent` is refused, and as tampered with; everything else is delivered.
async fn is_caught(installation: &Installation, bent: &str) {
    for uid in UIDS {
        if uid == bent {
            let refused = installation.vault.read(uid).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::Tampered, "{uid}");
        } else {
            assert_eq!(installation.read(uid).await, owned(&[("A", uid), ("B", uid)]));
        }
    }
}

/// No key that something is under goes as long as it is there.
async fn is_kept(installation: &Installation, rings: &[Ring]) {
    let root = installation.keys.root().await.unwrap().unwrap();
    for ring in rings {
        let keys = root.keys.iter().filter(|key| key.ring == *ring);
        let retiring = keys.filter(|key| key.state == KeyState::Retiring).count();
        assert_eq!(retiring, 1, "{}", ring.label());
    }
}

#[tokio::test]
async fn rows_put_back_to_before_their_batch_are_caught() {
    let (home, now) = (Home::new(), SystemTime::now());
    let (installation, old) = begin(&home, now).await;
    let mut hand = home.key_hand().await;
    hand.run("CREATE TABLE kept AS SELECT * FROM entry").await;
    batch(&installation, now).await;
    let bent = resealed(&home, old).await;
    let its = format!("environment = (SELECT id FROM environment WHERE uid = '{bent}')");
    hand.run(&format!(
        "DELETE FROM entry WHERE {its}; INSERT INTO entry SELECT * FROM kept WHERE {its}; DROP TABLE kept"
    ))
    .await;
    is_caught(&installation, &bent).await;
    let told = go_on(&installation, now).await;
    is_caught(&installation, &bent).await;
    // Its old values went with the batch, so that only the rows are under an old key.
    is_kept(&installation, &[Ring::Names]).await;
    let quarantined = installation.vault.quarantined(&bent).await.unwrap();
    assert!(
        told || quarantined.len() == 1,
        "an error says so, or the quarantine"
    );
}

#[tokio::test]
async fn a_row_that_is_replaced_by_its_older_copy_before_its_batch_is_caught() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    for uid in UIDS {
        installation.write(uid, &[("A", "older")], 0).await.unwrap();
    }
    let mut hand = home.key_hand().await;
    hand.run("CREATE TABLE kept AS SELECT * FROM entry").await;
    installation.close().await;
    let (installation, old) = begin(&home, now).await;
    batch(&installation, now).await;
    let over = resealed(&home, old).await;
    let bent = UIDS.into_iter().find(|uid| *uid != over).unwrap();
    let its = format!("environment = (SELECT id FROM environment WHERE uid = '{bent}')");
    hand.bend(&format!(
        "UPDATE entry SET envelope = (SELECT envelope FROM kept WHERE {its})
         WHERE id = (SELECT min(id) FROM entry WHERE {its})"
    ))
    .await;
    hand.run("DROP TABLE kept").await;
    is_caught(&installation, bent).await;
    settle(&installation.vault, now).await;
    is_caught(&installation, bent).await;
    is_kept(&installation, &Ring::MASTER).await;
    let quarantined = installation.vault.quarantined(bent).await.unwrap();
    assert_eq!(quarantined.len(), 1, "it is told");
}

#[tokio::test]
async fn a_value_database_put_back_to_before_a_batch_is_caught() {
    let (home, now) = (Home::new(), SystemTime::now());
    let (installation, old) = begin(&home, now).await;
    let mut hand = home.value_hand().await;
    hand.run("CREATE TABLE kept AS SELECT * FROM value").await;
    batch(&installation, now).await;
    let bent = resealed(&home, old).await;
    hand.run("DELETE FROM value; INSERT INTO value SELECT * FROM kept; DROP TABLE kept")
        .await;
    is_caught(&installation, &bent).await;
    go_on(&installation, now).await;
    is_caught(&installation, &bent).await;
}
