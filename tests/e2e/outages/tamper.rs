//! Somebody with write access to a disk: what they did is noticed, reported, and reaches no pod.

use std::fs;
use std::path::{Path, PathBuf};

use splitvault_tests::{Kind, Namespace, Workload};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};

use crate::installation::Part;

pub(crate) fn copy(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    fs::create_dir_all(to).unwrap();
    restore(from, to);
}

/// Puts the files of one directory into another, keeping the owner of what was there.
pub(crate) fn restore(from: &Path, to: &Path) {
    for entry in fs::read_dir(from)
        .unwrap()
        .map(Result::unwrap)
        .filter(|e| e.path().is_file())
    {
        let target = to.join(entry.file_name());
        fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
        std::os::unix::fs::chown(&target, Some(65532), Some(65532)).unwrap();
    }
}

pub(crate) fn backup(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("splitvault-backup-{name}-{}", std::process::id()))
}

/// Runs statements on the stopped store's database.
async fn bend(statement: &'static str) -> u64 {
    let file = Part::Store.volume().join("values.db");
    let mut connection = SqliteConnectOptions::new()
        .filename(&file)
        .connect()
        .await
        .unwrap();
    let changed = sqlx::query(statement)
        .execute(&mut connection)
        .await
        .unwrap()
        .rows_affected();
    assert!(
        sqlx::query("SELECT count(*) FROM value")
            .fetch_one(&mut connection)
            .await
            .unwrap()
            .get::<i64, _>(0)
            > 0
    );
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    for entry in fs::read_dir(Part::Store.volume()).unwrap() {
        std::os::unix::fs::chown(entry.unwrap().path(), Some(65532), Some(65532)).unwrap();
    }
    changed
}

/// A namespace with a VaultSecret and a pod that runs on it.
fn scene(prefix: &str) -> (Namespace, Workload) {
    let namespace = Namespace::make(prefix).unwrap();
    namespace
        .apply(
            &namespace
                .seal("web", "GREETING=hello\nOTHER=world\n", &[])
                .unwrap(),
        )
        .unwrap();
    namespace.ready("web");
    let workload = Workload::new(Kind::Pod, "before", "web").annotated("mode", "file");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    (namespace, workload)
}

fn still_good(namespace: &Namespace, workload: &Workload) {
    workload.ready(namespace);
    let text = String::from_utf8(workload.read(namespace, "/run/splitvault/.env").unwrap()).unwrap();
    assert!(text.contains("hello"), "what runs keeps its previous good state");
}

#[test]
fn a_flipped_byte_in_a_value_is_noticed_and_the_object_says_so() {
    let (namespace, workload) = scene("flipped");
    Part::Store.stop();
    let saved = backup("flipped");
    copy(&Part::Store.volume(), &saved);
    let bend_last = "UPDATE value SET envelope = CAST(substr(envelope, 1, length(envelope) - 1) || \
        CASE WHEN substr(envelope, -1) = x'00' THEN x'01' ELSE x'00' END AS BLOB)";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    assert!(runtime.block_on(bend(bend_last)) >= 2, "something was flipped");
    Part::Store.start();
    let late = Workload::new(Kind::Pod, "late", "web");
    late.apply(&namespace).unwrap();
    namespace.unready("web", "Tampered");
    assert_eq!(namespace.condition("web", "Stalled").unwrap().0, "True");
    still_good(&namespace, &workload);

    Part::Store.stop();
    restore(&saved, &Part::Store.volume());
    for stale in ["values.db-wal", "values.db-shm"] {
        if !saved.join(stale).exists() {
            drop(fs::remove_file(Part::Store.volume().join(stale)));
        }
    }
    Part::Store.start();
    namespace.ready("web");
    late.ready(&namespace);
    fs::remove_dir_all(saved).unwrap();
}

#[test]
fn a_rolled_back_key_database_is_noticed_and_nothing_is_overwritten() {
    let (namespace, workload) = scene("rolled-back");
    Part::Operator.stop();
    let old = backup("old");
    copy(&Part::Operator.volume(), &old);
    Part::Operator.start();
    namespace
        .apply(
            &namespace
                .seal("web", "GREETING=hello\nOTHER=changed\n", &[])
                .unwrap(),
        )
        .unwrap();
    namespace.ready("web");
    Part::Operator.stop();
    let new = backup("new");
    copy(&Part::Operator.volume(), &new);
    for stale in fs::read_dir(Part::Operator.volume()).unwrap() {
        drop(fs::remove_file(stale.unwrap().path()));
    }
    restore(&old, &Part::Operator.volume());
    Part::Operator.start();
    let message = namespace.unready("web", "RolledBack");
    assert!(
        message.contains('1') && message.contains('2'),
        "it names the revisions: {message}"
    );
    still_good(&namespace, &workload);

    Part::Operator.stop();
    for stale in fs::read_dir(Part::Operator.volume()).unwrap() {
        drop(fs::remove_file(stale.unwrap().path()));
    }
    restore(&new, &Part::Operator.volume());
    Part::Operator.start();
    namespace.ready("web");
    fs::remove_dir_all(old).unwrap();
    fs::remove_dir_all(new).unwrap();
}
