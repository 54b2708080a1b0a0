//! The key database's file: whose it is, what is left in it, what it enforces by itself.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use splitvault_crypto::KeyId;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::*;
use crate::keys::{KeyState, LifeStore as _, Ring, Root, WrappedKey};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("keys.db")
    }

    async fn open(&self) -> SqliteKeys {
        let keys = SqliteKeys::open(&self.database()).await.unwrap();
        keys.found(root(), Vec::new()).await.unwrap();
        keys
    }

    fn holds(&self, needle: &[u8]) -> bool {
        let files = fs::read_dir(self.0.path()).unwrap();
        files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    }

    async fn sql(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
        let mut connection = options.create_if_missing(true).connect().await.unwrap();
        let done = sqlx::raw_sql(sql).execute(&mut connection).await;
        connection.close().await.unwrap();
        done.map(drop)
    }
}

fn root() -> Root {
    let key = |ring| WrappedKey {
        ring,
        id: active(ring),
        state: KeyState::Active,
        wrapped: Some(vec![1; 50]),
        entered: 0,
        activated: 0,
        drawn: 0,
        operations: 0,
    };
    Root {
        installation: Id::make().unwrap(),
        keys: Ring::ALL.map(key).into(),
        last: None,
    }
}

fn active(ring: Ring) -> KeyId {
    KeyId::from_bytes([ring as u8 + 1; 8])
}

fn commit(uid: &str, expected: Option<u64>, canary: &[u8]) -> Commit {
    let row = Row {
        id: Id::make().unwrap(),
        envelope: canary.repeat(20),
    };
    Commit {
        uid: uid.to_owned(),
        environment: Id::from_bytes([9; 16]),
        expected,
        fence: 0,
        names_key: active(Ring::Names),
        values_key: active(Ring::Values),
        revision: 1,
        manifests: vec![(1, canary.to_vec())],
        rows: vec![(1, vec![row])],
        dropped: Vec::new(),
    }
}

#[cfg(feature = "conformance")]
#[tokio::test]
async fn conforms() {
    let place = Place::new();
    let keys = SqliteKeys::open(&place.database()).await.unwrap();
    crate::conformance::run(&keys).await;
}

#[tokio::test]
async fn what_was_committed_survives_closing_and_opening() {
    let place = Place::new();
    let keys = place.open().await;
    let root = keys.root().await.unwrap().unwrap();
    keys.commit(&commit("uid", None, b"kept")).await.unwrap();
    keys.close().await;
    assert_eq!(keys.root().await, Err(KeyStoreError::Unavailable));
    let keys = place.open().await;
    assert_eq!(keys.root().await.unwrap(), Some(root));
    assert_eq!(keys.current("uid").await.unwrap().unwrap().0.manifest, b"kept");
}

#[tokio::test]
async fn replaced_bytes_leave_the_disk_by_themselves() {
    let place = Place::new();
    let keys = place.open().await;
    keys.commit(&commit("uid", None, b"canary-of-old")).await.unwrap();
    assert!(place.holds(b"canary-of-old"), "the search finds what is there");
    keys.commit(&commit("uid", Some(1), b"something-new"))
        .await
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while place.holds(b"canary-of-old") {
        assert!(Instant::now() < deadline, "replaced bytes are still on disk");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    keys.remove(Id::from_bytes([9; 16]), 2).await.unwrap();
    keys.close().await;
    assert!(!place.holds(b"something-new"), "removed bytes are gone");
}

#[tokio::test]
async fn the_value_database_is_refused_untouched() {
    let place = Place::new();
    splitvault_values::sqlite::SqliteValues::open(&place.database())
        .await
        .unwrap()
        .close()
        .await;
    let before = fs::read(place.database()).unwrap();
    let error = SqliteKeys::open(&place.database()).await.unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Foreign {
                application_id: 0x5370_5676,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(fs::read(place.database()).unwrap(), before);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let place = Place::new();
    place.open().await.close().await;
    place.sql("PRAGMA user_version = 3").await.unwrap();
    let error = SqliteKeys::open(&place.database()).await.unwrap_err();
    assert!(matches!(
        error,
        OpenError::Newer {
            found: 3,
            known: 2,
            ..
        }
    ));
}

#[tokio::test]
async fn the_schema_itself_allows_one_active_key_per_ring() {
    let place = Place::new();
    let keys = place.open().await;
    let key = "INSERT INTO wrapped_key (id, entered, activated, drawn, operations, ring, state, wrapped)
        VALUES (randomblob(8), 0, 0, 0, 0, 'names', ";
    let pending: &'static str = Box::leak(format!("{key}'pending', x'00')").into_boxed_str());
    place.sql(pending).await.unwrap();
    place
        .sql("UPDATE wrapped_key SET state = 'active' WHERE state = 'pending'")
        .await
        .unwrap_err();
    let without_key: &'static str = Box::leak(format!("{key}'retiring', NULL)").into_boxed_str());
    place.sql(without_key).await.unwrap_err();
    let rotation =
        "BEGIN; UPDATE wrapped_key SET state = 'retiring' WHERE ring = 'names' AND state = 'active';
        UPDATE wrapped_key SET state = 'active' WHERE state = 'pending'; COMMIT;
        UPDATE wrapped_key SET state = 'destroyed', wrapped = NULL WHERE state = 'retiring';";
    place.sql(rotation).await.unwrap();
    let states: Vec<_> = keys.root().await.unwrap().unwrap().keys;
    assert_eq!(
        states
            .iter()
            .filter(|key| key.state == KeyState::Destroyed)
            .count(),
        1
    );
}

#[tokio::test]
async fn what_does_not_fit_the_schema_is_damage() {
    let place = Place::new();
    let keys = place.open().await;
    keys.commit(&commit("uid", None, b"x")).await.unwrap();
    place
        .sql("PRAGMA ignore_check_constraints = ON; UPDATE environment SET revision = -1")
        .await
        .unwrap();
    assert_eq!(keys.standing("uid").await, Err(KeyStoreError::Corrupt));
}

#[tokio::test]
async fn the_settings_are_the_ones_promised() {
    let place = Place::new();
    let keys = place.open().await;
    let writer = "SELECT format('%s %s %s %s', journal_mode, synchronous, secure_delete, foreign_keys)
        FROM pragma_journal_mode, pragma_synchronous, pragma_secure_delete, pragma_foreign_keys";
    let settings: String = sqlx::query_scalar(writer).fetch_one(&keys.writer).await.unwrap();
    assert_eq!(settings, "wal 2 1 1");
    let write = sqlx::query("DELETE FROM environment")
        .execute(&keys.readers)
        .await;
    let error = write.unwrap_err().to_string();
    assert!(error.contains("readonly"), "readers cannot write: {error}");
}

#[tokio::test]
async fn a_database_of_the_first_version_is_upgraded_with_everything_in_it() {
    let place = Place::new();
    place.sql(schema::FIRST).await.unwrap();
    place
        .sql(
            "INSERT INTO installation VALUES (1, x'01010101010101010101010101010101', 3);
             INSERT INTO wrapped_key VALUES (x'0101010101010101', 'names', 'active', x'aa');
             INSERT INTO wrapped_key VALUES (x'0202020202020202', 'values', 'active', x'bb');
             INSERT INTO environment VALUES (x'09090909090909090909090909090909', 'uid', 1, 1);
             INSERT INTO manifest VALUES (x'09090909090909090909090909090909', 1, x'cc');
             INSERT INTO entry VALUES (x'09090909090909090909090909090909', 1, x'07070707070707070707070707070707', x'dd')",
        )
        .await
        .unwrap();
    for _ in 0..2 {
        let keys = SqliteKeys::open(&place.database()).await.unwrap();
        let root = keys.root().await.unwrap().unwrap();
        assert_eq!((root.keys.len(), root.sequence()), (2, 0));
        assert_eq!(
            root.active(Ring::Names).unwrap().wrapped.as_deref(),
            Some(&[0xaa][..])
        );
        let (head, rows) = keys.current("uid").await.unwrap().unwrap();
        assert_eq!(
            (head.manifest, rows[0].envelope.as_slice()),
            (vec![0xcc], &[0xdd][..])
        );
        let stale = keys
            .stale(active(Ring::Names), active(Ring::Values), 10)
            .await
            .unwrap();
        assert_eq!(stale, ["uid"], "under which keys it is has to be made sure of");
        keys.close().await;
    }
}
