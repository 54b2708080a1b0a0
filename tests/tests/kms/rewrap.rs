//! Keys move from one provider to another, and to a new key of the same; rows do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use splitvault_crypto::{FileKek, Names, Purpose, Values};
use splitvault_kms::{KmsKek, Provider};
use splitvault_vault::{Kek, Keks, OpenError, RingKek, RotationError, Vault};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};

use crate::installation::{Home, by_kms, read, write};
use crate::plugin::Plugin;

/// The key files, which a test reads anew for each start.
struct Files {
    names: String,
    values: String,
}

impl Files {
    fn make() -> Self {
        Self {
            names: FileKek::<Names>::make().unwrap().to_text().expose().to_owned(),
            values: FileKek::<Values>::make().unwrap().to_text().expose().to_owned(),
        }
    }

    fn names(&self) -> Arc<dyn Kek<Names>> {
        Arc::new(FileKek::parse(self.names.as_bytes()).unwrap())
    }

    fn values(&self) -> Arc<dyn Kek<Values>> {
        Arc::new(FileKek::parse(self.values.as_bytes()).unwrap())
    }

    fn keks(&self) -> Keks {
        Keks {
            names: RingKek::new(self.names()),
            values: RingKek::new(self.values()),
        }
    }
}

fn kms<P: Purpose>(provider: &Arc<Provider>) -> Arc<dyn Kek<P>> {
    Arc::new(KmsKek::new(provider.clone()))
}

/// Every row that tells of an environment, byte by byte, and how many there are.
async fn rows(home: &Home) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for (database, tables) in [
        ("keys.db", &["entry", "manifest", "environment"][..]),
        ("values.db", &["value"]),
    ] {
        let options = SqliteConnectOptions::new().filename(home.path().join(database));
        let mut connection = options.connect().await.unwrap();
        for table in tables {
            // Each column's bytes, whatever its type.
            let sql =
                format!("SELECT group_concat(name, ') || ''|'' || hex(') FROM pragma_table_info('{table}')");
            let columns: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            let sql = format!("SELECT hex({columns}) AS whole FROM {table} ORDER BY whole");
            let all = sqlx::query(sqlx::AssertSqlSafe(sql))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            rows.extend(all.iter().map(|row| row.get::<String, _>(0).into_bytes()));
        }
    }
    assert!(
        rows.len() >= 4,
        "an environment, a manifest, an entry and a value: {}",
        rows.len()
    );
    rows
}

/// Hours that have gone by, so that whoever led before does no longer.
static HOURS: AtomicU64 = AtomicU64::new(0);

/// Leads, and wraps anew.
async fn rewrap(vault: &Vault) -> Result<usize, RotationError> {
    let hours = HOURS.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now() + Duration::from_secs(3600 * hours);
    assert!(vault.lead(now).await.unwrap());
    vault.rewrap(now).await
}

async fn rewrapped(home: &Home, keks: Keks) -> usize {
    rewrap(&home.open(keks).await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn names_move_to_a_kms_and_back_and_no_row_changes() {
    let (home, plugin, files) = (Home::new(), Plugin::start().await, Files::make());
    write(&home.open(files.keks()).await.unwrap(), "web", "kept").await;
    let before = rows(&home).await;
    let provider = plugin.provider();

    let there = || Keks {
        names: RingKek::new(kms(&provider)).and_former(files.names()),
        values: RingKek::new(files.values()),
    };
    // The names master key, the MAC key, and the sealing key pair, whose outer layer is the names'.
    assert_eq!(rewrapped(&home, there()).await, 3);
    assert_eq!(rewrapped(&home, there()).await, 0, "repeating it does nothing");
    assert_eq!(rows(&home).await, before);
    let wrong = home.open(files.keks()).await.err().unwrap();
    assert!(
        matches!(wrong, OpenError::KekWrong { ring: "names", .. }),
        "{wrong:?}"
    );

    let back = || Keks {
        names: RingKek::new(files.names()).and_former(kms(&provider)),
        values: RingKek::new(files.values()),
    };
    assert_eq!(rewrapped(&home, back()).await, 3);
    assert_eq!(rows(&home).await, before);
    assert_eq!(read(&home.open(files.keks()).await.unwrap(), "web").await, "kept");
}

#[tokio::test]
async fn the_inner_layer_of_a_sealing_key_moves_with_the_values() {
    let (home, plugin, files) = (Home::new(), Plugin::start().await, Files::make());
    let vault = home.open(files.keks()).await.unwrap();
    let public = vault.sealing_keys()[0].public().to_text();
    let provider = plugin.provider();
    let there = || Keks {
        names: RingKek::new(files.names()),
        values: RingKek::new(kms(&provider)).and_former(files.values()),
    };
    assert_eq!(rewrapped(&home, there()).await, 2);
    assert_eq!(rewrapped(&home, there()).await, 0);
    let without = Keks {
        names: RingKek::new(files.names()),
        values: RingKek::new(kms(&provider)),
    };
    let moved = home.open(without).await.unwrap();
    assert_eq!(moved.sealing_keys()[0].public().to_text(), public);
}

#[tokio::test]
async fn a_new_key_of_the_kms_takes_over_and_the_old_one_may_go() {
    let (home, plugin) = (Home::new(), Plugin::start().await);
    let provider = plugin.provider();
    let vault = home.open(by_kms(&provider)).await.unwrap();
    write(&vault, "web", "kept").await;
    let before = rows(&home).await;
    assert_eq!(rewrap(&vault).await, Ok(0));
    plugin.rotate("key-2");
    provider.look().await.unwrap();
    assert_eq!(rewrap(&vault).await, Ok(4));
    assert_eq!(rows(&home).await, before);
    plugin.lose("key-1");
    assert_eq!(
        read(&home.open(by_kms(&provider)).await.unwrap(), "web").await,
        "kept"
    );
}

#[tokio::test]
async fn a_kms_that_goes_away_in_the_middle_leaves_keys_that_open() {
    let (home, mut plugin, files) = (Home::new(), Plugin::start().await, Files::make());
    let provider = plugin.provider();
    let there = || Keks {
        names: RingKek::new(kms(&provider)).and_former(files.names()),
        values: RingKek::new(kms(&provider)).and_former(files.values()),
    };
    let vault = home.open(files.keks()).await.unwrap();
    write(&vault, "web", "kept").await;
    let moving = home.open(there()).await.unwrap();
    plugin.kill();
    assert!(rewrap(&moving).await.is_err());
    assert_eq!(read(&moving, "web").await, "kept");
    plugin.restart().await;
    // One ring is moved when the plugin fails, the other not: both open, and a repetition ends it.
    let half = Keks {
        names: RingKek::new(kms(&provider)).and_former(files.names()),
        values: RingKek::new(files.values()),
    };
    assert_eq!(rewrapped(&home, half).await, 3);
    plugin.whim("refuse", "sealed");
    assert!(rewrap(&moving).await.is_err());
    plugin.behave();
    assert!(rewrapped(&home, there()).await > 0);
    assert_eq!(rewrapped(&home, there()).await, 0);
    assert_eq!(
        read(&home.open(by_kms(&provider)).await.unwrap(), "web").await,
        "kept"
    );
}
