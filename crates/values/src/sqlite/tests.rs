//! The database file: who may open it, and what is left in it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::*;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("values.db")
    }

    /// Everything on disk: the database, its log, its index of the log.
    fn bytes(&self) -> Vec<u8> {
        let files = fs::read_dir(self.0.path()).unwrap();
        files
            .flat_map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect()
    }

    fn holds(&self, needle: &[u8]) -> bool {
        self.bytes().windows(needle.len()).any(|window| window == needle)
    }

    async fn open(&self) -> SqliteValues {
        SqliteValues::open(&self.database()).await.unwrap()
    }

    async fn refused(&self) -> OpenError {
        let before = fs::read(self.database()).ok();
        let error = SqliteValues::open(&self.database()).await.unwrap_err();
        assert_eq!(
            fs::read(self.database()).ok(),
            before,
            "a refused file is not touched"
        );
        error
    }

    async fn sql(&self, sql: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
        let mut connection = options.create_if_missing(true).connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

fn canary(n: u8) -> Bytes {
    Bytes::from(format!("canary-{n}-").repeat(20))
}

#[cfg(feature = "conformance")]
#[tokio::test]
async fn conforms() {
    crate::conformance::run(&Place::new().open().await).await;
}

#[tokio::test]
async fn values_survive_closing_and_opening() {
    let place = Place::new();
    let store = place.open().await;
    let tokens = store.put(vec![canary(1), canary(2)]).await.unwrap();
    store.close().await;
    assert_eq!(store.get(&tokens).await, Err(StoreError::Unavailable));
    assert_eq!(
        place.open().await.get(&tokens).await.unwrap(),
        [Some(canary(1)), Some(canary(2))]
    );
}

#[tokio::test]
async fn deleted_bytes_leave_the_disk_by_themselves() {
    let place = Place::new();
    let store = place.open().await;
    let tokens = store.put((0..50).map(canary).collect()).await.unwrap();
    assert!(place.holds(&canary(7)), "the search finds what is there");
    store.delete(&tokens).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while place.holds(b"canary-") {
        assert!(Instant::now() < deadline, "deleted bytes are still on disk");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn deleted_bytes_are_gone_after_close() {
    let place = Place::new();
    let store = place.open().await;
    let tokens = store
        .put(vec![canary(1), Bytes::from(b"large-canary".repeat(5_000))])
        .await
        .unwrap();
    store.delete(&tokens).await.unwrap();
    store.close().await;
    assert!(!place.holds(b"canary"));
}

#[tokio::test]
async fn deleted_bytes_are_in_no_file_after_a_checkpoint_that_waited_for_a_reader() {
    let place = Place::new();
    let store = std::sync::Arc::new(place.open().await);
    let tokens = store.put((0..50).map(canary).collect()).await.unwrap();
    // A snapshot from before the delete pins the log.
    let mut reader = store.readers.begin().await.unwrap();
    let count = "SELECT count(*) FROM value";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&mut *reader)
            .await
            .unwrap(),
        50
    );
    store.delete(&tokens).await.unwrap();
    store.janitor.stop();
    // Attempts fail at once, so that the wait is ours.
    sqlx::query("PRAGMA busy_timeout = 0")
        .execute(&store.writer)
        .await
        .unwrap();
    let blocked = checkpoint(&store.writer).await.unwrap_err();
    assert!(matches!(blocked, sqlx::Error::PoolTimedOut));
    assert!(place.holds(b"canary-"), "the search finds what is there");
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.checkpoint().await }
    });
    tokio::task::yield_now().await;
    reader.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(()));
    assert!(!place.holds(b"canary-"));
}

#[tokio::test]
async fn a_checkpoint_gives_up_on_a_reader_that_stays() {
    let place = Place::new();
    let store = place.open().await;
    store.put(vec![canary(1)]).await.unwrap();
    let mut reader = store.readers.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM value")
        .execute(&mut *reader)
        .await
        .unwrap();
    store.put(vec![canary(2)]).await.unwrap();
    sqlx::query("PRAGMA busy_timeout = 0")
        .execute(&store.writer)
        .await
        .unwrap();
    let begun = Instant::now();
    assert_eq!(store.checkpoint().await, Err(StoreError::Unavailable));
    assert!(begun.elapsed() >= PATIENCE);
    reader.rollback().await.unwrap();
    assert_eq!(store.checkpoint().await, Ok(()));
}

#[tokio::test]
async fn rows_of_a_batch_go_in_shuffled() {
    let mut rows: Vec<u32> = (0..1000).collect();
    shuffle(&mut rows).unwrap();
    assert!(!rows.is_sorted());
    rows.sort_unstable();
    assert!(rows.into_iter().eq(0..1000));
}

#[tokio::test]
async fn garbage_is_not_a_database() {
    let place = Place::new();
    fs::write(place.database(), b"DATABASE_URL=postgres".repeat(1000)).unwrap();
    assert!(matches!(place.refused().await, OpenError::NotADatabase { .. }));
}

#[tokio::test]
async fn a_truncated_database_is_damaged() {
    let place = Place::new();
    let store = place.open().await;
    store.put(vec![Bytes::from(vec![1; 60_000]); 4]).await.unwrap();
    store.close().await;
    drop(store);
    let whole = fs::metadata(place.database()).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(place.database())
        .unwrap()
        .set_len(whole / 2)
        .unwrap();
    assert!(matches!(place.refused().await, OpenError::Damaged { .. }));
    assert!(matches!(
        verify(&place.database()).await,
        Err(OpenError::Damaged { .. })
    ));
}

#[tokio::test]
async fn another_applications_database_is_refused() {
    let place = Place::new();
    place
        .sql("CREATE TABLE environment (id BLOB); PRAGMA application_id = 0x5370566b;")
        .await;
    assert!(matches!(
        place.refused().await,
        OpenError::Foreign {
            application_id: 0x5370_566b,
            ..
        }
    ));
}

#[tokio::test]
async fn an_unmarked_database_with_tables_is_refused() {
    let place = Place::new();
    place.sql("CREATE TABLE t (a)").await;
    assert!(matches!(
        place.refused().await,
        OpenError::Foreign {
            application_id: 0,
            ..
        }
    ));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let place = Place::new();
    place.open().await.close().await;
    place.sql("PRAGMA user_version = 2").await;
    assert!(matches!(
        place.refused().await,
        OpenError::Newer {
            found: 2,
            known: 1,
            ..
        }
    ));
}

#[tokio::test]
async fn a_directory_that_takes_no_files_is_a_storage_error() {
    for path in ["/proc/values.db", "/nowhere/at/all/values.db"] {
        let error = SqliteValues::open(Path::new(path)).await.unwrap_err();
        assert!(matches!(error, OpenError::Storage { .. }), "{path}: {error:?}");
    }
}

#[tokio::test]
async fn a_damaged_page_is_found_by_verify() {
    let place = Place::new();
    let store = place.open().await;
    store.put((0..200).map(canary).collect()).await.unwrap();
    store.close().await;
    assert_eq!(verify(&place.database()).await.unwrap().values, 200);
    let mut bytes = fs::read(place.database()).unwrap();
    // The first leaf page's header.
    bytes[2 * 4096..2 * 4096 + 64].fill(0xff);
    fs::write(place.database(), bytes).unwrap();
    let sound = verify(&place.database())
        .await
        .map(|verified| verified.is_sound());
    assert!(
        matches!(sound, Ok(false) | Err(OpenError::Damaged { .. })),
        "{sound:?}"
    );
}

#[tokio::test]
async fn the_settings_are_the_ones_promised() {
    let place = Place::new();
    let store = place.open().await;
    let setting = async |pool: &SqlitePool, sql: &'static str| {
        sqlx::query_scalar::<_, String>(sql)
            .fetch_one(pool)
            .await
            .unwrap()
    };
    let writer = "SELECT format('%s %s %s', journal_mode, synchronous, secure_delete)
        FROM pragma_journal_mode, pragma_synchronous, pragma_secure_delete";
    assert_eq!(setting(&store.writer, writer).await, "wal 2 1");
    let both =
        "SELECT format('%s %s', trusted_schema, temp_store) FROM pragma_trusted_schema, pragma_temp_store";
    for pool in [&store.writer, &store.readers] {
        assert_eq!(setting(pool, both).await, "0 2");
    }
    let write = sqlx::query("DELETE FROM value").execute(&store.readers).await;
    assert!(write.is_err(), "readers cannot write");
}
