//! What is there already is not written again; what is removed is gone.

use splitvault_vault::SourceDigestInput;

use crate::fixture::{Home, dotenv, owned};

#[tokio::test]
async fn the_same_again_writes_nothing_to_either_database() {
    let home = Home::new();
    let installation = home.open().await;
    let first = installation
        .write("uid", &[("A", "1"), ("B", "2")], 3)
        .await
        .unwrap();
    let (mut keys, mut values) = (home.key_hand().await, home.value_hand().await);
    // SQLite changes this number for a connection whenever another one has committed.
    let version = "PRAGMA data_version";
    let before = (keys.number(version).await, values.number(version).await);
    let bytes = || {
        (
            home.bytes(&home.key_database()),
            home.bytes(&home.value_database()),
        )
    };
    let bytes_before = bytes();
    for _ in 0..3 {
        let again = installation
            .write("uid", &[("A", "1"), ("B", "2")], 3)
            .await
            .unwrap();
        assert_eq!(
            (again.revision, again.digest, again.changed),
            (1, first.digest, false)
        );
    }
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 0);
    assert_eq!((keys.number(version).await, values.number(version).await), before);
    assert!(bytes() == bytes_before, "no byte on disk changed");

    installation
        .write("uid", &[("A", "1"), ("B", "3")], 3)
        .await
        .unwrap();
    let after = (keys.number(version).await, values.number(version).await);
    assert!(
        after.0 != before.0 && after.1 != before.1,
        "a real write does show"
    );
}

#[tokio::test]
async fn another_source_of_the_same_content_keeps_the_revision() {
    let home = Home::new();
    let installation = home.open().await;
    let content = dotenv(&[("A", "1")]);
    let (one, two) = (SourceDigestInput(b"one"), SourceDigestInput(b"two"));
    let vault = &installation.vault;
    let first = vault.write("uid", &content, &one, &[], 0).await.unwrap();
    let tokens = installation.tokens().await;
    let described = vault.describe("uid").await.unwrap().unwrap();
    assert!(described.made_from(&one) && !described.made_from(&two));
    let second = vault.write("uid", &content, &two, &[], 0).await.unwrap();
    assert_eq!(
        (second.revision, second.digest, second.changed),
        (1, first.digest, false)
    );
    let described = vault.describe("uid").await.unwrap().unwrap();
    assert!(described.made_from(&two) && !described.made_from(&one));
    assert_eq!(installation.tokens().await, tokens, "no value was touched");
    assert_eq!(installation.read("uid").await, owned(&[("A", "1")]));
}

#[tokio::test]
async fn removal_leaves_nothing_in_either_database() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("other", &[("A", "1")], 0).await.unwrap();
    for value in ["1", "2", "3"] {
        installation
            .write("uid", &[("A", value), ("B", "b")], 5)
            .await
            .unwrap();
    }
    assert_eq!(installation.tokens().await.len(), 7);
    assert!(installation.vault.remove("uid").await.unwrap());
    assert!(!installation.vault.remove("uid").await.unwrap(), "once");
    assert!(installation.vault.read("uid").await.unwrap().is_none());
    assert_eq!(installation.tokens().await.len(), 1);
    let mut hand = home.key_hand().await;
    for table in ["environment", "manifest", "entry"] {
        assert_eq!(
            hand.number(&format!("SELECT count(*) FROM {table}")).await,
            1,
            "{table}"
        );
    }
    let again = installation.write("uid", &[("NEW", "n")], 0).await.unwrap();
    assert_eq!(again.revision, 1, "made again, it inherits nothing");
}
