//! One question to the operator: connect, ask, check, open.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use splitvault_crypto::{SecretBytes, SecretString};
use splitvault_wire::{DELIVER_PATH, DeliverError, DeliverRequest, Problem, Reason};
use zeroize::Zeroizing;

use crate::answer::{self, Answered, Ephemeral};
use crate::clock;
use crate::connection::Connection;
use crate::pace::Urgency;
use crate::settings::Settings;
use crate::tls::{UntrustedCa, client_config};

/// The longest time for name resolution, connection and handshake together.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest time for a request and the whole of its answer, besides what the operator may wait.
const EXCHANGE: Duration = Duration::from_secs(20);

/// The longest token that makes sense, in bytes.
const TOKEN_LIMIT: usize = 16 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The pod's own token is missing or no token at all.
    #[error("cannot read the pod's token {}: {source}", path.display())]
    Token {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nobody listens there, or the name is unknown.
    #[error("cannot reach the operator at {host}:{port}: {source}")]
    Connect {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// Somebody answers who is not the operator, or who does not speak TLS 1.3.
    #[error("{host} does not prove to be the operator: {}", clock::told(source))]
    Handshake {
        /// Host name or address.
        host: String,
        /// Why not.
        source: io::Error,
    },
    /// Whoever listens there broke the connection off before it could prove anything.
    #[error("the operator closed the connection in the TLS handshake ({source}); it may have too many")]
    Closed {
        /// How it ended.
        source: io::Error,
    },
    /// No answer came in time.
    #[error("the operator did not answer in time")]
    TimedOut,
    /// The connection broke.
    #[error("the connection to the operator broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The connection broke, or stayed silent, while the operator had nothing new to say.
    #[error("the operator went away: {0}")]
    WentAway(Box<Self>),
    /// The operator refuses, or is not ready to deliver.
    #[error(transparent)]
    Refused(DeliverError),
    /// An answer with a status that means nothing here.
    #[error("the operator answers with status {0}")]
    Status(StatusCode),
    /// An answer longer than any delivery.
    #[error("the operator's answer is too long")]
    TooLong,
    /// An answer that is not in the protocol.
    #[error("the operator's answer cannot be understood: {0}")]
    Malformed(&'static str),
    /// An answer that does not open: not sealed to this sidecar's key, or not for this pod.
    #[error("the operator's answer does not open: it is not sealed to this pod")]
    Unsealed,
    /// No randomness for a key.
    #[error("cannot make a key: the system gives no random bytes (/dev/urandom)")]
    Key,
}

impl AskError {
    /// Why the handshake with this host failed.
    pub(crate) fn in_handshake(host: &str, source: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match source.kind() {
            // Which proves nothing, but contradicts nothing either.
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Self::Closed { source },
            _ => Self::Handshake {
                host: host.to_owned(),
                source,
            },
        }
    }

    fn is_unsent(&self) -> bool {
        match self {
            Self::Broken(error) => error.is_canceled(),
            Self::WentAway(error) => error.is_unsent(),
            _ => false,
        }
    }

    pub(crate) const fn urgency(&self) -> Urgency {
        match self {
            Self::Refused(error) if error.reason.is_final() => Urgency::Slow,
            Self::Refused(_)
            | Self::Token { .. }
            | Self::Connect { .. }
            | Self::Handshake { .. }
            | Self::Closed { .. }
            | Self::TimedOut
            | Self::Broken(_)
            | Self::Status(_) => Urgency::Soon,
            Self::WentAway(_) => Urgency::Later,
            Self::TooLong | Self::Malformed(_) | Self::Unsealed | Self::Key => Urgency::Slow,
        }
    }
}

/// The operator as a pod sees it.
pub struct Operator {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    token: PathBuf,
    pod_uid: String,
    vault_secrets: Vec<String>,
    /// A connection on which a wait has ended: the next question follows at once.
    open: Mutex<Option<Connection>>,
}

/// What to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct Question<'a> {
    /// Of the answer that is held, if one is.
    pub tag: Option<&'a str>,
    /// What kept the last answer from being written, or the application from hearing of it.
    pub problem: Option<&'a Problem>,
    /// For how many seconds the operator may wait for a change.
    pub wait_seconds: Option<u32>,
    /// With what it refused last, if it is to wait for the end of that.
    pub refused: Option<Reason>,
}

impl Question<'_> {
    /// Whether "nothing new" is an answer to it.
    fn may_be_held(&self) -> bool {
        self.tag.is_some() || self.refused.is_some()
    }
}

impl Operator {
    /// The operator that these settings point to.
    ///
    /// # Errors
    /// [`UntrustedCa`] when the settings' certificates cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, UntrustedCa> {
        let name = ServerName::try_from(settings.host.clone()).map_err(|_| UntrustedCa::Malformed)?;
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            name,
            tls: client_config(&settings.ca)?,
            token: settings.token.clone(),
            pod_uid: settings.pod_uid.clone(),
            vault_secrets: settings.vault_secrets.clone(),
            open: Mutex::default(),
        })
    }

    /// Trusts these certificates (PEM) from now on, instead of the ones before.
    ///
    /// # Errors
    /// [`UntrustedCa`] when they cannot be used; those before stay.
    pub fn trust(&mut self, ca: &str) -> Result<(), UntrustedCa> {
        self.tls = client_config(ca)?;
        // What was trusted before may not be any more.
        drop(self.opened());
        Ok(())
    }

    /// Asks for the variables.
    ///
    /// # Errors
    /// [`AskError`]
    pub async fn ask(&self, question: Question<'_>) -> Result<Answered, AskError> {
        let key = Ephemeral::make()?;
        let request = self.request(&key, question)?;
        let (mut connection, response) = self.exchange(request, question.wait_seconds).await?;
        let held = question.may_be_held();
        let answer = answer::read(response, &key, &self.pod_uid, &self.vault_secrets, held);
        let answer = within(EXCHANGE, answer).await?;
        if matches!(answer, Answered::Current { again: Some(after) } if after.is_zero())
            && within(EXCHANGE, connection.ready()).await.is_ok()
        {
            *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        }
        Ok(answer)
    }

    fn opened(&self) -> Option<Connection> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Sends on the connection that is open, or on a new one.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        wait_seconds: Option<u32>,
    ) -> Result<(Connection, Response<Incoming>), AskError> {
        if let Some(mut connection) = self.opened() {
            match Self::sent(&mut connection, request.clone(), wait_seconds).await {
                // The operator had closed it, and knows nothing of the request.
                Err(error) if error.is_unsent() => {}
                answer => return Ok((connection, answer?)),
            }
        }
        let connect = Connection::open(&self.host, self.port, &self.name, &self.tls);
        let mut connection = within(CONNECT, connect).await?;
        let answer = Self::sent(&mut connection, request, wait_seconds).await?;
        Ok((connection, answer))
    }

    async fn sent(
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
        wait_seconds: Option<u32>,
    ) -> Result<Response<Incoming>, AskError> {
        let wait = Duration::from_secs(wait_seconds.unwrap_or_default().into());
        let answer = within(EXCHANGE + wait, connection.send(request)).await;
        match answer {
            Err(error @ (AskError::Broken(_) | AskError::TimedOut)) if wait_seconds.is_some() => {
                Err(AskError::WentAway(Box::new(error)))
            }
            answer => answer,
        }
    }

    fn request(&self, key: &Ephemeral, question: Question<'_>) -> Result<Request<Full<Bytes>>, AskError> {
        let Question {
            tag,
            problem,
            wait_seconds,
            refused,
        } = question;
        let body = DeliverRequest {
            public_key: key.public(),
            vault_secrets: self.vault_secrets.clone(),
            tag: tag.map(str::to_owned),
            problem: problem.cloned(),
            wait_seconds,
            refused,
        };
        let body = serde_json::to_vec(&body).map_err(|_| AskError::Malformed("the question"))?;
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = http::Uri::from_static(DELIVER_PATH);
        let host = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        let host = HeaderValue::try_from(host).map_err(|_| AskError::Malformed("the host's name"))?;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, bearer(&self.token)?);
        Ok(request)
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
    tokio::time::timeout(time, work)
        .await
        .unwrap_or(Err(AskError::TimedOut))
}

/// The pod's token, read anew each time: kubelet replaces it before it expires.
fn bearer(path: &Path) -> Result<HeaderValue, AskError> {
    let failed = |source| AskError::Token {
        path: path.to_owned(),
        source,
    };
    let token = std::fs::read(path).map(SecretBytes::from).map_err(failed)?;
    let nonsense = || failed(io::ErrorKind::InvalidData.into());
    let token = SecretString::try_from(token).map_err(|_| nonsense())?;
    // EXPOSE: the token goes into the request's header, which is marked so that nothing prints it.
    let token = token.expose().trim();
    if token.is_empty() || token.len() > TOKEN_LIMIT {
        return Err(nonsense());
    }
    let header = Zeroizing::new(format!("Bearer {token}"));
    let mut header = HeaderValue::try_from(header.as_str()).map_err(|_| nonsense())?;
    header.set_sensitive(true);
    Ok(header)
}
