//! Completion scripts.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::args::Args;
use crate::fault::Fault;
use crate::output;

/// Prints the completion script of a shell.
pub(crate) fn print(shell: Shell) -> Result<(), Fault> {
    let mut script = Vec::new();
    generate(shell, &mut Args::command(), "splitvault", &mut script);
    output::print(&script)
}
