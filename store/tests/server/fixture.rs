//! A server in this process, and what tests share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use splitvault_store::{Files, Limits, Metrics, serve, watch};
use splitvault_values::ValueStore;
use splitvault_values::grpc::{RemoteValues, channel};
use splitvault_values::sqlite::SqliteValues;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::certificates::{Authority, OPERATOR, STORE};

/// How often the server looks at its certificate files.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Server {
    pub(crate) directory: TempDir,
    pub(crate) authority: Authority,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Server {
    /// Over a fresh SQLite database.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let values = database(&directory).await;
        Self::over(directory, values, Limits::default()).await
    }

    pub(crate) async fn over(directory: TempDir, values: impl ValueStore, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = Authority::new();
        authority.write(directory.path());
        Self::on(listener, directory, authority, values, limits).await
    }

    /// Stops, and serves the same database at the same address again.
    pub(crate) async fn restart(self) -> Self {
        self.shutdown.cancel();
        self.task.await.unwrap();
        let listener = TcpListener::bind(self.address).await.unwrap();
        let values = database(&self.directory).await;
        Self::on(
            listener,
            self.directory,
            self.authority,
            values,
            Limits::default(),
        )
        .await
    }

    async fn on(
        listener: TcpListener,
        directory: TempDir,
        authority: Authority,
        values: impl ValueStore,
        limits: Limits,
    ) -> Self {
        let files = Files {
            directory: directory.path().to_owned(),
            client_identity: OPERATOR.to_owned(),
        };
        let metrics = Metrics::new(directory.path().join("values.db"));
        let shutdown = CancellationToken::new();
        let config = watch(files, LOOK, metrics.clone(), shutdown.clone())
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve(listener, values, config, limits, metrics, shutdown.clone());
        let task = tokio::spawn(async move { server.await.unwrap() });
        Self {
            directory,
            authority,
            address,
            shutdown,
            task,
        }
    }

    /// A client of the operator's.
    pub(crate) fn operator(&self) -> RemoteValues {
        RemoteValues::new(self.channel())
    }

    pub(crate) fn channel(&self) -> Channel {
        connect(self.address, self.authority.operator_config())
    }
}

async fn database(directory: &TempDir) -> SqliteValues {
    SqliteValues::open(&directory.path().join("values.db"))
        .await
        .unwrap()
}

pub(crate) fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> Channel {
    channel(&address.to_string(), STORE, move || Arc::clone(&config)).unwrap()
}

/// Asks again until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within 30 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
