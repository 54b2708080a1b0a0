//! A whole database put back: nothing inside it can tell, so what was seen elsewhere does.

use std::fs;
use std::path::Path;

use splitvault_vault::{ReadError, SweepError};

use crate::fixture::{Home, owned};

fn save(home: &Home, name: &str) {
    fs::copy(home.key_database(), home.path().join(name)).unwrap();
}

fn restore(home: &Home, name: &str) {
    for suffix in ["-wal", "-shm"] {
        let stale = format!("{}{suffix}", home.key_database().display());
        drop(fs::remove_file(Path::new(&stale)));
    }
    fs::copy(home.path().join(name), home.key_database()).unwrap();
}

#[tokio::test]
async fn an_older_database_is_noticed_by_its_revision_and_nothing_is_swept() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    installation.close().await;
    save(&home, "first");
    let installation = home.open().await;
    let second = installation.write("uid", &[("A", "2")], 0).await.unwrap();
    let vault = &installation.vault;
    let seen = vault.check("uid", second.revision, &second.digest).await.unwrap();
    assert_eq!(seen.unwrap().revision, 2);
    vault
        .check("uid", 1, &[0; 32])
        .await
        .expect("a later revision than was seen is fine");
    installation.close().await;
    save(&home, "second");

    restore(&home, "first");
    let installation = home.open().await;
    let error = installation
        .vault
        .check("uid", second.revision, &second.digest)
        .await
        .unwrap_err();
    assert_eq!(error, ReadError::RolledBack { expected: 2, got: 1 });
    assert_eq!(
        installation.vault.sweep().await,
        Err(SweepError::Suspended { environments: 1 })
    );
    assert_eq!(
        installation.tokens().await.len(),
        1,
        "the value of the second revision"
    );
    installation.close().await;

    restore(&home, "second");
    let installation = home.open().await;
    installation
        .vault
        .check("uid", second.revision, &second.digest)
        .await
        .unwrap();
    assert_eq!(installation.vault.sweep().await.unwrap().removed, 0);
    assert_eq!(installation.read("uid").await, owned(&[("A", "2")]));
}

/// Takes an environment out of the key database by hand.
async fn forget(home: &Home, uid: &str) {
    let statements = format!(
        "DELETE FROM entry WHERE environment IN (SELECT id FROM environment WHERE uid = '{uid}');
         DELETE FROM manifest WHERE environment IN (SELECT id FROM environment WHERE uid = '{uid}');
         DELETE FROM environment WHERE uid = '{uid}'"
    );
    home.key_hand().await.run(&statements).await;
}

/// What is delivered is checked on the way, against the same.
#[tokio::test]
async fn a_checked_read_refuses_what_a_check_refuses_and_lets_go_of_the_suspicion() {
    let home = Home::new();
    let installation = home.open().await;
    let written = installation.write("uid", &[("A", "1")], 0).await.unwrap();
    // What it leaves in the value store belongs to nobody, as far as the key database knows.
    installation.write("gone", &[("A", "1")], 0).await.unwrap();
    forget(&home, "gone").await;
    let vault = &installation.vault;
    let read = async |uid, revision, digest| vault.read_checked(uid, revision, digest).await;
    let (right, wrong) = (written.digest, [0; 32]);

    let behind = ReadError::RolledBack { expected: 2, got: 1 };
    assert_eq!(read("uid", 2, &right).await.unwrap_err(), behind);
    let gone = ReadError::RolledBack { expected: 1, got: 0 };
    assert_eq!(read("gone", 1, &wrong).await.unwrap_err(), gone);
    let other = read("uid", 1, &wrong).await.unwrap_err();
    assert!(matches!(other, ReadError::Tampered { .. }), "{other}");
    assert_eq!(
        vault.sweep().await,
        Err(SweepError::Suspended { environments: 2 })
    );

    let found = read("uid", 1, &right).await.unwrap().unwrap();
    assert_eq!((found.revision, found.digest), (1, right));
    assert!(
        read("uid", 0, &wrong).await.unwrap().is_some(),
        "a later one is fine"
    );
    assert!(read("gone", 0, &wrong).await.unwrap().is_none());
    assert_eq!(vault.sweep().await.unwrap().removed, 1);
}

#[tokio::test]
async fn an_environment_that_is_gone_is_rolled_back_to_nothing() {
    let home = Home::new();
    let installation = home.open().await;
    let written = installation.write("uid", &[("A", "1")], 0).await.unwrap();
    installation.write("other", &[("A", "1")], 0).await.unwrap();
    forget(&home, "uid").await;
    let vault = &installation.vault;
    let error = vault
        .check("uid", written.revision, &written.digest)
        .await
        .unwrap_err();
    assert_eq!(error, ReadError::RolledBack { expected: 1, got: 0 });
    assert!(matches!(
        vault.sweep().await,
        Err(SweepError::Suspended { environments: 1 })
    ));
    assert_eq!(installation.tokens().await.len(), 2);
    assert!(!vault.remove("uid").await.unwrap());
    assert_eq!(
        vault.sweep().await.unwrap().removed,
        1,
        "given up by a person, it is swept"
    );
}

#[tokio::test]
async fn another_content_under_the_same_revision_is_noticed() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    installation.close().await;
    save(&home, "first");
    let installation = home.open().await;
    let lost = installation.write("uid", &[("A", "2")], 0).await.unwrap();
    installation.close().await;
    restore(&home, "first");
    let installation = home.open().await;
    let forked = installation.write("uid", &[("A", "3")], 0).await.unwrap();
    assert_eq!(forked.revision, lost.revision);
    let error = installation
        .vault
        .check("uid", lost.revision, &lost.digest)
        .await
        .unwrap_err();
    assert!(matches!(error, ReadError::Tampered { .. }));
}
