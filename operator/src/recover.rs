//! `splitvault-operator recover`: old copies of both databases, read without a cluster. Works on files alone; a database
//! that a process uses is refused.

mod files;
mod keys;
mod read;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// The word on the command line that leads here.
pub const WORD: &str = "recover";

/// Reads old copies of both databases, without a cluster.
#[derive(Debug, Parser)]
#[command(
    name = "splitvault-operator recover",
    version,
    disable_help_subcommand = true,
    after_help = "Examples:
  splitvault-operator recover keys --database old-keys.db --newer keys.db --escrow-key escrow.key \\
      --names-kek names.kek --values-kek values.kek --dry-run
  splitvault-operator recover read --database old-keys.db --values old-values.db \\
      --names-kek names.kek --values-kek values.kek

Give it copies: databases that are open are refused. See docs/recovery.md.
Exit codes: 0 done, 1 failed, 2 wrong usage."
)]
struct Recover {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put the keys of an old key database under the key-encryption keys of today
    #[command(
        after_help = "Each key is looked for in the copy itself, in --newer, and in the escrow of both. Nothing is \
changed unless every master key that something is encrypted under was found. Sealing keys and the MAC key are not \
escrowed: those that are lost are replaced, and the key log begins anew without its MAC key."
    )]
    Keys(Keys),
    /// List what a pair of databases has, or print one environment as a .env
    #[command(after_help = "Examples:
  splitvault-operator recover read --database keys.db --values values.db --names-kek names.kek --values-kek values.kek
  splitvault-operator recover read UID --revision 3 … > web.env

UID is that of the VaultSecret: kubectl get vaultsecrets -A -o custom-columns=UID:.metadata.uid,NAME:.metadata.name")]
    Read(Read),
}

/// The key-encryption keys, as they are in the Secret splitvault-kek.
#[derive(Debug, Args)]
struct KekFiles {
    /// The file with the key-encryption key of names
    #[arg(long, value_name = "FILE")]
    names_kek: PathBuf,
    /// The file with the key-encryption key of values
    #[arg(long, value_name = "FILE")]
    values_kek: PathBuf,
}

#[derive(Debug, Args)]
struct Keys {
    /// The copy of the old key database; it is changed
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// A copy of a newer key database of the same installation
    #[arg(long, value_name = "FILE")]
    newer: Option<PathBuf>,
    /// The private key that `splitvault escrow keygen` made
    #[arg(long, value_name = "FILE")]
    escrow_key: Option<PathBuf>,
    #[command(flatten)]
    keks: KekFiles,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// How it is told
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
struct Read {
    /// The UID of a VaultSecret; without it all are listed
    uid: Option<String>,
    /// Which revision [default: the current one]
    #[arg(long, value_name = "NUMBER", requires = "uid", value_parser = clap::value_parser!(u64).range(1..))]
    revision: Option<u64>,
    /// The copy of the key database
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// The copy of the value database of the same time
    #[arg(long, value_name = "FILE")]
    values: PathBuf,
    #[command(flatten)]
    keks: KekFiles,
    /// For which reader a .env is written: npm, python, compose, kubelet, shell or general
    #[arg(long, value_name = "DIALECT", default_value = "npm", value_parser = read::dialect)]
    dialect: splitvault_dotenv::Dialect,
}

/// How results are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Does what the words after [`WORD`] say.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let program = OsString::from("splitvault-operator recover");
    let recover = match Recover::try_parse_from(std::iter::once(program).chain(words)) {
        Ok(recover) => recover,
        Err(refused) => refused.exit(),
    };
    match run(recover) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("splitvault-operator recover: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(recover: Recover) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        match recover.command {
            Command::Keys(keys) => keys::recover(&keys).await,
            Command::Read(read) => read::read(&read).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Recover::command().debug_assert();
    }
}
