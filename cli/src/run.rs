//! Which command does what.

use std::process::ExitCode;

use crate::args::{Args, Command};
use crate::args::{Audit, Doctor, Escrow, Keys};
use crate::fault::Fault;
use crate::{audit, completion, doctor, escrow, history, key, lint, output, reseal, rollback, rotate, seal};

/// Runs a command, and answers the exit code.
pub(crate) fn run(args: Args) -> Result<ExitCode, Fault> {
    match args.command {
        Command::Seal(seal) => seal::seal(&seal),
        Command::Lint(lint) => return lint::lint(&lint),
        Command::Key(cluster) => key::print(&cluster),
        Command::Rotate(rotate) => rotate::rotate(&rotate),
        Command::History(history) => history::history(&history),
        Command::Rollback(rollback) => rollback::rollback(&rollback),
        Command::Reseal(reseal) => reseal::reseal(&reseal),
        Command::Doctor(Doctor::Pod(args)) => return doctor::pod(&args),
        Command::Keys(Keys::Rewrap(asking)) => rotate::rewrap(&asking),
        Command::Keys(Keys::Prune(prune)) => rotate::prune(&prune),
        Command::Escrow(Escrow::Keygen(keygen)) => escrow::keygen(&keygen),
        Command::Audit(Audit::Keys(keys)) => return audit::audit(&keys),
        Command::Version => output::print(concat!("splitvault ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        Command::Completion { shell } => completion::print(shell),
    }?;
    Ok(ExitCode::SUCCESS)
}
