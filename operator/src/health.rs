//! `/healthz`, `/readyz` and `/metrics` over plain HTTP. Nothing secret is there, so nothing is asked.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// What the operator needs before it can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The key-encryption keys.
    Kek,
    /// The internal CA, and the certificates and bundles that come from it.
    Certificates,
    /// The key database.
    Database,
    /// The webhook and the delivery API listen.
    Servers,
}

impl Part {
    const ALL: [Self; 4] = [Self::Kek, Self::Certificates, Self::Database, Self::Servers];

    fn name(self) -> &'static str {
        match self {
            Self::Kek => "key-encryption keys",
            Self::Certificates => "certificates",
            Self::Database => "key database",
            Self::Servers => "servers",
        }
    }
}

/// Which parts are there, and what the others wait for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<[Option<String>; 4]>>);

impl Default for Readiness {
    fn default() -> Self {
        let (sender, _) = watch::channel(std::array::from_fn(|_| Some("not there yet".to_owned())));
        Self(Arc::new(sender))
    }
}

impl Readiness {
    /// The part is there.
    pub fn ready(&self, part: Part) {
        self.0.send_modify(|missing| missing[part as usize] = None);
    }

    /// The part is missing; `why` is shown to anyone who asks.
    pub fn missing(&self, part: Part, why: impl Into<String>) {
        let why = why.into();
        self.0.send_modify(|missing| missing[part as usize] = Some(why));
    }

    /// One line for each part that is missing; empty when all are there.
    pub fn complaints(&self) -> Vec<String> {
        let missing = self.0.borrow();
        let line = |part: Part| {
            missing[part as usize]
                .as_ref()
                .map(|why| format!("{}: {why}", part.name()))
        };
        Part::ALL.into_iter().filter_map(line).collect()
    }
}

#[derive(Clone)]
struct Shared {
    readiness: Readiness,
    metrics: Metrics,
}

/// Answers until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> io::Result<()> {
    axum::serve(listener, router(readiness, metrics))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

fn router(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(measure))
        .with_state(Shared { readiness, metrics })
}

async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    let complaints = shared.readiness.complaints();
    if complaints.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, complaints.join("\n") + "\n")
}

async fn measure(State(shared): State<Shared>) -> impl IntoResponse {
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(readiness: &Readiness, path: &str) -> (StatusCode, String) {
        let router = router(readiness.clone(), Metrics::new());
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn it_is_ready_when_every_part_is_and_says_what_is_missing_until_then() {
        let readiness = Readiness::default();
        for part in [Part::Kek, Part::Certificates, Part::Servers] {
            readiness.ready(part);
        }
        readiness.missing(Part::Database, "made with other keys");
        let (status, body) = ask(&readiness, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, "key database: made with other keys\n");
        readiness.ready(Part::Database);
        assert_eq!(ask(&readiness, "/readyz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn it_is_alive_while_not_ready() {
        assert_eq!(ask(&Readiness::default(), "/healthz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_name_their_build() {
        let (_, body) = ask(&Readiness::default(), "/metrics").await;
        assert!(body.contains("splitvault_build_info"), "{body}");
    }
}
