//! `splitvault-store check`: says whether a database file is sound.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use splitvault_values::sqlite::{Verified, verify};

pub(crate) async fn check(database: &Path) -> anyhow::Result<ExitCode> {
    let verified = verify(database).await.context("cannot check the database")?;
    report(&verified, &mut io::stdout().lock())?;
    Ok(if verified.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn report(verified: &Verified, out: &mut impl io::Write) -> io::Result<()> {
    for complaint in &verified.complaints {
        writeln!(out, "{complaint}")?;
    }
    let verdict = if verified.is_sound() { "sound" } else { "damaged" };
    writeln!(
        out,
        "{verdict}: {} values, {} bytes of envelopes",
        verified.values, verified.bytes
    )?;
    out.flush()
}
