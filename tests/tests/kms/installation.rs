//! A vault over two databases in a directory, with keys wrapped by whoever a test names.

use std::path::Path;
use std::sync::Arc;

use splitvault_crypto::SecretString;
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_kms::{KmsKek, Provider};
use splitvault_values::sqlite::SqliteValues;
use splitvault_vault::{Keks, OpenError, RingKek, SourceDigestInput, SqliteKeys, Vault};

/// What survives a process.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) async fn open(&self, keks: Keks) -> Result<Vault, OpenError> {
        let keys = SqliteKeys::open(&self.path().join("keys.db")).await.unwrap();
        let values = SqliteValues::open(&self.path().join("values.db")).await.unwrap();
        Vault::open(Arc::new(keys), Arc::new(values), keks).await
    }
}

/// Both rings by one plugin.
pub(crate) fn by_kms(provider: &Arc<Provider>) -> Keks {
    Keks {
        names: RingKek::new(Arc::new(KmsKek::new(provider.clone()))),
        values: RingKek::new(Arc::new(KmsKek::new(provider.clone()))),
    }
}

pub(crate) async fn write(vault: &Vault, uid: &str, value: &str) {
    let variable = Variable {
        name: Name::parse("GREETING").unwrap(),
        value: SecretString::copy_of(value),
        comment: None,
    };
    let dotenv = Dotenv::from_variables(vec![variable]).unwrap();
    let source = SourceDigestInput(value.as_bytes());
    vault.write(uid, &dotenv, &source, &[], 2).await.unwrap();
}

pub(crate) async fn read(vault: &Vault, uid: &str) -> String {
    let environment = vault.read(uid).await.unwrap().unwrap();
    let variable = environment.dotenv.iter().next().unwrap();
    variable.value.expose().to_owned()
}
