//! Which command does what.

use std::process::ExitCode;

use crate::args::{Args, Command};
use crate::fault::Fault;
use crate::{completion, key, lint, output, seal};

/// Runs a command, and answers the exit code.
pub(crate) fn run(args: Args) -> Result<ExitCode, Fault> {
    match args.command {
        Command::Seal(seal) => seal::seal(&seal),
        Command::Lint(lint) => return lint::lint(&lint),
        Command::Key(cluster) => key::print(&cluster),
        Command::Version => output::print(concat!("splitvault ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        Command::Completion { shell } => completion::print(shell),
    }?;
    Ok(ExitCode::SUCCESS)
}
