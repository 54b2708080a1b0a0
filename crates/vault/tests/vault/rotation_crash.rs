//! The leader killed at each step of a rotation, each time that it comes by: another process takes over and finishes.

use std::time::{Duration, SystemTime};

use splitvault_crypto::KeyId;
use splitvault_values::ValueStore as _;
use splitvault_vault::keys::{Deed, LifeStore as _};
use splitvault_vault::{Cause, KeyState, Ring};

use crate::crash::{HOME, killed_at};
use crate::fixture::{Home, Installation, owned, pairs};
use crate::rotation::{active, contains, lead, settle};

const UIDS: [&str; 3] = ["a", "b", "c"];
const REVISIONS: u64 = 3;
const VARIABLES: usize = 2;
/// Small enough that a rotation has several batches.
const ROWS: usize = 4;
/// The lease has run out by then, and the one that was killed is waited for no more.
const TAKEOVER: Duration = Duration::from_secs(120);

/// Leads and rotates both rings; only when it was started for that.
#[tokio::test]
#[ignore = "runs as a process of its own, which the others kill"]
async fn deed() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let now = SystemTime::now();
    let installation = Home::at(home.into()).open().await;
    lead(&installation, now).await;
    splitvault_values::arm_failpoints();
    for ring in Ring::MASTER {
        let begun = installation.vault.begin_rotation(ring, Cause::Requested, now);
        begun.await.unwrap();
    }
    while !is_over(&installation).await {
        installation.vault.advance(now, ROWS).await.unwrap();
    }
}

async fn is_over(installation: &Installation) -> bool {
    let root = installation.keys.root().await.unwrap().unwrap();
    let mut masters = root.keys.iter().filter(|key| Ring::MASTER.contains(&key.ring));
    masters.all(|key| matches!(key.state, KeyState::Active | KeyState::Destroyed))
}

fn content(uid: &str, revision: u64) -> [(&'static str, String); VARIABLES] {
    ["FIRST", "SECOND"].map(|name| (name, format!("{name} of {uid} at {revision}")))
}

/// The keys that are to go, with the bytes that are to be in no file.
struct Old {
    ring: Ring,
    id: KeyId,
    wrapped: Vec<u8>,
}

async fn scene() -> (Home, Vec<Old>) {
    let home = Home::new();
    let installation = home.open().await;
    for uid in UIDS {
        for revision in 1..=REVISIONS {
            let content = content(uid, revision);
            let variables = content.each_ref().map(|(name, value)| (*name, value.as_str()));
            installation.write(uid, &variables, 5).await.unwrap();
        }
    }
    let root = installation.keys.root().await.unwrap().unwrap();
    let old = Ring::MASTER.map(|ring| {
        let key = root.active(ring).unwrap();
        let (id, wrapped) = (key.id, key.wrapped.clone().unwrap());
        Old { ring, id, wrapped }
    });
    installation.close().await;
    for key in &old {
        let found = contains(&home.bytes(&home.key_database()), &key.wrapped);
        assert!(found, "the search finds what is there");
    }
    (home, old.into())
}

/// Whoever comes after goes on, and begins what the one before did not come to.
async fn take_over(installation: &Installation, old: &[Old]) {
    let now = SystemTime::now() + TAKEOVER;
    lead(installation, now).await;
    for key in old {
        if active(installation, key.ring).await == key.id {
            let begun = installation.vault.begin_rotation(key.ring, Cause::Requested, now);
            begun.await.unwrap();
        }
    }
    settle(&installation.vault, now).await;
}

async fn is_whole(installation: &Installation, at: &str) {
    for uid in UIDS {
        for revision in 1..=REVISIONS {
            let expected = content(uid, revision);
            let expected = owned(&expected.each_ref().map(|(name, value)| (*name, value.as_str())));
            let found = installation.vault.read_revision(uid, revision).await;
            let found = pairs(&found.unwrap().unwrap().dotenv);
            assert_eq!(found, expected, "{at}: {uid} at {revision}");
            if revision == REVISIONS {
                assert_eq!(installation.read(uid).await, expected, "{at}: {uid} now");
            }
        }
    }
}

/// Nothing is under the old keys, nothing is left of them, and the log says so.
async fn is_rotated(home: &Home, installation: &Installation, old: &[Old], at: &str) {
    installation.vault.sweep().await.unwrap();
    let rows = UIDS.len() * REVISIONS as usize * VARIABLES;
    assert_eq!(installation.tokens().await.len(), rows, "{at}: no orphan");
    let root = installation.keys.root().await.unwrap().unwrap();
    let log = installation.vault.key_log().await.unwrap();
    for key in old {
        let (ring, id) = (key.ring, key.id);
        assert_eq!(installation.keys.count(ring, id).await, Ok(0), "{at}");
        let values = installation.values.count(*id.as_bytes()).await;
        assert_eq!(values, Ok(0), "{at}");
        let states = root.keys.iter().filter(|key| key.ring == ring);
        let mut states: Vec<_> = states.map(|key| key.state.label()).collect();
        states.sort_unstable();
        assert_eq!(states, ["active", "destroyed"], "{at}: {}", ring.label());
        let mut told = log.iter().filter(|event| event.key == id);
        assert_eq!(told.next_back().unwrap().deed, Deed::Destroyed, "{at}");
        for database in [home.key_database(), home.value_database()] {
            let found = contains(&home.bytes(&database), &key.wrapped);
            assert!(!found, "{at}: the wrapped key is in no file");
        }
    }
}

/// Kills at the first time a step comes by, at the second, and so on; answers how often it does.
async fn kill_at_each(step: &str) -> usize {
    for passed in 0..100 {
        let (home, old) = scene().await;
        let at = match passed {
            0 => format!("{step}=return(kill)"),
            _ => format!("{step}={passed}*off->return(kill)"),
        };
        let killed = killed_at(&home, "rotation_crash::deed", "rotate", &at);
        let installation = home.open().await;
        // Not only at the end: whoever is there meanwhile reads all.
        is_whole(&installation, &at).await;
        take_over(&installation, &old).await;
        is_whole(&installation, &at).await;
        is_rotated(&home, &installation, &old, &at).await;
        installation.close().await;
        if !killed {
            return passed;
        }
    }
    panic!("{step} comes by without end");
}

#[tokio::test]
async fn a_leader_killed_around_any_change_of_keys_is_followed_by_one_that_finishes() {
    // Creation, activation, drain and destruction, for each of two rings.
    for step in ["rotation::before-change", "rotation::after-change"] {
        assert_eq!(kill_at_each(step).await, 8, "{step}");
    }
}

#[tokio::test]
async fn a_leader_killed_at_any_step_of_a_keys_life_is_followed_by_one_that_finishes() {
    for step in [
        "rotation::before-activate",
        "rotation::after-activate",
        "rotation::before-drain",
        "rotation::after-drain",
        "rotation::before-destroy",
        "rotation::after-destroy",
        "rotation::after-checkpoint",
    ] {
        assert_eq!(kill_at_each(step).await, 2, "{step}");
    }
}

#[tokio::test]
async fn a_leader_killed_while_it_puts_a_batch_is_followed_by_one_that_finishes() {
    for step in [
        "vault::before-put",
        "values::before-insert",
        "values::after-insert-before-commit",
        "values::after-commit",
        "vault::after-put",
    ] {
        assert!(kill_at_each(step).await >= 3, "{step}: several batches");
    }
}

#[tokio::test]
async fn a_leader_killed_while_it_commits_a_batch_is_followed_by_one_that_finishes() {
    for step in [
        "vault::before-commit",
        "vault::after-commit",
        "vault::before-delete",
        "values::before-delete",
        "values::after-delete-before-commit",
        "vault::after-delete",
    ] {
        assert!(kill_at_each(step).await >= 3, "{step}: several batches");
    }
}
