//! The command line; each option is an environment variable as well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

/// Keeps encrypted values for the Splitvault operator and for nobody else.
#[derive(Debug, Parser)]
#[command(name = "splitvault-store", version)]
pub struct Args {
    /// What to do; serves when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The database file; its directory must exist.
    #[arg(
        long,
        global = true,
        env = "SPLITVAULT_DATABASE",
        value_name = "FILE",
        default_value = "/var/lib/splitvault/values.db"
    )]
    pub database: PathBuf,
    /// Which log lines, as `level` or `target=level,…`; other libraries' lines end at info.
    #[arg(
        long,
        global = true,
        env = "SPLITVAULT_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: String,
    /// How log lines look.
    #[arg(
        long,
        global = true,
        env = "SPLITVAULT_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "json"
    )]
    pub log_format: LogFormat,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

/// What else than serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read every page of the database, which no process may be using, and say whether it is sound.
    Check,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// How to serve.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Where the operator connects: gRPC in TLS 1.3.
    #[arg(
        long,
        env = "SPLITVAULT_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:7443"
    )]
    pub listen: SocketAddr,
    /// Plain HTTP for /healthz, /readyz and /metrics; nothing secret is there.
    #[arg(
        long,
        env = "SPLITVAULT_HEALTH_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8081"
    )]
    pub health_listen: SocketAddr,
    /// Holds ca.crt, tls.crt and tls.key; followed when they change.
    #[arg(
        long,
        env = "SPLITVAULT_TLS_DIR",
        value_name = "DIRECTORY",
        default_value = "/var/run/splitvault/tls"
    )]
    pub tls_dir: PathBuf,
    /// The URI in the certificate of the only client that is served.
    #[arg(
        long,
        env = "SPLITVAULT_CLIENT_IDENTITY",
        value_name = "URI",
        default_value = "spiffe://splitvault/operator"
    )]
    pub client_identity: String,
    /// Seconds between two looks at the certificate files.
    #[arg(long, env = "SPLITVAULT_TLS_RELOAD", value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub tls_reload: Duration,
    /// Seconds that requests in flight get to finish after SIGTERM.
    #[arg(long, env = "SPLITVAULT_DRAIN", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub drain: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected whole seconds from 1 to 3600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn check_takes_the_database_after_it() {
        let args = Args::parse_from(["splitvault-store", "check", "--database", "/b/values.db"]);
        assert!(matches!(args.command, Some(Command::Check)));
        assert_eq!(args.database, PathBuf::from("/b/values.db"));
    }
}
