//! The delivery API: a sidecar shows its pod's token and an ephemeral key, and gets what its pod may have.
//!
//! Whatever arrives is hostile until the API server has vouched for the token and the pod. Plaintext exists between
//! reading the vault and sealing to the sidecar's key, in memory that is zeroized.

mod admit;
mod answer;
mod audit;
mod board;
mod body;
mod caller;
mod expiry;
mod face;
mod follow;
mod grant;
mod pod;
mod problem;
mod reviews;
mod seal;
mod select;
mod tag;
mod wait;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use kube::Client;
use splitvault_api::located;
use splitvault_vault::Vault;
use splitvault_wire::{DELIVER_PATH, DeliverError, DeliverRequest, DeliverResponse, Reason};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use board::Board;
use body::{Kept, Unsent};
pub use caller::Caller;
use face::Face;
pub use follow::follow;
use reviews::Reviews;
use wait::{Prepared, Waits};

use crate::consent::Consent;
use crate::controller::Suspicions;
use crate::crowd::{Crowd, Place};
use crate::events::Events;
use crate::latest::Latest;
use crate::metrics::Metrics;
use crate::serve::{Peer, Sitting, Stay};

/// From the first byte of a body to its last.
const BODY: Duration = Duration::from_secs(5);
/// From the request to the answer; the sidecar asks again.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests that are waiting or answered; more are turned away.
const QUEUE: usize = 512;
/// Requests that are answered at once, until the answer is sent: each may hold a whole environment in memory.
const AT_ONCE: usize = 32;
/// Requests of one pod that are answered at once: one, and one that its sidecar gave up.
const OF_A_POD: usize = 2;
/// From an answer to its last byte; as long as a sidecar waits for it.
const SENDING: Duration = Duration::from_secs(20);

/// What answers need.
pub struct Deliveries {
    /// The API server.
    pub client: Client,
    /// For VaultSecrets.
    pub latest: Latest,
    /// Where environments are read.
    pub vault: Arc<Vault>,
    /// Where pods are told why they wait.
    pub events: Arc<Events>,
    /// Counts answers.
    pub metrics: Metrics,
    /// The certificates that sidecars are to trust from now on.
    pub bundle: Arc<ArcSwap<String>>,
    /// Changes when those are others.
    pub trusted: watch::Receiver<()>,
    /// Who is told when a stored row turns out to be tampered with.
    pub suspicions: Suspicions,
    /// Which namespaces are open to which.
    pub consent: Consent,
    /// Who waits for a change; [`follow`] tells them.
    pub board: Board,
    /// Ends all waits.
    pub shutdown: CancellationToken,
}

/// Why there is no delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Refusal {
    /// For programs.
    pub reason: Reason,
    /// For people; names objects but no variable.
    pub message: String,
}

impl Refusal {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// A refusal, and what the VaultSecrets looked like then.
struct Denied {
    refusal: Refusal,
    /// In the order of the request; `None` when it is not about them, or one of them is being processed.
    faces: Option<Vec<Face>>,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, faces: None }
    }
}

impl Denied {
    /// Whether the sidecar was told so already, and may be told of a change. It is not of one in another namespace, where
    /// the refusal does not even say whether there is such a VaultSecret.
    fn can_be_waited_for(&self, caller: &Caller, asked: &DeliverRequest) -> bool {
        let reason = self.refusal.reason;
        let is_own = |name: &String| located(&caller.namespace, name).0 == caller.namespace;
        self.faces.is_some()
            && reason.can_be_waited_for()
            && asked.refused == Some(reason)
            && asked.vault_secrets.iter().all(is_own)
    }
}

/// What a request holds.
struct Question<'a> {
    /// Where it comes from.
    peer: Option<IpAddr>,
    authorization: Option<&'a HeaderValue>,
    asked: &'a DeliverRequest,
    /// The place of its connection.
    sitting: Option<&'a Sitting>,
}

/// What a sidecar gets.
enum Outcome {
    /// Its variables, sealed, and which revisions they are.
    Delivered(DeliverResponse, BTreeMap<String, u64>),
    /// It has them already.
    Current(Current),
}

/// What a sidecar has already.
struct Current {
    /// In these revisions.
    revisions: BTreeMap<String, u64>,
    /// What the VaultSecrets look like, in the order of the request; `None` for one that is being processed.
    faces: Option<Vec<Face>>,
}

struct Shared {
    deliveries: Deliveries,
    queue: Semaphore,
    at_once: Arc<Semaphore>,
    gates: Gates,
}

/// What keeps one client from taking what is there for all.
struct Gates {
    pods: Arc<Crowd<String>>,
    reviews: Reviews,
    waits: Waits,
}

/// An outcome, and what it holds.
struct Answered {
    outcome: Result<Outcome, Denied>,
    place: Place<String>,
    /// When the sidecar would rather wait than hear what it knows.
    wait: Option<Prepared>,
}

/// One of those that are answered at once, on a connection that stays until the answer is sent.
struct Turn {
    turn: OwnedSemaphorePermit,
    stay: Option<Stay>,
}

/// `POST /v1/deliver`.
pub fn router(deliveries: Deliveries) -> Router {
    let Deliveries {
        ref board,
        ref trusted,
        ref metrics,
        ref shutdown,
        ..
    } = deliveries;
    let waits = Waits::new(board.clone(), trusted.clone(), metrics.clone(), shutdown.clone());
    let shared = Shared {
        queue: Semaphore::new(QUEUE),
        at_once: Arc::new(Semaphore::new(AT_ONCE)),
        gates: Gates {
            pods: Crowd::new(OF_A_POD),
            reviews: Reviews::default(),
            waits,
        },
        deliveries,
    };
    Router::new()
        .route(DELIVER_PATH, post(deliver))
        .with_state(Arc::new(shared))
}

async fn deliver(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let start = Instant::now();
    // Boxed, so that a wait does not keep the room that the answer took.
    let outcome = match tokio::time::timeout(PATIENCE, Box::pin(shared.answer(request))).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Refusal::new(
            Reason::Unavailable,
            "no answer in time; will try again",
        )),
    };
    let (reason, held) = match outcome {
        Ok((Answered { outcome, place, wait }, turn)) => match outcome {
            Ok(Outcome::Delivered(answer, _)) => match send(&answer, turn, place) {
                Ok(response) => ("Delivered", Err(response)),
                Err(refusal) => (refusal.reason.as_str(), Err(refuse(refusal))),
            },
            Ok(Outcome::Current(Current { faces, .. })) => {
                let nothing = || StatusCode::NO_CONTENT.into_response();
                ("Current", wait.zip(faces).ok_or_else(nothing))
            }
            Err(Denied { refusal, faces }) => (
                refusal.reason.as_str(),
                wait.zip(faces).ok_or_else(|| refuse(refusal)),
            ),
        },
        Err(refusal) => (refusal.reason.as_str(), Err(refuse(refusal))),
    };
    shared.deliveries.metrics.delivered(reason, start.elapsed());
    match held {
        Ok((prepared, faces)) => shared.gates.waits.wait(prepared, faces).await,
        Err(response) => response,
    }
}

fn send(answer: &DeliverResponse, turn: Turn, place: Place<String>) -> Result<Response, Refusal> {
    let json = serde_json::to_vec(answer);
    let json = json.map_err(|_| Refusal::new(Reason::Unavailable, "the answer cannot be written"))?;
    let Turn { turn, stay } = turn;
    let body = Unsent::new(json, turn, Kept { place, stay }, SENDING);
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], Body::new(body)).into_response())
}

fn refuse(refusal: Refusal) -> Response {
    let Refusal { reason, message } = refusal;
    let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(DeliverError { reason, message })).into_response()
}

impl Shared {
    async fn answer(&self, request: Request) -> Result<(Answered, Turn), Refusal> {
        let busy = || Refusal::new(Reason::Unavailable, "the operator is busy; will try again");
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let token = parts.headers.get(header::AUTHORIZATION).cloned();
        let sitting = parts.extensions.get::<Sitting>();
        let reading = sitting
            .map(|sitting| sitting.read().ok_or_else(busy))
            .transpose()?;
        let asked = read(parts.headers.get(header::CONTENT_LENGTH), body).await?;
        drop(reading);
        // Only now: a body may be as slow as its sender likes.
        let _place = self.queue.try_acquire().map_err(|_| busy())?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await;
        let turn = turn.map_err(|_| busy())?;
        let question = Question {
            peer,
            authorization: token.as_ref(),
            asked: &asked,
            sitting,
        };
        let answer = self.deliveries.answer(&question, &self.gates).await;
        let stay = sitting.map(Sitting::stay);
        Ok((answer?, Turn { turn, stay }))
    }
}

async fn read(length: Option<&HeaderValue>, body: Body) -> Result<DeliverRequest, Refusal> {
    let limit = splitvault_wire::REQUEST_LIMIT;
    let invalid = |message: &str| Refusal::new(Reason::Invalid, message);
    let stated = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if stated.is_some_and(|stated| stated > limit) {
        return Err(invalid("the request is too large"));
    }
    let bytes = tokio::time::timeout(BODY, axum::body::to_bytes(body, limit)).await;
    let bytes = bytes.map_err(|_| invalid("the request did not arrive in time"))?;
    let bytes = bytes.map_err(|_| invalid("the request is too large or cut off"))?;
    serde_json::from_slice(&bytes).map_err(|_| invalid("the request is not what a sidecar sends"))
}

#[cfg(test)]
mod tests;
