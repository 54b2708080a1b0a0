//! What has yet to be re-encrypted.

use splitvault_crypto::KeyId;

use super::{active, commit, current, first, next, rows, uid};
use crate::keys::{Commit, KeyStore, KeyStoreError, Ring};

async fn stale(keys: &dyn KeyStore, names: KeyId, values: KeyId) -> Vec<String> {
    keys.stale(names, values, 10_000).await.expect("stale answers")
}

fn other() -> KeyId {
    KeyId::make().expect("randomness")
}

pub(super) async fn finds_what_is_not_under_the_keys_asked_for(keys: &dyn KeyStore) {
    let (names, values) = (active(keys, Ring::Names).await, active(keys, Ring::Values).await);
    let made = first(keys, &uid(), 3).await;
    commit(keys, &made).await;
    commit(keys, &next(&made, 1)).await;
    let has = |found: Vec<String>| found.contains(&made.uid);
    assert!(!has(stale(keys, names, values).await), "it is under both");
    assert!(has(stale(keys, other(), values).await), "its names are not");
    assert!(has(stale(keys, names, other()).await), "its values are not");
    let found = keys.stale_revisions(&made.uid, other(), values, 8).await;
    let found = found.expect("stale_revisions answers").expect("it is there");
    let numbers: Vec<_> = found.revisions.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, found.head.writes), (vec![1, 2], 2), "history included");
    assert_eq!(found.revisions[0].1.rows.len(), 3);
    let one = keys.stale_revisions(&made.uid, other(), values, 1).await;
    assert_eq!(one.expect("it answers").expect("it is there").revisions.len(), 1);
    let none = keys.stale_revisions(&made.uid, names, values, 8).await;
    assert!(
        none.expect("it answers")
            .expect("it is there")
            .revisions
            .is_empty()
    );
    let gone = keys.stale_revisions(&uid(), names, values, 8).await;
    assert!(gone.expect("it answers").is_none());
    let (all, remaining) = keys.progress(other(), values).await.expect("progress answers");
    assert_eq!(all, remaining, "every one, once");
    assert!(keys.distrust().await.expect("distrust answers") >= 2);
    assert!(has(stale(keys, names, values).await), "nothing is believed of it");
    let again = Commit {
        expected: Some(2),
        revision: 2,
        manifests: vec![(1, b"again 1".to_vec()), (2, b"again 2".to_vec())],
        rows: vec![(1, rows(3)), (2, rows(2))],
        ..made.clone()
    };
    commit(keys, &again).await;
    assert!(!has(stale(keys, names, values).await), "its rows are new");
}

pub(super) async fn keeps_quarantine(keys: &dyn KeyStore) {
    let (names, values) = (active(keys, Ring::Names).await, active(keys, Ring::Values).await);
    let made = first(keys, &uid(), 1).await;
    commit(keys, &made).await;
    keys.quarantine(made.environment, 1)
        .await
        .expect("quarantine answers");
    let found = keys.quarantined(Some(&made.uid), 10).await.expect("it answers");
    assert_eq!((found.len(), found[0].revision), (1, 1));
    assert!(
        !stale(keys, other(), values).await.contains(&made.uid),
        "set aside"
    );
    let (_, remaining) = keys.progress(other(), values).await.expect("progress answers");
    assert!(remaining > 0, "but not forgotten");
    keys.release().await.expect("release answers");
    assert!(stale(keys, other(), values).await.contains(&made.uid));
    keys.quarantine(made.environment, 1)
        .await
        .expect("quarantine answers");
    let manifest_only = Commit {
        expected: Some(1),
        rows: Vec::new(),
        ..made.clone()
    };
    commit(keys, &manifest_only).await;
    assert_eq!(
        keys.quarantined(Some(&made.uid), 10).await.map(|q| q.len()),
        Ok(1)
    );
    commit(
        keys,
        &Commit {
            expected: Some(2),
            ..made.clone()
        },
    )
    .await;
    assert_eq!(
        keys.quarantined(None, 10).await,
        Ok(Vec::new()),
        "new rows are out of it"
    );
    assert!(!stale(keys, names, values).await.contains(&made.uid));
}

pub(super) async fn makes_all_of_a_batch_but_what_was_overtaken(keys: &dyn KeyStore) {
    let (a, b) = (first(keys, &uid(), 1).await, first(keys, &uid(), 1).await);
    let made = keys.commit_all(&[a.clone(), b.clone()]).await;
    assert_eq!(made, Ok(vec![Ok(()), Ok(())]));
    let overtaken = next(&a, 7);
    let outcomes = keys.commit_all(&[overtaken, next(&b, 1)]).await;
    assert_eq!(outcomes, Ok(vec![Err(KeyStoreError::Conflict), Ok(())]));
    let (head, _) = current(keys, &a.uid).await.expect("it is there");
    assert_eq!((head.revision, head.writes), (1, 1), "nothing of it was made");
    let (head, _) = current(keys, &b.uid).await.expect("it is there");
    assert_eq!(head.revision, 2);
    let under_another = Commit {
        names_key: other(),
        ..next(&a, 1)
    };
    let refused = keys.commit_all(&[next(&b, 2), under_another]).await;
    assert_eq!(refused, Err(KeyStoreError::Rotated));
    let under_another = Commit {
        values_key: other(),
        ..next(&a, 1)
    };
    assert_eq!(keys.commit(&under_another).await, Err(KeyStoreError::Rotated));
    let (head, _) = current(keys, &b.uid).await.expect("it is there");
    assert_eq!(head.revision, 2, "then none of them is made");
}
