//! Older revisions, and re-encryption of all of them.

use std::collections::HashSet;

use splitvault_vault::HistoryEntry;

use crate::fixture::{Home, Installation, owned, pairs};

async fn history(installation: &Installation) -> Vec<(u64, u32)> {
    let kept = installation.vault.history("uid").await.unwrap();
    kept.iter()
        .map(|HistoryEntry { revision, entries }| (*revision, *entries))
        .collect()
}

async fn three_revisions(installation: &Installation) {
    installation.write("uid", &[("A", "1")], 5).await.unwrap();
    installation
        .write("uid", &[("A", "2"), ("B", "2")], 5)
        .await
        .unwrap();
    installation
        .write("uid", &[("A", "3"), ("B", "3"), ("C", "3")], 5)
        .await
        .unwrap();
}

async fn read_revision(installation: &Installation, revision: u64) -> Option<Vec<(String, String)>> {
    let found = installation.vault.read_revision("uid", revision).await.unwrap();
    found.map(|environment| {
        assert_eq!(environment.revision, revision);
        pairs(&environment.dotenv)
    })
}

#[tokio::test]
async fn older_revisions_stay_readable() {
    let home = Home::new();
    let installation = home.open().await;
    three_revisions(&installation).await;
    assert_eq!(history(&installation).await, [(1, 1), (2, 2)]);
    assert_eq!(read_revision(&installation, 1).await, Some(owned(&[("A", "1")])));
    assert_eq!(
        read_revision(&installation, 2).await,
        Some(owned(&[("A", "2"), ("B", "2")]))
    );
    assert_eq!(
        read_revision(&installation, 3).await.unwrap(),
        installation.read("uid").await
    );
    assert_eq!(read_revision(&installation, 4).await, None);
}

#[tokio::test]
async fn the_limit_drops_the_oldest_with_their_values() {
    let home = Home::new();
    let installation = home.open().await;
    three_revisions(&installation).await;
    assert_eq!(installation.tokens().await.len(), 6);
    installation.write("uid", &[("A", "4")], 2).await.unwrap();
    assert_eq!(history(&installation).await, [(2, 2), (3, 3)]);
    assert_eq!(read_revision(&installation, 1).await, None);
    assert_eq!(installation.tokens().await.len(), 6);
    installation.write("uid", &[("A", "5")], 0).await.unwrap();
    assert_eq!(history(&installation).await, []);
    assert_eq!(installation.tokens().await.len(), 1);
}

#[tokio::test]
async fn a_lower_limit_holds_without_a_new_content() {
    let home = Home::new();
    let installation = home.open().await;
    three_revisions(&installation).await;
    let same = [("A", "3"), ("B", "3"), ("C", "3")];
    let written = installation.write("uid", &same, 1).await.unwrap();
    assert_eq!((written.revision, written.changed), (3, false));
    assert_eq!(history(&installation).await, [(2, 2)]);
    assert_eq!(installation.tokens().await.len(), 5);
    assert_eq!(installation.read("uid").await, owned(&same));
}

#[tokio::test]
async fn reseal_replaces_every_envelope_and_token_and_nothing_else() {
    let home = Home::new();
    let installation = home.open().await;
    three_revisions(&installation).await;
    let before = installation.vault.describe("uid").await.unwrap().unwrap();
    let contents = async || {
        let mut contents = Vec::new();
        for revision in 1..=3 {
            contents.push(read_revision(&installation, revision).await.unwrap());
        }
        contents
    };
    let content_before = contents().await;
    let all = async || {
        let mut all: HashSet<Vec<u8>> = HashSet::new();
        let mut keys = home.key_hand().await;
        for sql in [
            "SELECT envelope FROM manifest",
            "SELECT envelope FROM entry",
            "SELECT id FROM entry",
        ] {
            all.extend(keys.blobs(sql).await);
        }
        let mut values = home.value_hand().await;
        for sql in ["SELECT envelope FROM value", "SELECT token FROM value"] {
            all.extend(values.blobs(sql).await);
        }
        all
    };
    let bytes_before = all().await;
    assert_eq!(bytes_before.len(), 3 + 6 + 6 + 6 + 6);

    assert_eq!(installation.vault.reseal("uid").await.unwrap().revisions, 3);
    let bytes_after = all().await;
    assert_eq!(bytes_after.len(), bytes_before.len());
    assert!(bytes_before.is_disjoint(&bytes_after), "nothing old is left");
    let after = installation.vault.describe("uid").await.unwrap().unwrap();
    assert_eq!(
        (after.revision, after.digest, after.source_digest),
        (before.revision, before.digest, before.source_digest)
    );
    assert_eq!(contents().await, content_before);
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 0);
}
