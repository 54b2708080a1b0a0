//! The command line.

mod doctor;
mod escrow;
mod requests;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args as Group, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use doctor::{Doctor, DoctorPod};
pub(crate) use escrow::{Escrow, Keygen};
pub(crate) use requests::{
    Asking, Audit, AuditKeys, History, Keys, Master, Prune, Reseal, ResultFormat, Rollback, Rotate,
    TableFormat, Waiting,
};

/// What kubectl calls a plugin.
const PLUGIN: &str = "kubectl-splitvault";

/// Seals .env files for the Splitvault operator, on your own machine.
#[derive(Debug, Parser)]
#[command(
    name = "splitvault",
    version,
    disable_help_subcommand = true,
    after_help = "Examples:
  splitvault lint .env                                 what is wrong with it, or read differently by other tools
  splitvault seal .env --name web -n shop > web.yaml   encrypt it; the result is safe in Git
  kubectl apply -f web.yaml                            hand it over
  splitvault key > splitvault.pub                      the key, to seal without a cluster
  splitvault history web -n shop                       the revisions that are kept
  splitvault rollback web --to 3 -n shop               go back to one
  splitvault rotate web -n shop                        encrypt it anew
  splitvault doctor pod web-7d4b9 -n shop              why a pod has its variables, or has not

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted while waiting."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Encrypt a .env and print a VaultSecret
    #[command(after_help = "Examples:
  splitvault seal .env --name web -n shop > web.yaml
  vault-export | splitvault seal - --name web -n shop | kubectl apply -f -
  splitvault seal .env --name web -n shop --key-file splitvault.pub     without a cluster

The payload opens only in the cluster whose key sealed it, and only as this name in this namespace.
The whole manifest is written each time: to seal again, give options such as --expose-names and --service-account again, and
add again what was added by hand (onChange, output, access).")]
    Seal(Seal),
    /// Say what is wrong with .env files, and what other tools would read differently
    #[command(after_help = "Examples:
  splitvault lint .env .env.production
  splitvault lint -o json .env | jq '.[] | select(.severity == \"error\")'

Exit codes: 0 no errors (there may be warnings), 1 errors, 2 wrong usage.")]
    Lint(Lint),
    /// Print the cluster's public sealing key
    #[command(after_help = "Example:
  splitvault key > splitvault.pub
  splitvault seal .env --name web -n shop --key-file splitvault.pub")]
    Key(Cluster),
    /// Replace keys: encrypt a VaultSecret anew, or replace a key of the whole installation
    #[command(after_help = "Examples:
  splitvault rotate web -n shop            new message keys and tokens for web and its history
  splitvault rotate --master value         another master key for all values; shows how far the re-encryption is
  splitvault rotate --master all --wait=false
  splitvault rotate --sealing-key          another key pair to seal to; older payloads still open
  splitvault rotate --ca                   another internal certificate authority; running pods go on

NAME needs the verb rotate on that VaultSecret (ClusterRole splitvault-requester, part of edit and admin), the rest the
verb rotate on masterkeys in the operator's namespace (ClusterRole splitvault-key-admin).
Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 130 interrupted (the operator goes on).")]
    Rotate(Rotate),
    /// Show the revisions of a VaultSecret that are kept
    #[command(after_help = "Examples:
  splitvault history web -n shop
  splitvault history web -n shop -o json | jq '.[0].revision'

Exit codes: 0 printed, 1 not there or not readable, 2 wrong usage.")]
    History(History),
    /// Make the content of an earlier revision the newest one
    #[command(after_help = "Examples:
  splitvault rollback web --to 3 -n shop --dry-run
  splitvault rollback web --to 3 -n shop

Nothing is lost: the content of today becomes an earlier revision, and a rollback to it undoes this one. It lasts until the
VaultSecret's source changes. Needs the verb rollback on that VaultSecret (ClusterRole splitvault-requester, part of edit and
admin).
Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 130 interrupted (the operator goes on).")]
    Rollback(Rollback),
    /// Seal the payload of a VaultSecret to the newest key
    #[command(after_help = "Examples:
  splitvault reseal web.yaml > new.yaml
  splitvault reseal --in-place web.yaml && git commit -m 'Seal to the newest key' web.yaml
  splitvault reseal web -n shop | kubectl apply -f -

The operator opens the payload and seals it again; this command sees ciphertext only. A file must be what is applied.
Whoever may get the VaultSecret may have this.
Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 130 interrupted.")]
    Reseal(Reseal),
    /// Say what was or was not injected, and why
    #[command(subcommand, arg_required_else_help = true)]
    Doctor(Doctor),
    /// Key-encryption keys
    #[command(subcommand, arg_required_else_help = true)]
    Keys(Keys),
    /// A key pair for whoever may read old backups after a rotation
    #[command(subcommand, arg_required_else_help = true)]
    Escrow(Escrow),
    /// Evidence for auditors
    #[command(subcommand, arg_required_else_help = true)]
    Audit(Audit),
    /// Print the version
    Version,
    /// Print the completion script of a shell
    #[command(after_help = "Examples:
  splitvault completion bash > /etc/bash_completion.d/splitvault
  splitvault completion zsh > \"${fpath[1]}/_splitvault\"")]
    Completion {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Group)]
pub(crate) struct Seal {
    /// The .env; `-` is standard input
    #[arg(value_name = "FILE|-", default_value = "-")]
    pub(crate) file: PathBuf,
    /// Name of the VaultSecret
    #[arg(long, value_parser = object_name)]
    pub(crate) name: String,
    /// Its namespace [default: the one of the kubeconfig's context]
    #[arg(long, short, value_parser = namespace)]
    pub(crate) namespace: Option<String>,
    /// Seal to the key in this file (see `splitvault key`) instead of asking the cluster
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Let the names of the variables appear in pod specs, so that kubelet can set them
    #[arg(long)]
    pub(crate) expose_names: bool,
    /// Only pods of this ServiceAccount may have the variables; may be repeated [default: all of the namespace]
    #[arg(long = "service-account", value_name = "NAME", value_delimiter = ',', value_parser = object_name)]
    pub(crate) service_accounts: Vec<String>,
    /// Expand $NAME and ${NAME:-default} from the same file
    #[arg(long)]
    pub(crate) expand: bool,
    /// How the VaultSecret is printed
    #[arg(long, short, value_name = "FORMAT", default_value = "yaml")]
    pub(crate) output: ManifestFormat,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Group)]
pub(crate) struct Lint {
    /// .env files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Expand references as well, as `seal --expand` does
    #[arg(long)]
    pub(crate) expand: bool,
    /// How findings are printed
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: FindingFormat,
}

/// Which cluster, and where in it the operator is.
#[derive(Debug, Group)]
pub(crate) struct Cluster {
    /// The kubeconfig [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The namespace that Splitvault is installed in
    #[arg(long, value_name = "NAMESPACE", default_value = "splitvault-system", value_parser = namespace)]
    pub(crate) operator_namespace: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManifestFormat {
    Yaml,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingFormat {
    Text,
    Json,
}

/// Reads a command line, its first word included: as kubectl's plugin the program speaks of itself as such.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
    let words: Vec<_> = words.into_iter().collect();
    let matches = command(words.first().map(OsString::as_os_str)).try_get_matches_from(words)?;
    Args::from_arg_matches(&matches)
}

fn command(program: Option<&OsStr>) -> clap::Command {
    let stem = program.and_then(|program| Path::new(program).file_stem());
    let command = Args::command();
    if stem == Some(OsStr::new(PLUGIN)) {
        return command
            .bin_name("kubectl splitvault")
            .display_name("kubectl splitvault");
    }
    command
}

/// A name of an object: RFC 1123 subdomain, as the API server holds it.
fn object_name(text: &str) -> Result<String, String> {
    let label = |label: &str| is_label(label.as_bytes());
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_owned());
    }
    Err(
        "lower-case letters, digits, `-` and `.` only, a letter or digit at both ends, at most 253"
            .to_owned(),
    )
}

/// A name of a namespace: RFC 1123 label.
fn namespace(text: &str) -> Result<String, String> {
    if text.len() <= 63 && is_label(text.as_bytes()) {
        return Ok(text.to_owned());
    }
    Err("lower-case letters, digits and `-` only, a letter or digit at both ends, at most 63".to_owned())
}

fn is_label(text: &[u8]) -> bool {
    let end = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    end(text.first()) && end(text.last()) && text.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn names_are_what_the_api_server_takes() {
        for good in ["web", "a", "1", "web-1.example"] {
            assert!(object_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Web", "-a", "a-", "a..b", "a_b", "a/b", "é"] {
            assert!(object_name(bad).is_err(), "{bad}");
            assert!(namespace(bad).is_err(), "{bad}");
        }
        assert!(namespace("a.b").is_err());
        assert!(namespace(&"a".repeat(64)).is_err());
        assert!(object_name(&"a".repeat(254)).is_err());
    }
}
