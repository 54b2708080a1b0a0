//! Revisions whole, removed, many.

use super::{commit, current, first, next, rows, uid};
use crate::keys::{Commit, KeyStore, KeyStoreError};

pub(super) async fn replaces_and_drops_revisions_whole(keys: &dyn KeyStore) {
    let made = first(keys, &uid(), 3).await;
    commit(keys, &made).await;
    let second = next(&made, 1);
    commit(keys, &second).await;
    let third = Commit {
        dropped: vec![1],
        manifests: vec![(3, b"manifest 3".to_vec()), (2, b"past 2".to_vec())],
        ..next(&second, 2)
    };
    commit(keys, &third).await;
    let kept = keys.revisions(made.environment).await.expect("revisions answers");
    assert_eq!(kept, [2, 3], "the dropped one is gone");
    let past = keys
        .revision(made.environment, 2)
        .await
        .expect("revision answers");
    let past = past.expect("the older revision is there");
    assert!(past.manifest == b"past 2", "its manifest was replaced");
    assert_eq!(past.rows.len(), 2, "its rows were not");
    let gone = keys
        .revision(made.environment, 1)
        .await
        .expect("revision answers");
    assert!(gone.is_none(), "the dropped revision is gone");
    let replaced = rows(5);
    let resealed = Commit {
        expected: Some(3),
        manifests: vec![(2, b"again 2".to_vec())],
        rows: vec![(2, replaced.clone())],
        dropped: Vec::new(),
        ..third
    };
    commit(keys, &resealed).await;
    let past = keys
        .revision(made.environment, 2)
        .await
        .expect("revision answers");
    let mut past = past.expect("the older revision is there");
    past.rows.sort_unstable_by_key(|row| row.id);
    assert!(
        past.rows == replaced,
        "its rows were replaced, none of the old ones is left"
    );
    let (head, rows) = current(keys, &made.uid).await.expect("it is there");
    assert_eq!((head.revision, head.writes, rows.len()), (3, 4, 2));
}

pub(super) async fn replaces_a_manifest_alone(keys: &dyn KeyStore) {
    let made = first(keys, &uid(), 2).await;
    commit(keys, &made).await;
    let touched = Commit {
        expected: Some(1),
        manifests: vec![(1, b"other".to_vec())],
        rows: Vec::new(),
        ..made.clone()
    };
    commit(keys, &touched).await;
    let (head, rows) = current(keys, &made.uid).await.expect("it is there");
    assert_eq!((head.revision, head.writes), (1, 2));
    assert!(head.manifest == b"other" && rows == made.rows[0].1);
}

pub(super) async fn forgets_an_environment_with_everything(keys: &dyn KeyStore) {
    let made = first(keys, &uid(), 2).await;
    commit(keys, &made).await;
    commit(keys, &next(&made, 1)).await;
    assert_eq!(
        keys.remove(made.environment, 1).await,
        Err(KeyStoreError::Conflict),
        "it has moved on"
    );
    keys.remove(made.environment, 2)
        .await
        .expect("a removal from the known state succeeds");
    assert!(current(keys, &made.uid).await.is_none());
    for revision in [1, 2] {
        let found = keys.revision(made.environment, revision).await;
        assert!(found.expect("revision answers").is_none(), "no revision is left");
    }
    assert!(
        keys.revisions(made.environment)
            .await
            .expect("revisions answers")
            .is_empty()
    );
    assert_eq!(
        keys.remove(made.environment, 2).await,
        Err(KeyStoreError::Conflict),
        "once"
    );
    commit(keys, &first(keys, &made.uid, 1).await).await;
}

pub(super) async fn lists_every_uid_once_in_order(keys: &dyn KeyStore) {
    let mut made = Vec::new();
    for _ in 0..10 {
        let commit_of = first(keys, &uid(), 0).await;
        commit(keys, &commit_of).await;
        made.push(commit_of.uid);
    }
    let mut listed: Vec<String> = Vec::new();
    loop {
        let after = listed.last().map(String::as_str);
        let page = keys.uids(after, 3).await.expect("uids answers");
        assert!(page.len() <= 3, "a page holds no more than asked");
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert!(listed.is_sorted_by(|a, b| a < b), "ascending, none twice");
    assert!(
        made.iter().all(|uid| listed.binary_search(uid).is_ok()),
        "every one is listed"
    );
}

pub(super) async fn keeps_a_thousand_rows(keys: &dyn KeyStore) {
    let made = first(keys, &uid(), 1000).await;
    commit(keys, &made).await;
    let (_, rows) = current(keys, &made.uid).await.expect("it is there");
    assert!(rows == made.rows[0].1, "all rows come back");
}
