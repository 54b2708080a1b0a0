//! The admission webhook: pods that ask for variables are injected, VaultSecrets that cannot be processed refused,
//! VaultRequests stamped with who asks.
//!
//! The decisions are pure and elsewhere ([`crate::inject`], [`splitvault_api::Desired`]); here are HTTP, the review's
//! envelope and the look-ups. No body and no object is ever logged.

mod images;
mod kubelets;
mod lookup;
mod pods;
mod review;
mod vaultrequests;
mod vaultsecrets;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;

use crate::consent::Consent;
use crate::image::Images;
use crate::inject::{InjectConfig, Names};
use crate::latest::Latest;
use crate::metrics::Metrics;
use crate::requests::StampKey;
use kubelets::Kubelets;
use review::{Answer, Review, Why};

/// Bytes of a review: an object of etcd's 1.5 MiB, and the old one beside it.
pub const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// The key database does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key database does not answer")]
pub struct Unavailable;

/// Where names of variables come from. Asked only for VaultSecrets that expose them.
#[async_trait]
pub trait ExposedNames: Send + Sync {
    /// What may be known of the variables of the VaultSecret with this UID; `None` when nothing is stored for it yet.
    ///
    /// # Errors
    /// [`Unavailable`]; the pod's owner tries again.
    async fn names(&self, uid: &str) -> Result<Option<Names>, Unavailable>;
}

/// What the webhook works with.
#[derive(Clone)]
pub struct WebhookState {
    /// For kubelets' versions, pull secrets and who may do what.
    pub client: kube::Client,
    /// For VaultSecrets.
    pub latest: Latest,
    /// For the names of those that expose them.
    pub names: Arc<dyn ExposedNames>,
    /// For what images run, where an administrator lets that be looked up.
    pub images: Option<Images>,
    /// What is injected.
    pub config: Arc<InjectConfig>,
    /// The certificates (PEM) that injected sidecars trust.
    pub ca: Arc<ArcSwap<String>>,
    /// What requests are stamped with.
    pub stamps: Arc<dyn StampKey>,
    /// The operator's own namespace.
    pub namespace: String,
    /// Which namespaces are open to which.
    pub consent: Consent,
    /// Where admissions are counted.
    pub metrics: Metrics,
}

impl fmt::Debug for WebhookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookState")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// `POST /mutate-pods`, `POST /validate-vaultsecrets`, `POST /mutate-vaultrequests`, `POST /validate-vaultrequests`.
pub fn router(state: WebhookState) -> Router {
    let webhook = Webhook {
        state,
        kubelets: Arc::new(Kubelets::default()),
    };
    Router::new()
        .route("/mutate-pods", post(mutate_pods))
        .route("/validate-vaultsecrets", post(validate_vaultsecrets))
        .route("/mutate-vaultrequests", post(mutate_vaultrequests))
        .route("/validate-vaultrequests", post(validate_vaultrequests))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(webhook)
}

#[derive(Clone)]
struct Webhook {
    state: WebhookState,
    kubelets: Arc<Kubelets>,
}

async fn mutate_pods(State(webhook): State<Webhook>, body: Bytes) -> Response {
    let start = Instant::now();
    let Some(review) = Review::parse(&body) else {
        return malformed(&webhook, "pods", start);
    };
    let answer = pods::admit(&webhook, &review).await;
    respond(&webhook, "pods", &review, &answer, start)
}

async fn validate_vaultsecrets(State(webhook): State<Webhook>, body: Bytes) -> Response {
    let start = Instant::now();
    let Some(review) = Review::parse(&body) else {
        return malformed(&webhook, "vaultsecrets", start);
    };
    let answer = vaultsecrets::admit(&review);
    respond(&webhook, "vaultsecrets", &review, &answer, start)
}

async fn mutate_vaultrequests(State(webhook): State<Webhook>, body: Bytes) -> Response {
    requests(&webhook, &body, vaultrequests::mutate)
}

async fn validate_vaultrequests(State(webhook): State<Webhook>, body: Bytes) -> Response {
    requests(&webhook, &body, vaultrequests::validate)
}

fn requests(webhook: &Webhook, body: &Bytes, admit: fn(&Webhook, &Review) -> Answer) -> Response {
    let start = Instant::now();
    let Some(review) = Review::parse(body) else {
        return malformed(webhook, "vaultrequests", start);
    };
    let answer = admit(webhook, &review);
    respond(webhook, "vaultrequests", &review, &answer, start)
}

fn malformed(webhook: &Webhook, name: &'static str, start: Instant) -> Response {
    webhook
        .state
        .metrics
        .admission(name, "malformed", start.elapsed());
    (
        StatusCode::BAD_REQUEST,
        "not an AdmissionReview of admission.k8s.io/v1\n",
    )
        .into_response()
}

fn respond(
    webhook: &Webhook,
    name: &'static str,
    review: &Review,
    answer: &Answer,
    start: Instant,
) -> Response {
    webhook
        .state
        .metrics
        .admission(name, answer.outcome(), start.elapsed());
    if let Answer::Refused { passing, why, .. } = answer {
        log(name, review, *passing, why);
    }
    axum::Json(answer.to_review(&review.request.uid)).into_response()
}

/// Bytes of an object's name; what is longer will be no object.
const NAME: usize = 253;

/// Not the message: what stands wrongly in a pod may be a secret, and names of variables may be hidden.
fn log(webhook: &'static str, review: &Review, passing: bool, why: &Why) {
    let namespace = review.request.namespace.as_deref().unwrap_or_default();
    let metadata = &review.request.object["metadata"];
    let name = metadata["name"].as_str().filter(|name| !name.is_empty());
    let name = name.or(metadata["generateName"].as_str()).unwrap_or_default();
    let object = &name[..name.floor_char_boundary(NAME)];
    let annotation = why.annotation.as_deref();
    tracing::info!(
        webhook,
        namespace,
        object,
        refusal = why.kind,
        annotation,
        passing,
        "refused"
    );
}
