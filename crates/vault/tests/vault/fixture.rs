//! An installation in a temporary directory, and a hand that reaches into its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use splitvault_crypto::{FileKek, Purpose, SecretString};
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_values::sqlite::SqliteValues;
use splitvault_values::{Token, ValueStore};
use splitvault_vault::{Keks, OpenError, SourceDigestInput, SqliteKeys, Vault, WriteError, Written};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection};

/// What survives a process: the two databases, and the key-encryption keys beside them.
pub(crate) struct Home {
    path: PathBuf,
    /// Removes it at the end; not in a process that only visits.
    _own: Option<tempfile::TempDir>,
}

/// One process's view of it.
pub(crate) struct Installation {
    pub(crate) vault: Vault,
    pub(crate) keys: Arc<SqliteKeys>,
    pub(crate) values: Arc<SqliteValues>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let own = tempfile::tempdir().unwrap();
        let home = Self {
            path: own.path().to_owned(),
            _own: Some(own),
        };
        let names = FileKek::<splitvault_crypto::Names>::make().unwrap().to_text();
        let values = FileKek::<splitvault_crypto::Values>::make().unwrap().to_text();
        fs::write(home.path().join("names.kek"), names.expose()).unwrap();
        fs::write(home.path().join("values.kek"), values.expose()).unwrap();
        home
    }

    #[cfg(feature = "failpoints")]
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, _own: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn keks(&self) -> Keks {
        Keks {
            names: self.kek::<splitvault_crypto::Names>("names.kek").into(),
            values: self.kek::<splitvault_crypto::Values>("values.kek").into(),
        }
    }

    pub(crate) fn kek<P: Purpose>(&self, file: &str) -> FileKek<P> {
        FileKek::parse(&fs::read(self.path().join(file)).unwrap()).unwrap()
    }

    pub(crate) fn key_database(&self) -> PathBuf {
        self.path().join("keys.db")
    }

    pub(crate) fn value_database(&self) -> PathBuf {
        self.path().join("values.db")
    }

    pub(crate) async fn open(&self) -> Installation {
        self.try_open(self.keks()).await.unwrap()
    }

    pub(crate) async fn try_open(&self, keks: Keks) -> Result<Installation, OpenError> {
        let keys = Arc::new(SqliteKeys::open(&self.key_database()).await.unwrap());
        let values = Arc::new(SqliteValues::open(&self.value_database()).await.unwrap());
        let vault = Vault::open(keys.clone(), values.clone(), keks).await?;
        Ok(Installation { vault, keys, values })
    }

    /// A hand in the key database that no constraint stops.
    pub(crate) async fn key_hand(&self) -> Hand {
        Hand::open(&self.key_database()).await
    }

    pub(crate) async fn value_hand(&self) -> Hand {
        Hand::open(&self.value_database()).await
    }

    /// Every byte of a database on disk: the file and its write-ahead log.
    pub(crate) fn bytes(&self, database: &Path) -> Vec<u8> {
        let name = database.file_name().unwrap().to_str().unwrap();
        let mut files: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name))
            .filter(|path| !path.to_str().unwrap().ends_with("-shm"))
            .collect();
        files.sort();
        files.iter().flat_map(|path| fs::read(path).unwrap()).collect()
    }
}

impl Installation {
    pub(crate) async fn close(self) {
        self.keys.close().await;
        self.values.close().await;
    }

    /// Writes these variables, with their own text as the source.
    pub(crate) async fn write(
        &self,
        uid: &str,
        variables: &[(&str, &str)],
        history: usize,
    ) -> Result<Written, WriteError> {
        let source = format!("{variables:?}");
        let source = SourceDigestInput(source.as_bytes());
        self.vault
            .write(uid, &dotenv(variables), &source, &[], history)
            .await
    }

    pub(crate) async fn read(&self, uid: &str) -> Vec<(String, String)> {
        pairs(&self.vault.read(uid).await.unwrap().unwrap().dotenv)
    }

    pub(crate) async fn tokens(&self) -> Vec<Token> {
        self.values.list(None, u32::MAX).await.unwrap()
    }
}

pub(crate) fn dotenv(variables: &[(&str, &str)]) -> Dotenv {
    let variable = |(name, value): &(&str, &str)| Variable {
        name: Name::parse(name).unwrap(),
        value: SecretString::copy_of(value),
        comment: None,
    };
    Dotenv::from_variables(variables.iter().map(variable).collect()).unwrap()
}

pub(crate) fn pairs(dotenv: &Dotenv) -> Vec<(String, String)> {
    dotenv
        .iter()
        .map(|variable| {
            (
                variable.name.as_str().to_owned(),
                variable.value.expose().to_owned(),
            )
        })
        .collect()
}

pub(crate) fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Somebody with write access to a database.
pub(crate) struct Hand(SqliteConnection);

impl Hand {
    async fn open(path: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(false)
            .pragma("ignore_check_constraints", "ON")
            .busy_timeout(std::time::Duration::from_secs(5));
        Self(options.connect().await.unwrap())
    }

    /// Runs one statement; it must change something.
    pub(crate) async fn bend(&mut self, sql: &str) {
        let done = sqlx::query(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.0)
            .await
            .unwrap();
        assert!(done.rows_affected() > 0, "nothing was bent by {sql}");
    }

    /// Runs statements without looking at what they change.
    pub(crate) async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.0)
            .await
            .unwrap();
    }

    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut self.0)
            .await
            .unwrap()
    }

    pub(crate) async fn texts(&mut self, sql: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut self.0)
            .await
            .unwrap()
    }

    pub(crate) async fn blobs(&mut self, sql: &str) -> Vec<Vec<u8>> {
        sqlx::query(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut self.0)
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect()
    }
}
