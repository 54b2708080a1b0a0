//! The life of keys.

use splitvault_crypto::KeyId;

use super::root::wrapped;
use super::{active, commit, first, id, rows, uid};
use crate::keys::{
    Cause, Commit, Deed, KeyChange, KeyEvent, KeyState, KeyStore, KeyStoreError, Replica, Ring, Step,
};

async fn epoch(keys: &dyn KeyStore) -> u64 {
    keys.lead(id(), 2_000, 2_000).await.expect("lead answers").epoch
}

async fn change(keys: &dyn KeyStore, epoch: Option<u64>, steps: Vec<Step>) -> KeyChange {
    let root = keys.root().await.expect("root answers").expect("there is one");
    let event = KeyEvent {
        sequence: root.sequence() + 1,
        at: 5,
        ring: Ring::Names,
        key: KeyId::make().expect("randomness"),
        deed: Deed::Activated,
        cause: Cause::Requested,
        mac: [9; 32],
    };
    KeyChange {
        epoch,
        expected: root.sequence(),
        steps,
        events: vec![event],
    }
}

pub(super) async fn leads_one_at_a_time(keys: &dyn KeyStore) {
    let (one, two) = (id(), id());
    let first = keys.lead(one, 1_000, 1_000).await.expect("lead answers");
    assert_eq!(first.holder, one, "nobody led");
    let refused = keys.lead(two, 1_100, 900).await.expect("lead answers");
    assert_eq!(refused, first, "the first still does");
    let renewed = keys.lead(one, 1_200, 1_000).await.expect("lead answers");
    assert_eq!((renewed.epoch, renewed.renewed), (first.epoch, 1_200));
    let second = keys.lead(two, 1_300, 1_201).await.expect("lead answers");
    assert_eq!(
        (second.holder, second.epoch),
        (two, first.epoch + 1),
        "its time was up"
    );
    keys.leave(two).await.expect("leave answers");
    let third = keys.lead(one, 1_301, 1_001).await.expect("lead answers");
    assert_eq!(
        (third.holder, third.epoch),
        (one, second.epoch + 1),
        "it went by itself"
    );
    let late = change(keys, Some(first.epoch), Vec::new()).await;
    assert_eq!(
        keys.change(&late).await,
        Err(KeyStoreError::Conflict),
        "fenced off"
    );
}

pub(super) async fn knows_who_is_there(keys: &dyn KeyStore) {
    let replica = |seen| Replica {
        id: id(),
        acknowledged: seen,
        seen,
    };
    let (mut old, new) = (replica(10), replica(20));
    for replica in [&old, &new] {
        keys.beat(replica).await.expect("beat answers");
    }
    assert_eq!(keys.replicas(10..=20).await.expect("it answers").len(), 2);
    assert_eq!(keys.replicas(11..=20).await, Ok(vec![new]));
    (old.seen, old.acknowledged) = (30, 15);
    keys.beat(&old).await.expect("beat answers");
    assert!(
        keys.replicas(20..=30).await.expect("it answers").contains(&old),
        "it is back"
    );
    keys.leave(new.id).await.expect("leave answers");
    assert_eq!(keys.replicas(0..=99).await, Ok(vec![old]));
    assert_eq!(
        keys.replicas(0..=29).await,
        Ok(Vec::new()),
        "a clock that is ahead is forgotten, too"
    );
    assert_eq!(keys.replicas(0..=99).await, Ok(Vec::new()));
    keys.leave(old.id).await.expect("leave answers");
}

pub(super) async fn claims_a_draw_once(keys: &dyn KeyStore) {
    let (key, epoch) = (active(keys, Ring::Names).await, epoch(keys).await);
    let drawn = async || {
        let root = keys.root().await.expect("root answers").expect("there is one");
        root.active(Ring::Names).expect("one is active").drawn
    };
    let before = drawn().await;
    keys.claim(epoch, key, before, before + 7)
        .await
        .expect("the first claims it");
    assert_eq!(
        keys.claim(epoch, key, before, before + 9).await,
        Err(KeyStoreError::Conflict)
    );
    assert_eq!(
        keys.claim(epoch + 1, key, before + 7, 99).await,
        Err(KeyStoreError::Conflict)
    );
    assert_eq!(drawn().await, before + 7);
}

pub(super) async fn counts_operations(keys: &dyn KeyStore) {
    let (names, values) = (active(keys, Ring::Names).await, active(keys, Ring::Values).await);
    keys.reserve(&[(names, 5), (values, 2)])
        .await
        .expect("reserve answers");
    keys.reserve(&[(names, 1)]).await.expect("reserve answers");
    let root = keys.root().await.expect("root answers").expect("there is one");
    let count = |ring| root.active(ring).map(|key| key.operations);
    assert_eq!((count(Ring::Names), count(Ring::Values)), (Some(6), Some(2)));
}

pub(super) async fn takes_a_key_through_its_life(keys: &dyn KeyStore) {
    let epoch = Some(epoch(keys).await);
    let old = active(keys, Ring::Names).await;
    let made = first(keys, &uid(), 2).await;
    commit(keys, &made).await;
    let new = wrapped(Ring::Names, KeyState::Pending);
    keys.change(&change(keys, epoch, vec![Step::Insert(new.clone())]).await)
        .await
        .expect("a new key");
    let two_active = change(keys, epoch, vec![go(new.id, KeyState::Pending, KeyState::Active)]).await;
    keys.change(&two_active)
        .await
        .expect_err("two active keys of a ring are refused");
    let swap = vec![
        go(old, KeyState::Active, KeyState::Retiring),
        go(new.id, KeyState::Pending, KeyState::Active),
    ];
    let swap = change(keys, epoch, swap).await;
    keys.change(&swap).await.expect("the new one takes over");
    assert_eq!(keys.change(&swap).await, Err(KeyStoreError::Conflict), "once");
    assert_eq!(
        keys.commit(&Commit {
            expected: Some(1),
            ..made.clone()
        })
        .await,
        Err(KeyStoreError::Rotated),
        "nobody writes under the old one"
    );
    let root = keys.root().await.expect("root answers").expect("there is one");
    let now = root.active(Ring::Names).expect("one is active");
    assert_eq!(
        (now.id, now.activated, now.drawn, now.entered),
        (new.id, 77, 77, root.sequence())
    );
    assert_eq!(keys.events(swap.expected, 1).await, Ok(swap.events));
    ends_the_life_of(keys, epoch, old, &made).await;
}

/// A retiring key that a revision like `made` is still under.
async fn ends_the_life_of(keys: &dyn KeyStore, epoch: Option<u64>, old: KeyId, made: &Commit) {
    let before = keys
        .root()
        .await
        .expect("root answers")
        .expect("there is one")
        .sequence();
    keys.change(&change(keys, epoch, vec![go(old, KeyState::Retiring, KeyState::Drained)]).await)
        .await
        .expect("on it goes");
    assert!(keys.count(Ring::Names, old).await.expect("count answers") > 0);
    let early = change(keys, epoch, vec![go(old, KeyState::Drained, KeyState::Destroyed)]).await;
    assert_eq!(
        keys.change(&early).await,
        Err(KeyStoreError::InUse),
        "something is under it"
    );
    reencrypt(keys, active(keys, Ring::Names).await, made).await;
    assert_eq!(keys.count(Ring::Names, old).await, Ok(0));
    let end = change(keys, epoch, vec![go(old, KeyState::Drained, KeyState::Destroyed)]).await;
    keys.change(&end).await.expect("nothing is under it");
    let root = keys.root().await.expect("root answers").expect("there is one");
    let gone = root.keys.iter().find(|key| key.id == old).expect("its id stays");
    assert_eq!((gone.state, &gone.wrapped), (KeyState::Destroyed, &None));
    let log = keys.events(before, 100).await.expect("events answers");
    assert!(
        log.iter()
            .map(|event| event.sequence)
            .eq(before + 1..=root.sequence())
    );
    keys.checkpoint().await.expect("checkpoint answers");
}

fn go(id: KeyId, from: KeyState, to: KeyState) -> Step {
    Step::Move {
        id,
        from,
        to,
        activated: (to == KeyState::Active).then_some(77),
    }
}

/// What a re-encryption does, as far as a key database sees it.
async fn reencrypt(keys: &dyn KeyStore, names_key: KeyId, like: &Commit) {
    let values = active(keys, Ring::Values).await;
    while let Some(uid) = keys
        .stale(names_key, values, 1)
        .await
        .expect("stale answers")
        .pop()
    {
        let standing = keys.standing(&uid).await.expect("standing answers");
        let head = standing.head.expect("it is there");
        let revisions = keys.revisions(head.environment).await.expect("revisions answers");
        let again = Commit {
            uid,
            environment: head.environment,
            expected: Some(head.writes),
            fence: standing.fence,
            names_key,
            revision: head.revision,
            manifests: revisions
                .iter()
                .map(|revision| (*revision, b"again".to_vec()))
                .collect(),
            rows: revisions.iter().map(|revision| (*revision, rows(1))).collect(),
            ..like.clone()
        };
        commit(keys, &again).await;
    }
}
