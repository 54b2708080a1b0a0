//! `recover read`: what a pair of databases has, and one environment of it as a `.env` on standard output.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use splitvault_dotenv::{Dialect, write};
use splitvault_vault::Vault;

use super::{Read, files};

/// UIDs looked up at once.
const PAGE: u32 = 100;

pub(super) async fn read(args: &Read) -> anyhow::Result<()> {
    let keks = files::keks(&args.keks)?;
    let keys = Arc::new(files::key_database(&args.database).await?);
    let values = Arc::new(files::value_database(&args.values).await?);
    let (for_keys, for_values) = (Arc::clone(&keys), Arc::clone(&values));
    let vault = Vault::open(for_keys, for_values, keks).await;
    let done = match vault.with_context(|| args.database.display().to_string()) {
        Ok(vault) => match &args.uid {
            Some(uid) => print(&vault, uid, args.revision, args.dialect).await,
            None => list(&vault).await,
        },
        Err(error) => {
            Err(error.context("`recover keys` puts old keys under the key-encryption keys of today"))
        }
    };
    keys.close().await;
    values.close().await;
    done
}

async fn print(vault: &Vault, uid: &str, revision: Option<u64>, dialect: Dialect) -> anyhow::Result<()> {
    let found = match revision {
        Some(revision) => vault.read_revision(uid, revision).await,
        None => vault.read(uid).await,
    };
    let found = found.with_context(|| format!("{uid} cannot be read"))?;
    let found = found.with_context(|| match revision {
        Some(revision) => format!("there is no revision {revision} of {uid}"),
        None => format!("there is nothing of {uid}"),
    })?;
    let text = write(&found.dotenv, dialect)
        .map_err(|error| anyhow::anyhow!("another --dialect is needed: {}", error.rule))?;
    // EXPOSE: printing it is what was asked for.
    files::print(text.expose().as_bytes())
}

/// UIDs and numbers; no name and no value.
async fn list(vault: &Vault) -> anyhow::Result<()> {
    let (mut table, mut after, mut bad) = (
        format!("{:36}  REVISION  VARIABLES  KEPT\n", "UID"),
        None,
        0_usize,
    );
    loop {
        let page = vault.uids(after.as_deref(), PAGE).await?;
        for uid in &page {
            // Writing to a string does not fail.
            let _ = match vault.describe(uid).await {
                Ok(Some(it)) => writeln!(
                    table,
                    "{uid:36}  {:8}  {:9}  {:4}",
                    it.revision, it.entries, it.history
                ),
                Ok(None) => Ok(()),
                Err(error) => {
                    bad += 1;
                    writeln!(table, "{uid:36}  cannot be read: {error}")
                }
            };
        }
        match page.last() {
            Some(last) => after = Some(last.clone()),
            None => break,
        }
    }
    files::print(table.as_bytes())?;
    anyhow::ensure!(bad == 0, "{bad} of them cannot be read");
    Ok(())
}

/// A dialect by its name.
pub(super) fn dialect(name: &str) -> Result<Dialect, String> {
    let known = Dialect::ALL.into_iter().find(|dialect| dialect.as_str() == name);
    known.ok_or_else(|| "expected npm, python, compose, kubelet, shell or general".to_owned())
}
