//! What the key database says of its keys, read from its file while the operator runs.

use anyhow::{Context as _, Result, ensure};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection};

use crate::installation::Part;

/// Answers the first column of each row.
fn column<T>(sql: String) -> Result<Vec<T>>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(Part::Operator.volume().join("keys.db"))
            .read_only(true);
        let mut connection: SqliteConnection = options.connect().await?;
        let rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection);
        Ok(rows.await?)
    })
}

/// Whether every key of a ring is wrapped by this kind of provider: an envelope of a file begins with 1, what a KMS
/// wrapped with 2 (docs/crypto.md).
pub(crate) fn wrapped_by(ring: &str, provider: &str) -> Result<()> {
    let sql = format!(
        "SELECT hex(substr(wrapped, 1, 1)) FROM wrapped_key WHERE ring = '{ring}' AND wrapped IS NOT NULL"
    );
    let first: Vec<String> = column(sql)?;
    let expected = if provider == "file" { "01" } else { "02" };
    ensure!(!first.is_empty(), "no key of {ring}");
    ensure!(first.iter().all(|byte| byte == expected), "{ring}: {first:?}");
    Ok(())
}

/// Whether all keys are, those of no ring included, and the operator has nothing to wrap anew.
pub(crate) fn all_by(provider: &str) -> Result<()> {
    for ring in ["names", "values", "sealing", "mac"] {
        wrapped_by(ring, provider)?;
    }
    let told = splitvault_tests::splitvault(&["keys", "rewrap"], b"")?;
    ensure!(told.contains("already"), "{told}");
    Ok(())
}

/// How many master keys were ever made.
pub(crate) fn created() -> usize {
    let sql = "SELECT key FROM key_event WHERE deed = 'created' AND ring IN ('names', 'values')";
    column::<Vec<u8>>(sql.to_owned()).unwrap().len()
}

/// Everything that the key database has of an environment.
pub(crate) fn rows(uid: &str) -> Vec<String> {
    let of = format!("(SELECT id FROM environment WHERE uid = '{uid}')");
    let sql = format!(
        "SELECT hex(envelope) FROM entry WHERE environment = {of}
         UNION ALL SELECT hex(envelope) FROM manifest WHERE environment = {of}"
    );
    let rows = column(sql).context("reading rows").unwrap();
    assert!(rows.len() >= 2, "an entry and a manifest");
    rows
}
