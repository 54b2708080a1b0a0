//! From the bytes of an answer to a delivery that is what was asked for.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
use splitvault_crypto::sealing::{Algorithm, Context, KeyPair};
use splitvault_wire::{DeliverError, DeliverResponse, Delivery, RESPONSE_LIMIT};

use crate::ask::AskError;
use crate::gate::Revisions;

/// What the operator delivered.
#[derive(Debug)]
pub struct Answer {
    /// The variables of every VaultSecret that was asked for, in that order.
    pub delivery: Delivery,
    /// The certificates (PEM) to trust from now on.
    pub ca_bundle: String,
    /// What to send with the next question.
    pub tag: String,
}

/// What comes of a question.
#[derive(Debug)]
pub enum Answered {
    /// Something that is not held yet.
    New(Answer),
    /// What is held, be it variables or a refusal, was so until now.
    Current {
        /// After how long to ask again, when the operator has waited for a change or for its own end.
        again: Option<Duration>,
    },
}

impl Answer {
    pub(crate) fn revisions(&self) -> Revisions {
        let environments = self.delivery.environments.iter();
        environments
            .map(|environment| (environment.name.clone(), environment.revision))
            .collect()
    }
}

/// A key pair for one question.
pub(crate) struct Ephemeral(KeyPair);

impl Ephemeral {
    pub(crate) fn make() -> Result<Self, AskError> {
        KeyPair::make(Algorithm::X25519)
            .map(Self)
            .map_err(|_| AskError::Key)
    }

    pub(crate) fn public(&self) -> Vec<u8> {
        self.0.public().to_bytes()
    }
}

/// Reads the answer to a question about these VaultSecrets, to which "nothing new" may be an answer.
pub(crate) async fn read<B>(
    response: Response<B>,
    key: &Ephemeral,
    pod_uid: &str,
    vault_secrets: &[String],
    may_be_held: bool,
) -> Result<Answered, AskError>
where
    B: Body<Data = Bytes, Error = hyper::Error>,
{
    let (head, body) = response.into_parts();
    let body = collect(body).await?;
    match head.status {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT if !may_be_held => {
            return Err(AskError::Malformed("no content, though nothing is held"));
        }
        StatusCode::NO_CONTENT => {
            return Ok(Answered::Current {
                again: retry_after(&head.headers),
            });
        }
        status => return Err(refusal(status, &body)),
    }
    let answer: DeliverResponse =
        serde_json::from_slice(&body).map_err(|_| AskError::Malformed("not the JSON of a delivery"))?;
    // Each form of a delivery goes when the next one is there: together they would fill the container's memory.
    drop(body);
    let DeliverResponse {
        sealed,
        ca_bundle,
        tag,
    } = answer;
    let context = Context::Delivery { pod_uid };
    let plaintext = key.0.open(&context, &sealed).map_err(|_| AskError::Unsealed)?;
    drop(sealed);
    // EXPOSE: parsed straight into secrets.
    let delivery = Delivery::from_json(plaintext.expose())
        .map_err(|_| AskError::Malformed("the sealed part is no delivery"))?;
    let names = delivery.environments.iter().map(|environment| &environment.name);
    if !names.eq(vault_secrets) {
        return Err(AskError::Malformed("other VaultSecrets than asked for"));
    }
    Ok(Answered::New(Answer {
        delivery,
        ca_bundle,
        tag,
    }))
}

/// Seconds only (RFC 9110, section 10.2.3): an operator that sends a date sends no advice.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

async fn collect<B>(body: B) -> Result<Bytes, AskError>
where
    B: Body<Data = Bytes, Error = hyper::Error>,
{
    match Limited::new(body, RESPONSE_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(AskError::TooLong),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(error) => AskError::Broken(*error),
            Err(_) => AskError::Malformed("its body"),
        }),
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> AskError {
    match serde_json::from_slice::<DeliverError>(body) {
        Ok(error) if status.is_client_error() || status.is_server_error() => AskError::Refused(error),
        _ => AskError::Status(status),
    }
}
