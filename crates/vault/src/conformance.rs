//! The suite that every [`KeyStore`] passes. A failed expectation panics with a sentence.
#![expect(clippy::expect_used, reason = "a test suite says what it expected")]

mod life;
mod revisions;
mod root;
mod stale;

use splitvault_crypto::{Id, KeyId};

use crate::keys::{Commit, Head, KeyStore, KeyStoreError, Ring, Row};

/// Runs the whole suite against a key database that has no installation yet.
///
/// # Panics
/// When the database does not behave as the trait says.
pub async fn run(keys: &dyn KeyStore) {
    root::refuses_two_active_keys_of_one_ring(keys).await;
    root::is_founded_once(keys).await;
    keeps_a_new_environment(keys).await;
    swaps_only_from_the_expected_state(keys).await;
    makes_an_environment_once(keys).await;
    refuses_a_commit_from_before_the_fence(keys).await;
    revisions::replaces_and_drops_revisions_whole(keys).await;
    revisions::replaces_a_manifest_alone(keys).await;
    revisions::forgets_an_environment_with_everything(keys).await;
    revisions::lists_every_uid_once_in_order(keys).await;
    revisions::keeps_a_thousand_rows(keys).await;
    stale::finds_what_is_not_under_the_keys_asked_for(keys).await;
    stale::keeps_quarantine(keys).await;
    stale::makes_all_of_a_batch_but_what_was_overtaken(keys).await;
    life::leads_one_at_a_time(keys).await;
    life::knows_who_is_there(keys).await;
    life::claims_a_draw_once(keys).await;
    life::counts_operations(keys).await;
    life::takes_a_key_through_its_life(keys).await;
}

fn id() -> Id {
    Id::make().expect("randomness")
}

fn uid() -> String {
    id().to_string()
}

fn rows(count: usize) -> Vec<Row> {
    let mut rows: Vec<_> = (0..count)
        .map(|n| Row {
            id: id(),
            envelope: format!("row {n}").into_bytes(),
        })
        .collect();
    rows.sort_unstable_by_key(|row| row.id);
    rows
}

/// The first commit of a new environment.
async fn first(keys: &dyn KeyStore, uid: &str, count: usize) -> Commit {
    Commit {
        uid: uid.to_owned(),
        environment: id(),
        expected: None,
        fence: fence(keys).await,
        names_key: active(keys, Ring::Names).await,
        values_key: active(keys, Ring::Values).await,
        revision: 1,
        manifests: vec![(1, b"manifest 1".to_vec())],
        rows: vec![(1, rows(count))],
        dropped: Vec::new(),
    }
}

/// The commit of the next revision, from a known state.
fn next(commit: &Commit, writes: u64) -> Commit {
    let revision = commit.revision + 1;
    Commit {
        expected: Some(writes),
        revision,
        manifests: vec![(revision, format!("manifest {revision}").into_bytes())],
        rows: vec![(revision, rows(2))],
        ..commit.clone()
    }
}

async fn commit(keys: &dyn KeyStore, commit: &Commit) {
    keys.commit(commit)
        .await
        .expect("a commit from the expected state succeeds");
}

async fn active(keys: &dyn KeyStore, ring: Ring) -> KeyId {
    let root = keys.root().await.expect("root answers").expect("there is a root");
    root.active(ring).expect("there is an active key").id
}

async fn fence(keys: &dyn KeyStore) -> u64 {
    keys.standing("nobody").await.expect("standing answers").fence
}

async fn current(keys: &dyn KeyStore, uid: &str) -> Option<(Head, Vec<Row>)> {
    let mut found = keys.current(uid).await.expect("current answers");
    if let Some((_, rows)) = &mut found {
        rows.sort_unstable_by_key(|row| row.id);
    }
    found
}

async fn keeps_a_new_environment(keys: &dyn KeyStore) {
    let uid = uid();
    assert!(current(keys, &uid).await.is_none(), "an unknown object has none");
    let made = first(keys, &uid, 3).await;
    commit(keys, &made).await;
    let head = Head {
        environment: made.environment,
        uid: uid.clone(),
        revision: 1,
        writes: 1,
        manifest: b"manifest 1".to_vec(),
    };
    assert!(
        current(keys, &uid).await == Some((head.clone(), made.rows[0].1.clone())),
        "what was committed is there"
    );
    let standing = keys.standing(&uid).await.expect("standing answers");
    assert!(standing.head == Some(head), "the head stands alone, too");
}

async fn swaps_only_from_the_expected_state(keys: &dyn KeyStore) {
    let uid = uid();
    let made = first(keys, &uid, 1).await;
    commit(keys, &made).await;
    for writes in [0, 2, 99] {
        let stale = next(&made, writes);
        assert_eq!(keys.commit(&stale).await, Err(KeyStoreError::Conflict));
    }
    let elsewhere = Commit {
        environment: id(),
        ..next(&made, 1)
    };
    assert_eq!(keys.commit(&elsewhere).await, Err(KeyStoreError::Conflict));
    let (head, rows) = current(keys, &uid).await.expect("it is there");
    assert!(
        (head.revision, head.writes, &rows) == (1, 1, &made.rows[0].1),
        "a refused commit changes nothing"
    );
    commit(keys, &next(&made, 1)).await;
    assert_eq!(
        keys.commit(&next(&made, 1)).await,
        Err(KeyStoreError::Conflict),
        "once"
    );
}

async fn makes_an_environment_once(keys: &dyn KeyStore) {
    let uid = uid();
    let made = first(keys, &uid, 1).await;
    commit(keys, &made).await;
    let again = first(keys, &uid, 1).await;
    assert_eq!(keys.commit(&again).await, Err(KeyStoreError::Conflict));
    assert_eq!(keys.commit(&made).await, Err(KeyStoreError::Conflict));
    let (head, _) = current(keys, &uid).await.expect("it is there");
    assert!(head.environment == made.environment, "the first one stays");
}

async fn refuses_a_commit_from_before_the_fence(keys: &dyn KeyStore) {
    let uid = uid();
    let late = first(keys, &uid, 1).await;
    keys.raise_fence().await.expect("the fence goes up");
    assert_eq!(keys.commit(&late).await, Err(KeyStoreError::Fenced));
    assert!(
        current(keys, &uid).await.is_none(),
        "a fenced commit changes nothing"
    );
    let made = first(keys, &uid, 1).await;
    commit(keys, &made).await;
    let late = next(&made, 1);
    keys.raise_fence().await.expect("the fence goes up");
    assert_eq!(keys.commit(&late).await, Err(KeyStoreError::Fenced));
    let retried = Commit {
        fence: fence(keys).await,
        names_key: active(keys, Ring::Names).await,
        values_key: active(keys, Ring::Values).await,
        ..late
    };
    commit(keys, &retried).await;
}
