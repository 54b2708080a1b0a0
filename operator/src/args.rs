//! The command line; each option is an environment variable as well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

mod escrow;
mod image_lookup;
mod renewal;
mod restart;
mod rotation;
mod webhook_clients;

use crate::consent::Passage;
use crate::kek::Choices;

pub use escrow::Escrow;
pub use image_lookup::ImageLookup;
pub use renewal::Renewal;
pub(crate) use renewal::time;
pub use restart::Restart;
pub use rotation::Rotation;
pub use webhook_clients::WebhookClients;

/// Splits VaultSecrets into two stores, injects sidecars, and delivers to them.
#[derive(Debug, Parser)]
#[command(
    name = "splitvault-operator",
    version,
    after_help = "splitvault-operator recover --help: reading old copies of both databases, without a cluster."
)]
pub struct Args {
    /// The namespace that the operator runs in.
    #[arg(long, env = "SPLITVAULT_NAMESPACE", value_name = "NAME", value_parser = label)]
    pub namespace: String,
    /// This pod's name, for the events that it writes.
    #[arg(long, env = "SPLITVAULT_POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,
    /// The Service in front of webhook and delivery.
    #[arg(long, env = "SPLITVAULT_SERVICE", value_name = "NAME", default_value = "splitvault-operator", value_parser = label)]
    pub service: String,
    /// The ServiceAccount that the operator runs as; appears in advice only.
    #[arg(
        long,
        env = "SPLITVAULT_SERVICE_ACCOUNT",
        value_name = "NAME",
        default_value = "splitvault-operator"
    )]
    pub service_account: String,
    /// The key database; its directory must exist.
    #[arg(
        long,
        env = "SPLITVAULT_DATABASE",
        value_name = "FILE",
        default_value = "/var/lib/splitvault/keys.db"
    )]
    pub database: PathBuf,
    /// The databases are not meant to outlive their pods, so an empty or older key database is no reason for alarm. For
    /// tests only.
    #[arg(long, env = "SPLITVAULT_EPHEMERAL", action = clap::ArgAction::SetTrue)]
    pub ephemeral: bool,
    /// The value store, `https://HOST:PORT`; by default the one in the operator's namespace.
    #[arg(long, env = "SPLITVAULT_STORE", value_name = "URL")]
    pub store: Option<String>,
    /// What wraps keys at rest.
    #[command(flatten)]
    pub keks: Choices,
    /// What is injected.
    #[command(flatten)]
    pub sidecar: Sidecar,
    /// Whose images may be asked what they run.
    #[command(flatten)]
    pub image_lookup: ImageLookup,
    /// Where to listen.
    #[command(flatten)]
    pub listen: Listen,
    /// Whom the webhook answers.
    #[command(flatten)]
    pub webhook_clients: WebhookClients,
    /// Pods of one namespace that may have VaultSecrets of another, if their owners consent too: FROM:TO, separated by
    /// commas. None by default.
    #[arg(
        long = "cross-namespace",
        env = "SPLITVAULT_CROSS_NAMESPACE",
        value_name = "FROM:TO",
        value_delimiter = ','
    )]
    pub passages: Vec<Passage>,
    /// How fast to work.
    #[command(flatten)]
    pub pace: Pace,
    /// How old the CA and the sealing key may become.
    #[command(flatten)]
    pub renewal: Renewal,
    /// Who may open master keys after they are destroyed.
    #[command(flatten)]
    pub escrow: Escrow,
    /// The rotation of master keys.
    #[command(flatten)]
    pub rotation: Rotation,
    /// How careful to be with other people's workloads.
    #[command(flatten)]
    pub restart: Restart,
    /// Which log lines, as `level` or `target=level,…`; other libraries' lines end at info.
    #[arg(long, env = "SPLITVAULT_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// How log lines look.
    #[arg(
        long,
        env = "SPLITVAULT_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "json"
    )]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// What is injected.
#[derive(Debug, clap::Args)]
pub struct Sidecar {
    /// The image of splitvault-sidecar.
    #[arg(
        id = "sidecar_image",
        long = "sidecar-image",
        env = "SPLITVAULT_SIDECAR_IMAGE",
        value_name = "IMAGE"
    )]
    pub image: String,
    /// When to pull it.
    #[arg(
        id = "sidecar_pull_policy",
        long = "sidecar-pull-policy",
        env = "SPLITVAULT_SIDECAR_PULL_POLICY",
        value_name = "POLICY",
        default_value = "IfNotPresent",
        value_parser = ["Always", "IfNotPresent", "Never"]
    )]
    pub pull_policy: String,
    /// Which of its log lines injected sidecars write.
    #[arg(
        id = "sidecar_log",
        long = "sidecar-log",
        env = "SPLITVAULT_SIDECAR_LOG",
        value_name = "LEVEL",
        default_value = "info"
    )]
    pub log: String,
    /// Whether kubelets are to read variables from files (KEP-3721, feature gate EnvFiles).
    #[arg(
        long,
        env = "SPLITVAULT_ENVIRONMENT_FILES",
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub environment_files: EnvironmentFiles,
}

/// When kubelets are to read variables from files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EnvironmentFiles {
    /// When API server and all kubelets are of Kubernetes 1.35 or newer.
    Auto,
    /// Whatever their versions.
    Always,
    /// Never: where the feature gate is off.
    Never,
}

impl EnvironmentFiles {
    /// Whether they are to, where no version has a say.
    pub const fn decided(self) -> Option<bool> {
        match self {
            Self::Auto => None,
            Self::Always => Some(true),
            Self::Never => Some(false),
        }
    }
}

/// Where to listen.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Listen {
    /// Where the API server sends admission reviews: TLS 1.3.
    #[arg(
        long = "webhook-listen",
        env = "SPLITVAULT_WEBHOOK_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:9443"
    )]
    pub webhook_listen: SocketAddr,
    /// Where sidecars ask for their variables: TLS 1.3.
    #[arg(
        long = "delivery-listen",
        env = "SPLITVAULT_DELIVERY_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8443"
    )]
    pub delivery_listen: SocketAddr,
    /// Plain HTTP for /healthz, /readyz and /metrics; nothing secret is there.
    #[arg(
        long = "health-listen",
        env = "SPLITVAULT_HEALTH_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8081"
    )]
    pub health_listen: SocketAddr,
}

/// How fast to work.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Pace {
    /// VaultSecrets that are reconciled at once.
    #[arg(long, env = "SPLITVAULT_CONCURRENCY", value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// Seconds between two looks at a Secret that a VaultSecret imports.
    #[arg(long, env = "SPLITVAULT_POLL", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub poll: Duration,
    /// Sidecars that may wait for changes at once, 32 KiB of memory each; further ones ask at their refresh.
    #[arg(long, env = "SPLITVAULT_WAITING", value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(0..=60_000))]
    pub waiting: u16,
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

/// A DNS label (RFC 1123), as namespaces and Services have for names.
pub(crate) fn label(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| plain(byte) || byte == b'-';
    let bytes = text.as_bytes();
    let ends = bytes.first().copied().is_some_and(plain) && bytes.last().copied().is_some_and(plain);
    if ends && bytes.len() <= 63 && bytes.iter().copied().all(inner) {
        Ok(text.to_owned())
    } else {
        Err("expected a DNS label".to_owned())
    }
}

impl Args {
    /// `HOST:PORT` of the value store.
    ///
    /// # Errors
    /// When the URL is not `https://HOST:PORT`; the store is never spoken to in plain HTTP.
    pub fn store_address(&self) -> anyhow::Result<String> {
        let Some(url) = &self.store else {
            return Ok(format!("splitvault-store.{}.svc:7443", self.namespace));
        };
        let uri: http::Uri = url.parse().map_err(|_| anyhow::anyhow!("{url} is not a URL"))?;
        match (uri.scheme_str(), uri.host(), uri.port_u16(), uri.path()) {
            (Some("https"), Some(host), Some(port), "" | "/") => Ok(format!("{host}:{port}")),
            _ => anyhow::bail!("SPLITVAULT_STORE must be https://HOST:PORT, got {url}"),
        }
    }

    /// What sidecars are told to ask.
    pub fn operator_url(&self) -> String {
        let port = self.listen.delivery_listen.port();
        format!("https://{}.{}.svc:{port}", self.service, self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(more: &[&str]) -> Result<Args, clap::Error> {
        let least = [
            "splitvault-operator",
            "--namespace=vault",
            "--sidecar-image=sidecar:1",
        ];
        Args::try_parse_from(least.iter().chain(more))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_store_is_beside_the_operator_unless_told_otherwise() {
        let address = |more: &[&str]| parse(more).unwrap().store_address().ok();
        assert_eq!(address(&[]).unwrap(), "splitvault-store.vault.svc:7443");
        assert_eq!(
            address(&["--store=https://store.example:1"]).unwrap(),
            "store.example:1"
        );
        assert_eq!(address(&["--store=http://store.example:1"]), None);
        assert_eq!(address(&["--store=https://store.example"]), None);
    }

    #[test]
    fn no_namespace_is_open_to_another_unless_it_is_said() {
        assert!(parse(&[]).unwrap().passages.is_empty());
        let args = parse(&["--cross-namespace=team-b:shop,team-c:shop"]).unwrap();
        assert_eq!(args.passages.len(), 2);
        for wrong in ["team-b", "*:shop", "shop:shop", "team-b:shop,,"] {
            assert!(
                parse(&[&format!("--cross-namespace={wrong}")]).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_cannot_be_a_namespace_is_refused() {
        for namespace in ["", "-a", "a-", "A", "a.b", "a/b", &"a".repeat(64)] {
            assert!(
                parse(&[&format!("--namespace={namespace}")]).is_err(),
                "{namespace}"
            );
        }
    }
}
