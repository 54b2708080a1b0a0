//! Logs on standard error. Other libraries' debug and trace lines are left out whatever the filter says: they
//! may spell out frames, headers and bodies.

use anyhow::Context as _;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::LogFormat;

pub(crate) fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).context("SPLITVAULT_LOG is not a log filter")?;
    let filter = filter.and(filter_fn(may_speak));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
        LogFormat::Text => lines.with_ansi(false).with_filter(filter).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines)
        .try_init()
        .context("cannot start logging")
}

fn may_speak(line: &Metadata<'_>) -> bool {
    may(line.target(), *line.level())
}

fn may(target: &str, level: Level) -> bool {
    if target.starts_with("splitvault") {
        return true;
    }
    // At warn, kube's client quotes the whole body of an answer that it cannot read, be it a Secret.
    let most = if target.starts_with("kube_client") {
        Level::ERROR
    } else {
        Level::INFO
    };
    level <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_lines_go_below_info() {
        assert!(may("splitvault_operator::controller", Level::TRACE));
        assert!(may("kube_runtime::watcher", Level::INFO));
        for target in [
            "kube_runtime::watcher",
            "hyper",
            "rustls::conn",
            "sqlx::query",
            "h2",
        ] {
            assert!(!may(target, Level::DEBUG), "{target}");
        }
    }

    #[test]
    fn the_client_that_quotes_bodies_does_not_speak_below_error() {
        assert!(!may("kube_client::client", Level::WARN));
        assert!(may("kube_client::client::builder", Level::ERROR));
    }
}
