//! Somebody with write access to one database: everything that was altered, moved, replayed or taken away is noticed.

mod deeds;

use splitvault_vault::{ReadError, Reason, SweepError};

use crate::fixture::{Hand, Home, Installation, owned};

/// Two environments with history: `a` at revision 2 of two variables, `b` the same.
async fn scene(home: &Home) -> Installation {
    let installation = home.open().await;
    for uid in ["a", "b"] {
        for value in ["old", "new"] {
            let first = format!("{uid}-{value}-1");
            let second = format!("{uid}-{value}-2");
            let variables = [("FIRST", first.as_str()), ("SECOND", second.as_str())];
            installation.write(uid, &variables, 1).await.unwrap();
        }
    }
    installation
}

async fn reason(installation: &Installation, uid: &str) -> Option<Reason> {
    installation
        .vault
        .read(uid)
        .await
        .err()
        .map(|error| error.reason())
}

async fn id(hand: &mut Hand, uid: &str) -> String {
    let ids = hand
        .blobs(&format!("SELECT id FROM environment WHERE uid = '{uid}'"))
        .await;
    let hex: String = ids[0].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{hex}'")
}

/// Does to the key database what `sql` says, where `$A` and `$B` are the environments' ids.
async fn bend_keys(home: &Home, sql: &str) {
    let mut hand = home.key_hand().await;
    let (a, b) = (id(&mut hand, "a").await, id(&mut hand, "b").await);
    let before = home.bytes(&home.key_database());
    hand.run(&sql.replace("$A", &a).replace("$B", &b)).await;
    assert!(
        home.bytes(&home.key_database()) != before,
        "nothing was bent by {sql}"
    );
}

#[tokio::test]
async fn every_change_of_the_key_database_is_noticed() {
    for (what, sql) in deeds::KEY_DATABASE {
        let home = Home::new();
        let installation = scene(&home).await;
        bend_keys(&home, sql).await;
        assert_eq!(reason(&installation, "a").await, Some(Reason::Tampered), "{what}");
        let tokens = installation.tokens().await;
        let swept = installation.vault.sweep().await;
        assert!(
            matches!(swept, Err(SweepError::Claims(ReadError::Tampered { .. }))),
            "{what}: {swept:?}"
        );
        assert_eq!(
            installation.tokens().await,
            tokens,
            "{what}: no value was removed"
        );
    }
}

#[tokio::test]
async fn every_change_of_the_value_database_is_noticed() {
    for (what, sql) in deeds::VALUE_DATABASE {
        let home = Home::new();
        let installation = scene(&home).await;
        home.value_hand().await.run(sql).await;
        for uid in ["a", "b"] {
            let found = reason(&installation, uid).await;
            assert_eq!(found, Some(Reason::Tampered), "{what}");
            let names = installation.vault.outline(uid).await;
            assert!(names.is_ok(), "names do not need the value store");
        }
    }
}

#[tokio::test]
async fn an_old_value_under_its_new_token_is_noticed() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("a", &[("A", "old")], 0).await.unwrap();
    let mut hand = home.value_hand().await;
    let old = hand.blobs("SELECT envelope FROM value").await.remove(0);
    installation.write("a", &[("A", "new")], 0).await.unwrap();
    let hex: String = old.iter().map(|byte| format!("{byte:02x}")).collect();
    hand.bend(&format!("UPDATE value SET envelope = x'{hex}'")).await;
    assert_eq!(reason(&installation, "a").await, Some(Reason::Tampered));
}

#[tokio::test]
async fn rows_from_before_a_reseal_are_noticed() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("a", &[("A", "1")], 0).await.unwrap();
    let mut hand = home.key_hand().await;
    hand.run("CREATE TABLE kept AS SELECT * FROM entry").await;
    installation.vault.reseal("a").await.unwrap();
    hand.run("DELETE FROM entry; INSERT INTO entry SELECT * FROM kept")
        .await;
    assert_eq!(reason(&installation, "a").await, Some(Reason::Tampered));
}

#[tokio::test]
async fn a_missing_or_replaced_older_revision_is_noticed() {
    for sql in [
        "DELETE FROM manifest WHERE environment = $A AND revision = 1",
        "DELETE FROM entry WHERE environment = $A AND revision = 1",
        "UPDATE manifest SET envelope = (SELECT envelope FROM manifest WHERE environment = $A AND revision = 2)
         WHERE environment = $A AND revision = 1",
    ] {
        let home = Home::new();
        let installation = scene(&home).await;
        bend_keys(&home, sql).await;
        let error = installation.vault.read_revision("a", 1).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Tampered, "{sql}");
        assert!(installation.vault.sweep().await.is_err(), "{sql}");
        assert_eq!(
            installation.read("a").await,
            owned(&[("FIRST", "a-new-1"), ("SECOND", "a-new-2")]),
            "the current one is whole"
        );
    }
}

/// Flips one bit of each byte of the only envelope in a table, one after the other.
async fn every_byte(table: &str, hand: &mut Hand, installation: &Installation) {
    let select = format!("SELECT envelope FROM {table}");
    let envelope = hand.blobs(&select).await.remove(0);
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    assert!(envelope.len() > 100);
    for index in 0..envelope.len() {
        let mut flipped = envelope.clone();
        flipped[index] ^= 1 << (index % 8);
        hand.bend(&format!("UPDATE {table} SET envelope = x'{}'", hex(&flipped)))
            .await;
        let found = reason(installation, "a").await;
        let key_id = table == "manifest" && (1..9).contains(&index);
        let expected = if key_id {
            Reason::UnknownKey
        } else {
            Reason::Tampered
        };
        assert_eq!(found, Some(expected), "{table}, byte {index}");
    }
    hand.bend(&format!("UPDATE {table} SET envelope = x'{}'", hex(&envelope)))
        .await;
    assert_eq!(
        reason(installation, "a").await,
        None,
        "put right, it is whole again"
    );
}

#[tokio::test]
async fn every_flipped_byte_is_noticed() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("a", &[("A", "1")], 0).await.unwrap();
    let (mut keys, mut values) = (home.key_hand().await, home.value_hand().await);
    every_byte("manifest", &mut keys, &installation).await;
    every_byte("entry", &mut keys, &installation).await;
    every_byte("value", &mut values, &installation).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_not_overwritten_but_can_be_removed() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("a", &[("A", "1")], 0).await.unwrap();
    let mut hand = home.key_hand().await;
    hand.bend("UPDATE manifest SET envelope = zeroblob(200)").await;
    let error = installation.write("a", &[("A", "2")], 0).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Tampered);
    assert!(!error.is_transient());
    assert_eq!(
        installation.vault.reseal("a").await.unwrap_err().reason(),
        Reason::Tampered
    );
    assert_eq!(installation.tokens().await.len(), 1);
    assert!(installation.vault.remove("a").await.unwrap());
    assert!(installation.tokens().await.is_empty());
}

#[tokio::test]
async fn what_was_found_tampered_with_is_trusted_again_when_it_reads_whole() {
    let home = Home::new();
    let installation = home.open().await;
    let written = installation.write("a", &[("A", "1")], 0).await.unwrap();
    let (vault, mut hand) = (&installation.vault, home.value_hand().await);
    let check = async || vault.check("a", written.revision, &written.digest).await;
    hand.run("CREATE TABLE kept AS SELECT * FROM value; DELETE FROM value")
        .await;
    assert!(check().await.is_ok(), "a manifest does not show its values");
    assert_eq!(reason(&installation, "a").await, Some(Reason::Tampered));
    assert_eq!(check().await.unwrap_err().reason(), Reason::Tampered);
    hand.run("INSERT INTO value SELECT * FROM kept").await;
    assert_eq!(check().await.unwrap().unwrap().revision, 1);
}
