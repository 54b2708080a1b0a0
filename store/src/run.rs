//! Composition: from arguments to a running server, and down again.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use splitvault_values::arm_failpoints;
use splitvault_values::sqlite::{OpenError, SqliteValues};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::state::Teller;
use crate::{Args, Command, Files, Limits, Metrics, Serve, State, check, health, logs, serve, tls};

/// The longest pause between two attempts to open the database.
const PATIENCE: Duration = Duration::from_secs(30);

/// Does what the command line says.
///
/// # Errors
/// What keeps the process from doing anything at all, such as an address in use. A missing certificate or an
/// unusable database do not: it waits, not ready, and says what for.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args {
        command,
        database,
        log,
        log_format,
        serve,
    } = args;
    // A second installation in one process (tests) is no fault.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    arm_failpoints();
    logs::start(&log, log_format)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        match command {
            Some(Command::Check) => check::check(&database).await,
            None => store(&database, serve).await.map(|()| ExitCode::SUCCESS),
        }
    })
}

async fn store(database: &Path, args: Serve) -> anyhow::Result<()> {
    let Serve {
        listen,
        health_listen,
        tls_dir,
        client_identity,
        tls_reload,
        drain,
    } = args;
    let shutdown = stop_on_signals().context("cannot listen for signals")?;
    let metrics = Metrics::new(database.to_owned());
    let (tell, state) = watch::channel(State::WaitingForCertificates);
    let health = bind(health_listen).await?;
    tracing::info!(health = %health.local_addr()?, version = env!("CARGO_PKG_VERSION"), "starting");
    let end = CancellationToken::new();
    let health = tokio::spawn(health::serve(health, state, metrics.clone(), end.clone()));

    let files = Files {
        directory: tls_dir,
        client_identity,
    };
    let Some(config) = tls::watch(files, tls_reload, metrics.clone(), shutdown.clone()).await else {
        return Ok(());
    };
    let Some(values) = shutdown.run_until_cancelled(open(database, &tell)).await else {
        return Ok(());
    };
    let values = Arc::new(values);
    let listener = bind(listen).await?;
    tell.send_replace(State::Serving);
    tracing::info!(listen = %listener.local_addr()?, "serving");
    let server = serve(
        listener,
        Arc::clone(&values),
        config,
        Limits::default(),
        metrics,
        shutdown.clone(),
    );
    let served = drained(server, &shutdown, drain, &tell).await;
    values.close().await;
    end.cancel();
    health.abort();
    tracing::info!("stopped");
    served
}

async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

/// Opens the database, again and again: exiting would only make Kubernetes restart us, with less to be seen.
async fn open(database: &Path, tell: &Teller) -> SqliteValues {
    let mut pause = Duration::from_secs(1);
    loop {
        match SqliteValues::open(database).await {
            Ok(values) => return values,
            Err(error) => complain(&error, tell),
        }
        tokio::time::sleep(pause).await;
        pause = PATIENCE.min(pause * 2);
    }
}

fn complain(error: &OpenError, tell: &Teller) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(reason = error.label(), source, "{error}; will try again");
    tell.send_replace(State::WaitingForDatabase(error.label()));
}

/// Runs the server; after `shutdown` it has as long as `drain` to finish what it began.
async fn drained(
    server: impl Future<Output = Result<(), tonic::transport::Error>>,
    shutdown: &CancellationToken,
    drain: Duration,
    tell: &Teller,
) -> anyhow::Result<()> {
    let deadline = async {
        shutdown.cancelled().await;
        tell.send_replace(State::Stopping);
        tracing::info!("stopping");
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        served = server => served.context("the server failed"),
        () = deadline => {
            tracing::warn!("requests still in flight were cut off");
            Ok(())
        }
    }
}

fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(token)
}
