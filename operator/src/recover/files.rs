//! Keys from files, databases from paths. What is missing or in use is said, not made.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use splitvault_crypto::sealing::KeyPair;
use splitvault_crypto::{FileKek, Purpose, SecretBytes};
use splitvault_values::sqlite::{SqliteValues, is_in_use};
use splitvault_vault::{Keks, SqliteKeys};

use super::KekFiles;

/// No key file is longer.
const MOST: usize = 4096;

pub(super) async fn key_database(path: &Path) -> anyhow::Result<SqliteKeys> {
    unused(path).await?;
    SqliteKeys::open(path).await.map_err(anyhow::Error::from)
}

pub(super) async fn value_database(path: &Path) -> anyhow::Result<SqliteValues> {
    unused(path).await?;
    SqliteValues::open(path).await.map_err(anyhow::Error::from)
}

async fn unused(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    anyhow::ensure!(path.is_file(), "there is no file {shown}");
    anyhow::ensure!(!is_in_use(path).await?, "{shown} is in use: give a copy of it");
    Ok(())
}

pub(super) fn keks(files: &KekFiles) -> anyhow::Result<Keks> {
    Ok(Keks {
        names: kek::<splitvault_crypto::Names>(&files.names_kek)?.into(),
        values: kek::<splitvault_crypto::Values>(&files.values_kek)?.into(),
    })
}

fn kek<P: Purpose>(path: &Path) -> anyhow::Result<FileKek<P>> {
    let text = secret(path)?;
    // EXPOSE: the key is parsed out of its text form.
    FileKek::parse(text.expose()).with_context(|| path.display().to_string())
}

pub(super) fn recipient(path: &Path) -> anyhow::Result<KeyPair> {
    let text = secret(path)?;
    // EXPOSE: the key is parsed out of its text form.
    KeyPair::parse(text.expose()).with_context(|| path.display().to_string())
}

/// A file's content, read into memory of its final size.
fn secret(path: &Path) -> anyhow::Result<SecretBytes> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::with_capacity(MOST + 1);
    let file = File::open(path).with_context(cannot)?;
    let read = file.take(MOST as u64 + 1).read_to_end(&mut bytes);
    let secret = SecretBytes::from(bytes);
    read.with_context(cannot)?;
    anyhow::ensure!(secret.len() <= MOST, "{} is too large for a key", path.display());
    Ok(secret)
}

/// Writes to standard output.
pub(super) fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.context("cannot write to standard output")
}
