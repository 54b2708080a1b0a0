//! A Kubernetes API of objects in memory, as far as the operator asks for one: load equipment, not under test.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;

use crate::connection::Authority;
use crate::pods::{self, Pod};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Changes that a watch may be behind.
const BACKLOG: usize = 4096;

/// The API; cheap to clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changes: broadcast::Sender<(String, Bytes)>,
    /// What every pod looks like; see [`Pod::written`].
    pod: OnceLock<String>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    version: u64,
}

struct Object {
    value: Value,
    /// The same, written once.
    json: Bytes,
}

/// A path without its query, taken apart.
enum Place<'a> {
    /// The group and version of a collection, the namespace if it is of one, and the plural.
    Collection(&'a str, Option<&'a str>, &'a str),
    Object(&'a str),
    Status(&'a str),
}

impl Api {
    /// Listens, and answers from now on.
    pub(crate) async fn start(authority: &Authority) -> Result<(Self, SocketAddr)> {
        let api = Self(Arc::new(Inner {
            state: Mutex::default(),
            changes: broadcast::Sender::new(BACKLOG),
            pod: OnceLock::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(authority.server("127.0.0.1", &[b"http/1.1"])?);
        let served = api.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (api, acceptor) = (served.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let _delayed = tcp.set_nodelay(true);
                    let Ok(tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let service = service_fn(move |request| {
                        let api = api.clone();
                        async move { Ok::<_, Infallible>(api.answer(request).await) }
                    });
                    // How a connection ends is its client's business.
                    let _ended = http1::Builder::new()
                        .serve_connection(TokioIo::new(tls), service)
                        .await;
                });
            }
        });
        Ok((api, address))
    }

    /// An object; `None` when there is none at this path.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.objects.get(path).map(|object| object.value.clone())
    }

    /// Puts an object at its path; watches are told.
    pub(crate) fn put(&self, path: &str, mut value: Value) -> Bytes {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.version += 1;
        let version = state.version.to_string();
        let kind = if state.objects.contains_key(path) {
            "MODIFIED"
        } else {
            "ADDED"
        };
        if value["metadata"]["uid"].is_null() {
            value["metadata"]["uid"] = json!(format!("00000000-0000-4000-9000-{version:0>12}"));
        }
        value["metadata"]["resourceVersion"] = json!(version);
        let json = Bytes::from(value.to_string());
        let change = json!({"type": kind, "object": value}).to_string() + "\n";
        let object = Object {
            value,
            json: json.clone(),
        };
        state.objects.insert(path.to_owned(), object);
        // An error only when nobody watches.
        let _told = self.0.changes.send((path.to_owned(), change.into()));
        json
    }

    /// Has every pod exist, in this form.
    pub(crate) fn put_pods(&self, form: &Value) {
        self.0.pod.get_or_init(|| form.to_string());
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return failure(400);
        };
        let (body, path) = (body.to_bytes(), parts.uri.path());
        let query = parts.uri.query().unwrap_or_default();
        if parts.method == Method::POST && path.ends_with("/tokenreviews") {
            return review(&body);
        }
        if path == "/version" {
            return written(200, json!({"major": "1", "minor": "37"}).to_string().into());
        }
        let kind = parts
            .headers
            .get("content-type")
            .map_or(&b""[..], |kind| kind.as_bytes());
        match (&parts.method, place(path)) {
            (&Method::GET, Place::Collection(..)) if query.contains("watch=") => self.watch(path),
            (&Method::GET, Place::Collection(..)) => self.list(path),
            (&Method::GET, Place::Object(path) | Place::Status(path)) => self.read(path),
            (&Method::POST, Place::Collection(..)) => self.create(path, &body),
            (&Method::PATCH, Place::Object(path)) => self.patch(path, false, kind, &body),
            (&Method::PATCH, Place::Status(path)) => self.patch(path, true, kind, &body),
            _ => failure(405),
        }
    }

    fn read(&self, path: &str) -> Response<Body> {
        if let (Some(pod), Some(form)) = (Pod::at(path), self.0.pod.get()) {
            return written(200, pod.written(form).into());
        }
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = state.objects.get(path).map(|object| object.json.clone());
        drop(state);
        found.map_or_else(|| failure(404), |json| written(200, json))
    }

    fn list(&self, path: &str) -> Response<Body> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let all = state.objects.iter().filter(|(other, _)| is_in(other, path));
        let items: Vec<_> = all.map(|(_, object)| object.value.clone()).collect();
        let version = state.version.to_string();
        drop(state);
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items});
        written(200, list.to_string().into())
    }

    /// All changes from now on; none before, as objects are made one after another.
    fn watch(&self, path: &str) -> Response<Body> {
        let (changes, path) = (self.0.changes.subscribe(), path.to_owned());
        let changes = futures::stream::unfold(changes, async |mut changes| {
            let change = changes.recv().await.ok()?;
            Some((change, changes))
        });
        let frames = changes.filter_map(move |(other, change)| {
            let frame = is_in(&other, &path).then(|| Ok(Frame::data(change)));
            std::future::ready(frame)
        });
        Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)))
    }

    fn create(&self, path: &str, body: &[u8]) -> Response<Body> {
        let Ok(object) = serde_json::from_slice::<Value>(body) else {
            return failure(400);
        };
        if path.ends_with("/events") || path.ends_with("reviews") {
            return written(201, Bytes::copy_from_slice(body));
        }
        let path = format!(
            "{path}/{}",
            object["metadata"]["name"].as_str().unwrap_or_default()
        );
        if self.get(&path).is_some() {
            return failure(409);
        }
        written(201, self.put(&path, object))
    }

    fn patch(&self, path: &str, of_status: bool, kind: &[u8], body: &[u8]) -> Response<Body> {
        let Ok(mut patch) = serde_json::from_slice::<Value>(body) else {
            return failure(400);
        };
        let mut object = self.get(path).unwrap_or(Value::Null);
        if kind.starts_with(b"application/json-patch") {
            let Ok(patch) = serde_json::from_value::<json_patch::Patch>(patch) else {
                return failure(400);
            };
            if json_patch::patch(&mut object, &patch).is_err() {
                return failure(422);
            }
        } else if of_status {
            object["status"] = patch["status"].take();
        } else {
            // Nothing is taken back here, so what one applies is merged.
            json_patch::merge(&mut object, &patch);
        }
        written(200, self.put(path, object))
    }
}

fn place(path: &str) -> Place<'_> {
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let from = if path.starts_with("/apis/") { 3 } else { 2 };
    let end = parts.iter().take(from).map(|part| part.len() + 1).sum();
    let group = path.get(..end).unwrap_or(path);
    match parts.get(from..).unwrap_or_default() {
        [plural] => Place::Collection(group, None, plural),
        ["namespaces", namespace, plural] => Place::Collection(group, Some(namespace), plural),
        [.., "status"] => Place::Status(path.trim_end_matches("/status")),
        _ => Place::Object(path),
    }
}

/// Whether an object at this path is in the collection at that one.
fn is_in(object: &str, collection: &str) -> bool {
    let Some((parent, _)) = object.rsplit_once('/') else {
        return false;
    };
    match (place(parent), place(collection)) {
        (Place::Collection(group, namespace, plural), Place::Collection(wanted, of, all)) => {
            group == wanted && plural == all && (of.is_none() || of == namespace)
        }
        _ => false,
    }
}

fn review(body: &[u8]) -> Response<Body> {
    let pod = Pod::of_review(body);
    let status = pod.map_or_else(|| json!({"authenticated": false}), pods::reviewed);
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}, "spec": {}, "status": status});
    written(201, review.to_string().into())
}

fn failure(code: u16) -> Response<Body> {
    let reason = if code == 404 { "NotFound" } else { "Refused" };
    let status =
        json!({"kind": "Status", "status": "Failure", "code": code, "message": "", "reason": reason});
    written(code, status.to_string().into())
}

fn written(code: u16, json: Bytes) -> Response<Body> {
    let mut response = Response::new(BodyExt::boxed_unsync(Full::new(json)));
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", kind);
    response
}
