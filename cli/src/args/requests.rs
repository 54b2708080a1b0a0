//! The commands that ask the operator for something, by a VaultRequest.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args as Group, Subcommand, ValueEnum};

use super::{Cluster, namespace, object_name};

#[derive(Debug, Group)]
#[command(group(ArgGroup::new("what").required(true).args(["name", "master", "sealing_key", "ca"])))]
pub(crate) struct Rotate {
    /// The VaultSecret to encrypt anew; its content and its revision stay
    #[arg(value_parser = object_name)]
    pub(crate) name: Option<String>,
    /// Replace a master key: `key` is the one of names, `value` the one of values
    #[arg(long, value_name = "RING")]
    pub(crate) master: Option<Master>,
    /// Make another key pair to seal to
    #[arg(long)]
    pub(crate) sealing_key: bool,
    /// Make another internal certificate authority
    #[arg(long)]
    pub(crate) ca: bool,
    /// The VaultSecret's namespace [default: the one of the kubeconfig's context]
    #[arg(long, short, value_parser = namespace, conflicts_with_all = ["master", "sealing_key", "ca"])]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

/// Which master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Master {
    /// The one that names are encrypted under
    Key,
    /// The one that values are encrypted under
    Value,
    /// Both
    All,
}

#[derive(Debug, Group)]
pub(crate) struct History {
    /// The VaultSecret
    #[arg(value_parser = object_name)]
    pub(crate) name: String,
    /// Its namespace [default: the one of the kubeconfig's context]
    #[arg(long, short, value_parser = namespace)]
    pub(crate) namespace: Option<String>,
    /// How the revisions are printed
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: TableFormat,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Group)]
pub(crate) struct Rollback {
    /// The VaultSecret
    #[arg(value_parser = object_name)]
    pub(crate) name: String,
    /// The revision to go back to, as `splitvault history` shows it
    #[arg(long, value_name = "REVISION", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to: i64,
    /// Its namespace [default: the one of the kubeconfig's context]
    #[arg(long, short, value_parser = namespace)]
    pub(crate) namespace: Option<String>,
    /// Say what would happen, and whether you may
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Group)]
pub(crate) struct Reseal {
    /// A manifest with one VaultSecret, or the name of one in the cluster
    #[arg(value_name = "FILE|NAME")]
    pub(crate) target: String,
    /// Write the manifest back instead of printing it
    #[arg(long, short)]
    pub(crate) in_place: bool,
    /// Its namespace [default: the manifest's, else the one of the kubeconfig's context]
    #[arg(long, short, value_parser = namespace)]
    pub(crate) namespace: Option<String>,
    /// How long to wait for the answer
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

impl Reseal {
    /// The file, when the target is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let path = PathBuf::from(&self.target);
        let looks = self.target.contains('/')
            || [".yaml", ".yml", ".json"]
                .iter()
                .any(|end| self.target.ends_with(end));
        (looks || path.is_file()).then_some(path)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Wrap the master keys under the key-encryption keys that are configured now
    #[command(after_help = "Example:
  splitvault keys rewrap      after the KMS provider has another key, or the configuration names another provider

No row is touched. Needs the verb rewrap on masterkeys (ClusterRole splitvault-key-admin).
Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 130 interrupted.")]
    Rewrap(Asking),
    /// Remove what cannot be opened and whose VaultSecret is gone: it keeps old master keys
    #[command(after_help = "Examples:
  splitvault keys prune         how much there is, and of which UIDs
  splitvault keys prune --yes   remove it, for good, from both databases

While a revision cannot be opened, the old master key that it may be under is not destroyed. Where the VaultSecret is
still there, restore the databases, or change its content; this is for those that are gone, also with deletionPolicy
Retain. Needs the verb prune on masterkeys (ClusterRole splitvault-key-admin).
Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 130 interrupted.")]
    Prune(Prune),
}

#[derive(Debug, Group)]
pub(crate) struct Prune {
    /// Remove it; without this, only say what would be removed
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check the log of all key events, and how long each key lived
    #[command(after_help = "Examples:
  splitvault audit keys
  splitvault audit keys -o json | jq .events

The answer is sealed to a key that this command makes and forgets. Needs the verb audit on masterkeys (ClusterRole
splitvault-key-admin).
Exit codes: 0 the log is whole and no key outlived the ceiling, 1 not so, or refused, 2 wrong usage, 130 interrupted.")]
    Keys(AuditKeys),
}

#[derive(Debug, Group)]
pub(crate) struct AuditKeys {
    /// How the log is printed
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: TableFormat,
    /// How long to wait for the answer
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

/// A request about the whole installation.
#[derive(Debug, Group)]
pub(crate) struct Asking {
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

/// Whether to wait until the operator is done, and how the end is told.
#[derive(Debug, Clone, Copy, Group)]
pub(crate) struct Waiting {
    /// Wait until it is done; the request is the operator's in any case
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// How the result is printed
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: ResultFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    Table,
    Json,
}

/// `90s`, `10m`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a number with s, m or h behind it, such as 90s, from 1s to 24h".to_owned();
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let each = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    match number.checked_mul(each) {
        Some(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong()),
    }
}
