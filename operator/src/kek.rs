//! Key-encryption keys: the two in the Secret `splitvault-kek`, and KMS plugins in their place.
//!
//! The Secret is made at the very first start, read ever after, and never overwritten. Without what wraps them the
//! keys in the key database cannot be opened by anyone.

mod choice;
mod providers;
mod rewrap;

use kube::Client;
use splitvault_crypto::{FileKek, KekError as ParseError, Names, Purpose, Values};

pub use choice::{Choice, Choices};
pub use providers::{Providers, has_file_keys};
pub use rewrap::run;

use crate::fault::Fault;
use crate::secret::{self, NewSecret, Secret};

/// The Secret's name.
pub const SECRET: &str = "splitvault-kek";
/// Its key for the KEK of the names' ring.
pub const NAMES_KEY: &str = "names.kek";
/// Its key for the KEK of the values' ring.
pub const VALUES_KEY: &str = "values.kek";

/// Why there are no key-encryption keys.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    /// The API server did not do what it was asked.
    #[error("cannot {doing} the Secret splitvault-kek: {fault}")]
    Cluster {
        /// `read` or `create`.
        doing: &'static str,
        /// Why not.
        fault: Fault,
    },
    /// There is a key database but no keys: new ones could not open it.
    #[error(
        "the Secret splitvault-kek is gone, but a key database is there: restore the Secret from its backup"
    )]
    Missing,
    /// The Secret lacks one of the two, or it is not one.
    #[error(
        "{key} in the Secret splitvault-kek is missing or not readable: restore the Secret from its backup"
    )]
    Invalid {
        /// Which of the two.
        key: &'static str,
        /// What is wrong with it, when it is there.
        #[source]
        source: Option<ParseError>,
    },
    /// The operating system gave no random bytes.
    #[error("no randomness from the operating system")]
    Random,
}

/// The keys of the Secret that were asked for.
#[derive(Debug, Default)]
struct Files {
    names: Option<FileKek<Names>>,
    values: Option<FileKek<Values>>,
}

/// What the Secret is wanted for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    names: bool,
    values: bool,
    /// Whether it wraps the keys of a ring, rather than having wrapped them before.
    wraps: bool,
}

/// Reads the wanted keys. When there is no Secret and no key that is kept is wrapped by one (not `in_use`), makes it
/// with both keys if it is to wrap.
async fn obtain(client: &Client, namespace: &str, in_use: bool, wanted: Wanted) -> Result<Files, KekError> {
    if let Some(files) = read(client, namespace, wanted).await? {
        return Ok(files);
    }
    if in_use {
        return Err(KekError::Missing);
    }
    if !wanted.wraps {
        return Ok(Files::default());
    }
    make(client, namespace).await?;
    // Read back even what was just made: what counts is what the cluster keeps.
    read(client, namespace, wanted).await?.ok_or(KekError::Missing)
}

async fn read(client: &Client, namespace: &str, wanted: Wanted) -> Result<Option<Files>, KekError> {
    let found = secret::read(client, namespace, SECRET).await;
    let found = found.map_err(|fault| KekError::Cluster { doing: "read", fault })?;
    let Some(found) = found else { return Ok(None) };
    Ok(Some(Files {
        names: wanted
            .names
            .then(|| parse::<Names>(&found, NAMES_KEY))
            .transpose()?,
        values: wanted
            .values
            .then(|| parse::<Values>(&found, VALUES_KEY))
            .transpose()?,
    }))
}

fn parse<P: Purpose>(found: &Secret, key: &'static str) -> Result<FileKek<P>, KekError> {
    let Some(text) = found.get(key) else {
        return Err(KekError::Invalid { key, source: None });
    };
    // EXPOSE: the key is parsed out of its text form.
    FileKek::parse(text.expose()).map_err(|source| KekError::Invalid {
        key,
        source: Some(source),
    })
}

async fn make(client: &Client, namespace: &str) -> Result<(), KekError> {
    let names = FileKek::<Names>::make().map_err(|_| KekError::Random)?.to_text();
    let values = FileKek::<Values>::make().map_err(|_| KekError::Random)?.to_text();
    let new = NewSecret {
        name: SECRET,
        kind: "Opaque",
        about: "Splitvault's key-encryption keys. Back this Secret up: without it every VaultSecret is lost.",
        // EXPOSE: the Secret is where the keys are kept.
        data: &[
            (NAMES_KEY, names.expose().as_bytes()),
            (VALUES_KEY, values.expose().as_bytes()),
        ],
    };
    match secret::create(client, namespace, &new).await {
        Ok(()) => {
            tracing::warn!(
                namespace,
                secret = SECRET,
                "MADE NEW KEY-ENCRYPTION KEYS. Back up this Secret now, apart from the databases: without it every \
                 VaultSecret is lost, and nobody can restore it"
            );
            Ok(())
        }
        // Another replica was faster; its keys count.
        Err(Fault::Conflict) => Ok(()),
        Err(fault) => Err(KekError::Cluster {
            doing: "create",
            fault,
        }),
    }
}

#[cfg(test)]
mod tests;
