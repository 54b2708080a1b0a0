//! `/healthz`, `/readyz` and `/metrics` over plain HTTP. Nothing secret is there, so nothing is asked.

use std::io;

use axum::Router;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Metrics, State};

#[derive(Clone)]
struct Shared {
    state: watch::Receiver<State>,
    metrics: Metrics,
}

/// Answers until `shutdown`.
pub(crate) async fn serve(
    listener: TcpListener,
    state: watch::Receiver<State>,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(measure))
        .with_state(Shared { state, metrics });
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

async fn ready(Extract(shared): Extract<Shared>) -> impl IntoResponse {
    let state = *shared.state.borrow();
    let status = match state {
        State::Serving => StatusCode::OK,
        State::WaitingForCertificates | State::WaitingForDatabase(_) | State::Stopping => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (status, format!("{}\n", state.describe()))
}

async fn measure(Extract(shared): Extract<Shared>) -> impl IntoResponse {
    match shared.metrics.encode() {
        Ok(text) => (
            [(
                CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
