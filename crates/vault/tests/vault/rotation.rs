//! Master keys through their whole life, on real files.

use std::time::{Duration, SystemTime};

use splitvault_crypto::{Id, KeyId};
use splitvault_values::ValueStore as _;
use splitvault_vault::keys::{Deed, LifeStore as _, Replica};
use splitvault_vault::{Advance, Cause, KeyState, KeyStoreError, Ring, RotationError, Vault};

use crate::fixture::{Home, Installation, owned};

const ROWS: usize = 100;

pub(crate) async fn lead(installation: &Installation, now: SystemTime) {
    installation.vault.beat(now).await.unwrap();
    assert!(installation.vault.lead(now).await.unwrap(), "nobody else does");
}

/// Goes on until there is nothing to do; answers what was done.
pub(crate) async fn settle(vault: &Vault, now: SystemTime) -> Vec<Advance> {
    let mut done = Vec::new();
    loop {
        match vault.advance(now, ROWS).await.unwrap() {
            Advance::Idle | Advance::Waiting => return done,
            step => done.push(step),
        }
        assert!(done.len() < 1_000, "it comes to rest");
    }
}

pub(crate) async fn active(installation: &Installation, ring: Ring) -> KeyId {
    let root = installation.keys.root().await.unwrap().unwrap();
    root.active(ring).unwrap().id
}

pub(crate) async fn rotate(installation: &Installation, ring: Ring, now: SystemTime) -> (KeyId, KeyId) {
    let old = active(installation, ring).await;
    let new = installation
        .vault
        .begin_rotation(ring, Cause::Requested, now)
        .await
        .unwrap();
    settle(&installation.vault, now).await;
    (old, new)
}

#[tokio::test]
async fn a_rotation_leaves_every_revision_readable_and_nothing_under_the_old_key() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    for uid in ["a", "b", "c"] {
        installation
            .write(uid, &[("A", "1"), ("B", "2")], 5)
            .await
            .unwrap();
        installation.write(uid, &[("A", "3")], 5).await.unwrap();
    }
    lead(&installation, now).await;
    let tokens = installation.tokens().await;
    let digest = installation.vault.describe("a").await.unwrap().unwrap().digest;
    for ring in Ring::MASTER {
        let root = installation.keys.root().await.unwrap().unwrap();
        let wrapped = root.active(ring).unwrap().wrapped.clone().unwrap();
        let (old, new) = rotate(&installation, ring, now).await;
        assert_eq!(active(&installation, ring).await, new);
        assert_eq!(installation.keys.count(ring, old).await, Ok(0));
        assert_eq!(installation.values.count(*old.as_bytes()).await.unwrap(), 0);
        let root = installation.keys.root().await.unwrap().unwrap();
        let gone = root.keys.iter().find(|key| key.id == old).unwrap();
        assert_eq!((gone.state, &gone.wrapped), (KeyState::Destroyed, &None));
        let bytes = home.bytes(&home.key_database());
        assert!(
            !contains(&bytes, &wrapped),
            "the wrapped key is in no file any more"
        );
    }
    for uid in ["a", "b", "c"] {
        assert_eq!(installation.read(uid).await, owned(&[("A", "3")]));
        let past = installation.vault.read_revision(uid, 1).await.unwrap().unwrap();
        assert_eq!(past.dotenv.len(), 2);
    }
    assert_eq!(
        installation.vault.describe("a").await.unwrap().unwrap().digest,
        digest
    );
    let now_there = installation.tokens().await;
    assert!(
        tokens.iter().all(|token| !now_there.contains(token)),
        "new tokens"
    );
    assert_eq!(now_there.len(), tokens.len(), "and no orphans");
    installation.vault.key_log().await.unwrap();
}

pub(crate) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn the_steps_of_a_rotation_are_those_of_the_design_and_the_log_tells_them() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    installation.write("a", &[("A", "1")], 0).await.unwrap();
    lead(&installation, now).await;
    let (old, new) = rotate(&installation, Ring::Names, now).await;
    let log = installation.vault.key_log().await.unwrap();
    let told = |id: KeyId| -> Vec<_> {
        log.iter()
            .filter(|event| event.key == id)
            .map(|event| (event.deed, event.cause))
            .collect()
    };
    assert_eq!(
        told(old),
        [
            (Deed::Created, Cause::Founded),
            (Deed::Activated, Cause::Founded),
            (Deed::Retired, Cause::Rotation),
            (Deed::Drained, Cause::Rotation),
            (Deed::Destroyed, Cause::Rotation),
        ]
    );
    assert_eq!(
        told(new),
        [
            (Deed::Created, Cause::Requested),
            (Deed::Activated, Cause::Rotation)
        ]
    );
}

#[tokio::test]
async fn a_replica_that_has_not_seen_the_new_key_holds_up_its_activation() {
    let (home, now) = (Home::new(), SystemTime::now());
    let (one, two) = (home.open().await, home.open().await);
    one.write("a", &[("A", "1")], 0).await.unwrap();
    lead(&one, now).await;
    two.vault.beat(now).await.unwrap();
    assert!(!two.vault.lead(now).await.unwrap(), "one leads");
    assert_eq!(two.vault.advance(now, ROWS).await, Err(RotationError::NotLeader));
    let old = active(&one, Ring::Values).await;
    one.vault
        .begin_rotation(Ring::Values, Cause::Requested, now)
        .await
        .unwrap();
    assert_eq!(one.vault.advance(now, ROWS).await, Ok(Advance::Waiting));
    assert_eq!(active(&one, Ring::Values).await, old);
    two.vault.beat(now).await.unwrap();
    settle(&one.vault, now).await;
    assert_ne!(active(&one, Ring::Values).await, old);
    let state = async || {
        let root = one.keys.root().await.unwrap().unwrap();
        root.keys.iter().find(|key| key.id == old).unwrap().state
    };
    assert_eq!(state().await, KeyState::Drained, "the other one still has it");
    assert_eq!(two.read("a").await, owned(&[("A", "1")]));
    two.vault.beat(now).await.unwrap();
    settle(&one.vault, now).await;
    assert_eq!(state().await, KeyState::Destroyed);
}

#[tokio::test]
async fn a_replica_that_is_gone_is_not_waited_for_and_catches_up_when_it_comes_back() {
    let (home, now) = (Home::new(), SystemTime::now());
    let (one, two) = (home.open().await, home.open().await);
    one.write("a", &[("A", "1")], 3).await.unwrap();
    lead(&one, now).await;
    two.vault.beat(now).await.unwrap();
    let later = now + Duration::from_secs(61);
    lead(&one, later).await;
    for ring in Ring::MASTER {
        rotate(&one, ring, later).await;
    }
    assert_eq!(two.read("a").await, owned(&[("A", "1")]), "it looks the keys up");
    two.write("a", &[("A", "2")], 3).await.unwrap();
    assert_eq!(one.read("a").await, owned(&[("A", "2")]));
}

#[tokio::test]
async fn a_replica_whose_clock_is_far_ahead_is_not_waited_for_until_then() {
    let (home, now) = (Home::new(), SystemTime::now());
    let (one, ahead) = (home.open().await, home.open().await);
    one.write("a", &[("A", "1")], 0).await.unwrap();
    lead(&one, now).await;
    // A little ahead: it counts, and is waited for.
    ahead.vault.beat(now + Duration::from_secs(59)).await.unwrap();
    let old = active(&one, Ring::Names).await;
    let begun = one.vault.begin_rotation(Ring::Names, Cause::Requested, now);
    begun.await.unwrap();
    assert_eq!(one.vault.advance(now, ROWS).await, Ok(Advance::Waiting));
    // Hours ahead, and then gone without a word.
    let then = now + Duration::from_secs(5 * 3600);
    ahead.keys.beat(&replica_of(&home, then).await).await.unwrap();
    settle(&one.vault, now).await;
    let root = one.keys.root().await.unwrap().unwrap();
    let state = root.keys.iter().find(|key| key.id == old).unwrap().state;
    assert_eq!(state, KeyState::Destroyed);
}

/// The one replica that was there after `now`, as if it had been there last at that time.
async fn replica_of(home: &Home, then: SystemTime) -> Replica {
    let ids = "SELECT id FROM replica ORDER BY seen DESC LIMIT 1";
    let id = home.key_hand().await.blobs(ids).await.remove(0);
    let seen = then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    Replica {
        id: Id::from_bytes(id.try_into().unwrap()),
        acknowledged: 0,
        seen: u64::try_from(seen).unwrap(),
    }
}

#[tokio::test]
async fn a_writer_that_slept_through_a_rotation_writes_nothing_under_the_old_key() {
    let (home, now) = (Home::new(), SystemTime::now());
    let (one, sleeper) = (home.open().await, home.open().await);
    one.write("a", &[("A", "1")], 0).await.unwrap();
    lead(&one, now).await;
    let (old, _) = rotate(&one, Ring::Names, now).await;
    // It still believes in the old key; its commit is refused, and it begins again.
    sleeper.write("b", &[("B", "1")], 0).await.unwrap();
    assert_eq!(one.keys.count(Ring::Names, old).await, Ok(0));
    assert_eq!(one.read("b").await, owned(&[("B", "1")]));
    assert_eq!(
        one.vault.sweep().await.unwrap().removed,
        0,
        "its first try was forgotten"
    );
}

#[tokio::test]
async fn a_leader_that_was_replaced_changes_nothing() {
    let (home, now) = (Home::new(), SystemTime::now());
    let (one, two) = (home.open().await, home.open().await);
    lead(&one, now).await;
    let later = now + Duration::from_secs(31);
    two.vault.beat(later).await.unwrap();
    assert!(two.vault.lead(later).await.unwrap(), "the lease ran out");
    let refused = one.vault.begin_rotation(Ring::Names, Cause::Requested, now).await;
    assert_eq!(refused, Err(RotationError::Keys(KeyStoreError::Conflict)));
    assert!(!one.vault.lead(now).await.unwrap());
    two.vault
        .begin_rotation(Ring::Names, Cause::Requested, later)
        .await
        .unwrap();
}

#[tokio::test]
async fn user_writes_win_over_a_rotation_that_goes_on_beside_them() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    for n in 0..20 {
        installation
            .write(&format!("uid-{n}"), &[("A", "first")], 2)
            .await
            .unwrap();
    }
    lead(&installation, now).await;
    installation
        .vault
        .begin_rotation(Ring::Values, Cause::Requested, now)
        .await
        .unwrap();
    let writes = async {
        for round in 0..5 {
            for n in 0..20 {
                let value = format!("{n} in round {round}");
                installation
                    .write(&format!("uid-{n}"), &[("A", &value)], 2)
                    .await
                    .unwrap();
            }
        }
    };
    let rotation = async {
        for _ in 0..40 {
            installation.vault.advance(now, 3).await.unwrap();
        }
    };
    tokio::join!(writes, rotation);
    settle(&installation.vault, now).await;
    for n in 0..20 {
        let expected = format!("{n} in round 4");
        assert_eq!(
            installation.read(&format!("uid-{n}")).await,
            owned(&[("A", &expected)])
        );
    }
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 0);
}

#[tokio::test]
async fn a_row_that_cannot_be_opened_is_set_aside_counted_and_keeps_the_old_key() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    for uid in ["bad", "good"] {
        installation.write(uid, &[("A", "1")], 5).await.unwrap();
        installation.write(uid, &[("A", "2")], 5).await.unwrap();
    }
    lead(&installation, now).await;
    let mut hand = home.key_hand().await;
    hand.bend(
        "UPDATE entry SET envelope = CAST(substr(envelope, 1, length(envelope) - 1) || x'00' AS BLOB)
         WHERE revision = 1 AND environment = (SELECT id FROM environment WHERE uid = 'bad')",
    )
    .await;
    let (old, new) = rotate(&installation, Ring::Names, now).await;
    let progress = installation.vault.progress().await.unwrap();
    assert_eq!((progress.environments, progress.remaining), (2, 1));
    assert_eq!(progress.quarantined.len(), 1);
    assert_eq!(
        (
            progress.quarantined[0].uid.as_str(),
            progress.quarantined[0].revision
        ),
        ("bad", 1)
    );
    let states: Vec<_> = progress
        .keys(Ring::Names)
        .map(|key| (key.id, key.state))
        .collect();
    assert!(states.contains(&(old, KeyState::Retiring)) && states.contains(&(new, KeyState::Active)));
    assert_eq!(
        installation.read("bad").await,
        owned(&[("A", "2")]),
        "the other revision was re-encrypted"
    );
    // It blocks no later rotation, and heals when its revision is gone.
    let (second, _) = rotate(&installation, Ring::Names, now).await;
    assert_ne!(second, old);
    for n in 3..9 {
        installation
            .write("bad", &[("A", &n.to_string())], 1)
            .await
            .unwrap();
    }
    settle(&installation.vault, now).await;
    let progress = installation.vault.progress().await.unwrap();
    assert_eq!(
        (
            progress.remaining,
            progress.quarantined.len(),
            progress.keys(Ring::Names).count()
        ),
        (0, 0, 1)
    );
}

#[tokio::test]
async fn what_is_in_quarantine_is_tried_again_when_asked_for() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    lead(&installation, now).await;
    let mut hand = home.value_hand().await;
    hand.run("CREATE TABLE kept AS SELECT * FROM value; DELETE FROM value")
        .await;
    let (old, _) = rotate(&installation, Ring::Values, now).await;
    assert_eq!(installation.vault.quarantined("uid").await.unwrap().len(), 1);
    hand.run("INSERT INTO value SELECT * FROM kept; DROP TABLE kept")
        .await;
    settle(&installation.vault, now).await;
    assert_eq!(
        installation.vault.quarantined("uid").await.unwrap().len(),
        1,
        "not by itself at once"
    );
    installation.vault.retry_quarantined().await.unwrap();
    settle(&installation.vault, now).await;
    assert_eq!(installation.read("uid").await, owned(&[("A", "1")]));
    let root = installation.keys.root().await.unwrap().unwrap();
    assert_eq!(
        root.keys.iter().find(|key| key.id == old).unwrap().state,
        KeyState::Destroyed
    );
}

#[tokio::test]
async fn what_the_key_database_says_of_a_revision_is_not_relied_on() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    lead(&installation, now).await;
    for ring in Ring::MASTER {
        let old = active(&installation, ring).await;
        let new = installation
            .vault
            .begin_rotation(ring, Cause::Requested, now)
            .await
            .unwrap();
        let step = installation.vault.advance(now, ROWS).await.unwrap();
        assert!(matches!(
            step,
            Advance::Moved {
                state: KeyState::Active,
                ..
            }
        ));
        let column = if ring == Ring::Names {
            "names_key"
        } else {
            "values_key"
        };
        home.key_hand()
            .await
            .bend(&format!("UPDATE manifest SET {column} = x'{new}'"))
            .await;
        settle(&installation.vault, now).await;
        assert_eq!(installation.read("uid").await, owned(&[("A", "1")]));
        assert_eq!(installation.keys.count(ring, old).await, Ok(0));
        assert_eq!(installation.values.count(*old.as_bytes()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn orphans_under_the_old_key_do_not_keep_it() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    lead(&installation, now).await;
    let token = installation.tokens().await[0];
    let envelope = installation
        .values
        .get(&[token])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    installation.values.put(vec![envelope]).await.unwrap();
    let (old, _) = rotate(&installation, Ring::Values, now).await;
    assert_eq!(installation.values.count(*old.as_bytes()).await.unwrap(), 0);
    assert_eq!(installation.tokens().await.len(), 1);
}

#[tokio::test]
async fn an_environment_without_its_current_manifest_holds_up_no_other() {
    let (home, now) = (Home::new(), SystemTime::now());
    let installation = home.open().await;
    for uid in ["bad", "good"] {
        installation.write(uid, &[("A", "1")], 5).await.unwrap();
        installation.write(uid, &[("A", "2")], 5).await.unwrap();
    }
    lead(&installation, now).await;
    home.key_hand()
        .await
        .bend(
            "UPDATE manifest SET envelope = CAST(substr(envelope, 1, length(envelope) - 1) || x'00' AS BLOB)
             WHERE revision = 2 AND environment = (SELECT id FROM environment WHERE uid = 'bad')",
        )
        .await;
    rotate(&installation, Ring::Names, now).await;
    let progress = installation.vault.progress().await.unwrap();
    assert_eq!((progress.remaining, progress.quarantined.len()), (1, 2));
    assert_eq!(installation.read("good").await, owned(&[("A", "2")]));
    assert_eq!(
        installation.tokens().await.len(),
        4,
        "nothing is left behind by tries"
    );
}
