//! The gRPC server on a listener, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use splitvault_values::ValueStore;
use splitvault_values::grpc::Service;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::accept::{Limits, accept};
use crate::metrics::{Measured, Metrics};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// After this a client connects anew, and so shows a certificate that is valid now.
const CONNECTION_AGE: Duration = Duration::from_secs(15 * 60);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const STREAMS: u32 = 64;
const HEADERS: u32 = 16 * 1024;
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Serves `store` to authenticated clients until `shutdown`, then lets requests in flight finish.
///
/// # Errors
/// When the server itself fails; a client's failure is only that client's.
pub async fn serve<S: ValueStore>(
    listener: TcpListener,
    store: S,
    config: Arc<ArcSwap<ServerConfig>>,
    limits: Limits,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let service = Service::new(Measured::new(store, metrics.clone())).into_server();
    let connections = accept(listener, config, limits, metrics, shutdown.clone());
    Server::builder()
        .timeout(REQUEST_TIMEOUT)
        .max_connection_age(CONNECTION_AGE)
        .max_connection_age_grace(REQUEST_TIMEOUT)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .max_concurrent_streams(STREAMS)
        .concurrency_limit_per_connection(STREAMS as usize)
        .http2_max_header_list_size(HEADERS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(service)
        .serve_with_incoming_shutdown(connections, shutdown.cancelled_owned())
        .await
}
