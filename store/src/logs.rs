//! Logs on standard error. Other libraries' debug and trace lines are left out whatever the filter says: they
//! may spell out frames and headers.

use anyhow::Context as _;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::LogFormat;

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
    *line.level() <= Level::INFO || line.target().starts_with("splitvault")
}
