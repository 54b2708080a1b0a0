//! The commands for the offline recipient of destroyed master keys.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Escrow {
    /// Make the key pair of an offline recipient: the private key into a file, the public one to standard output
    #[command(after_help = "Example:
  splitvault escrow keygen --out escrow.key > escrow.pub
  helm upgrade splitvault CHART -n splitvault-system --reset-then-reuse-values --set escrow.recipient=$(cat escrow.pub)

The file must not exist; nobody but you may read it. Keep it offline, apart from every backup: with it and a later backup
of the key database, master keys open that the operator destroyed.
Exit codes: 0 made, 1 failed, 2 wrong usage.")]
    Keygen(Keygen),
}

#[derive(Debug, Group)]
pub(crate) struct Keygen {
    /// Where the private key goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}
