//! The first start, and every later one.

use std::fs;

use splitvault_crypto::sealing::{Algorithm, Context};
use splitvault_crypto::{FileKek, Names, Values};
use splitvault_vault::{Keks, OpenError, Reason, Vault};

use crate::fixture::{Home, owned};

#[tokio::test]
async fn the_first_start_makes_what_later_ones_find() {
    let home = Home::new();
    let first = home.open().await;
    assert!(Vault::is_founded(first.keys.as_ref()).await.unwrap());
    let pairs = first.vault.sealing_keys();
    let [pair] = &*pairs else {
        panic!("one sealing key pair")
    };
    assert_eq!(pair.public().algorithm(), Algorithm::XWing);
    let context = Context::Manifest {
        namespace: "shop",
        name: "web",
    };
    let sealed = pair.public().seal(&context, b"A=1").unwrap();
    let installation = first.vault.installation();
    first.write("uid", &[("A", "1")], 0).await.unwrap();
    first.close().await;

    let second = home.open().await;
    assert_eq!(second.vault.installation(), installation);
    let opened = second.vault.sealing_keys()[0].open(&context, &sealed).unwrap();
    assert_eq!(opened.expose(), b"A=1");
    assert_eq!(second.read("uid").await, owned(&[("A", "1")]));
}

#[tokio::test]
async fn two_first_starts_at_once_agree() {
    let home = Home::new();
    let (one, two) = tokio::join!(home.open(), home.open());
    assert_eq!(one.vault.installation(), two.vault.installation());
    one.write("uid", &[("A", "1")], 0).await.unwrap();
    assert_eq!(two.read("uid").await, owned(&[("A", "1")]));
    let ids = |vault: &Vault| vault.sealing_keys()[0].id();
    assert_eq!(ids(&one.vault), ids(&two.vault));
}

#[tokio::test]
async fn a_wrong_key_encryption_key_changes_nothing() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    installation.close().await;
    let before = fs::read(home.key_database()).unwrap();

    let wrong = Keks {
        names: FileKek::make().unwrap().into(),
        values: home.keks().values,
    };
    let got = wrong.names.current().describe();
    let error = home.try_open(wrong).await.err().unwrap();
    assert_eq!(
        error,
        OpenError::KekWrong {
            ring: "names",
            needed: home.keks().names.current().describe(),
            got
        }
    );
    assert_eq!(error.reason(), Reason::UnknownKey);
    let wrong = Keks {
        names: home.keks().names,
        values: FileKek::make().unwrap().into(),
    };
    let got = wrong.values.current().describe();
    let error = home.try_open(wrong).await.err().unwrap();
    assert_eq!(
        error,
        OpenError::KekWrong {
            ring: "values",
            needed: home.keks().values.current().describe(),
            got
        }
    );

    assert!(
        fs::read(home.key_database()).unwrap() == before,
        "nothing was written"
    );
    assert_eq!(home.open().await.read("uid").await, owned(&[("A", "1")]));
}

#[tokio::test]
async fn altered_or_missing_keys_are_said_and_not_made_anew() {
    let bend_last = "UPDATE wrapped_key
        SET wrapped = CAST(substr(wrapped, 1, length(wrapped) - 16) || zeroblob(16) AS BLOB) WHERE ring = ";
    let cases = [
        (
            format!("{bend_last}'names'"),
            OpenError::Damaged { ring: "names" },
        ),
        (
            format!("{bend_last}'values'"),
            OpenError::Damaged { ring: "values" },
        ),
        (
            format!("{bend_last}'sealing'"),
            OpenError::Damaged { ring: "sealing" },
        ),
        (
            "UPDATE installation SET id = randomblob(16)".to_owned(),
            OpenError::Damaged { ring: "names" },
        ),
        (
            "DELETE FROM wrapped_key WHERE ring = 'values'".to_owned(),
            OpenError::Missing { ring: "values" },
        ),
        (
            "UPDATE wrapped_key SET state = 'retiring' WHERE ring = 'sealing'".to_owned(),
            OpenError::Missing { ring: "sealing" },
        ),
    ];
    for (sql, expected) in cases {
        let home = Home::new();
        home.open().await.close().await;
        home.key_hand().await.bend(&sql).await;
        for _ in 0..2 {
            assert_eq!(
                home.try_open(home.keks()).await.err(),
                Some(expected.clone()),
                "after {sql}"
            );
        }
    }
}

#[tokio::test]
async fn a_retiring_key_still_opens() {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &[("A", "1")], 0).await.unwrap();
    let (root, keks) = (
        splitvault_vault::LifeStore::root(installation.keys.as_ref())
            .await
            .unwrap()
            .unwrap(),
        (home.kek::<Names>("names.kek"), home.kek::<Values>("values.kek")),
    );
    let id = root.installation;
    let (names, values) = (
        splitvault_crypto::MasterKey::make().unwrap(),
        splitvault_crypto::MasterKey::make().unwrap(),
    );
    let wrapped = [
        ("names", names.id(), keks.0.wrap(id, &names).unwrap()),
        ("values", values.id(), keks.1.wrap(id, &values).unwrap()),
    ];
    installation.close().await;
    let mut hand = home.key_hand().await;
    for (ring, key, wrapped) in wrapped {
        let hex: String = wrapped.iter().map(|byte| format!("{byte:02x}")).collect();
        hand.run(&format!(
            "BEGIN; UPDATE wrapped_key SET state = 'retiring' WHERE ring = '{ring}';
             INSERT INTO wrapped_key VALUES (x'{key}', '{ring}', 'active', x'{hex}', 0, 0, 0, 0); COMMIT"
        ))
        .await;
    }
    let installation = home.open().await;
    assert_eq!(installation.read("uid").await, owned(&[("A", "1")]));
    installation.vault.reseal("uid").await.unwrap();
    for sql in [
        format!(
            "SELECT count(*) FROM entry WHERE substr(envelope, 2, 8) = x'{}'",
            names.id()
        ),
        format!(
            "SELECT count(*) FROM manifest WHERE substr(envelope, 2, 8) = x'{}'",
            names.id()
        ),
    ] {
        assert_eq!(hand.number(&sql).await, 1, "under the new key now");
    }
    hand.run("UPDATE wrapped_key SET state = 'destroyed', wrapped = NULL WHERE state = 'retiring'")
        .await;
    assert_eq!(home.open().await.read("uid").await, owned(&[("A", "1")]));
}
