//! What tests share: an API server in memory that remembers what it was asked, and a vault over two files.

mod log;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, Uri};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use splitvault_crypto::{DigestKey, FileKek, Names, SecretBytes, SecretString, Values};
use splitvault_values::ValueStore;
use splitvault_values::sqlite::SqliteValues;
use splitvault_vault::{Keks, SqliteKeys, Vault};

use crate::requests::StampKey;
pub(crate) use log::Log;

/// The API server; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    refused: BTreeMap<String, u16>,
    lagging: BTreeMap<String, Value>,
    following: BTreeMap<String, Value>,
    tokens: BTreeMap<String, Value>,
    events: Vec<Value>,
    asked: Vec<String>,
    /// Writes until everything ends.
    left: Option<usize>,
    allowed: Vec<Value>,
    /// Objects that got a UID here.
    made: usize,
}

impl Server {
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                // As over a network: others get their turn between two requests.
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(server.answer(request).await)
            }
        });
        Client::new(service, "default")
    }

    /// Puts an object at its path, or takes it away.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().objects.insert(path.to_owned(), object);
    }

    pub(crate) fn take(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.remove(path)
    }

    pub(crate) fn object(&self, path: &str) -> Value {
        self.0
            .lock()
            .unwrap()
            .objects
            .get(path)
            .cloned()
            .unwrap_or_default()
    }

    /// Has every request for this path end with this status.
    pub(crate) fn refuse(&self, path: &str, status: u16) {
        self.0.lock().unwrap().refused.insert(path.to_owned(), status);
    }

    /// Has every request after so many more writes fail.
    pub(crate) fn cut_after(&self, writes: usize) {
        self.0.lock().unwrap().left = Some(writes);
    }

    pub(crate) fn relent(&self) {
        let mut state = self.0.lock().unwrap();
        state.refused.clear();
        state.left = None;
    }

    /// Has the cache answer this where any version will do.
    pub(crate) fn lag(&self, path: &str, object: Value) {
        self.0.lock().unwrap().lagging.insert(path.to_owned(), object);
    }

    /// Has a list go on with this page.
    pub(crate) fn follow(&self, path: &str, page: Value) {
        self.0.lock().unwrap().following.insert(path.to_owned(), page);
    }

    /// What the review of this token answers.
    pub(crate) fn token(&self, token: &str, status: Value) {
        self.0.lock().unwrap().tokens.insert(token.to_owned(), status);
    }

    /// Lets this user have `verb` done, whatever it is about; takes that back with `false`.
    pub(crate) fn allow(&self, user: &str, verb: &str, may: bool) {
        let pair = json!([user, verb]);
        let allowed = &mut self.0.lock().unwrap().allowed;
        allowed.retain(|other| *other != pair);
        if may {
            allowed.push(pair);
        }
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap().events)
    }

    /// `METHOD path` of all requests since the last call, with `?resourceVersion=` where one was given.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let kind = parts
            .headers
            .get("content-type")
            .map_or("", |kind| kind.to_str().unwrap())
            .to_owned();
        let (status, answer) = self
            .0
            .lock()
            .unwrap()
            .handle(&parts.method, &parts.uri, &kind, body);
        let answer = Body::from(answer.to_string().into_bytes());
        Response::builder().status(status).body(answer).unwrap()
    }
}

impl State {
    fn handle(&mut self, method: &Method, uri: &Uri, kind: &str, body: Value) -> (u16, Value) {
        let path = uri.path();
        let mut options = uri.query().unwrap_or_default().split('&');
        let version = options.find(|option| option.starts_with("resourceVersion="));
        let version = version.map(|version| format!("?{version}")).unwrap_or_default();
        self.asked.push(format!("{method} {path}{version}"));
        if let Some(status) = self.refused.get(path) {
            return failure(*status);
        }
        match &mut self.left {
            Some(0) => return failure(503),
            Some(left) if method != Method::GET => *left -= 1,
            _ => {}
        }
        match *method {
            Method::GET if version == "?resourceVersion=0" && self.lagging.contains_key(path) => {
                (200, self.lagging[path].clone())
            }
            Method::GET if uri.query().unwrap_or_default().contains("continue=") => {
                (200, self.following[path].clone())
            }
            Method::GET => self
                .objects
                .get(path)
                .map_or_else(|| failure(404), |found| (200, found.clone())),
            Method::POST => self.create(path, body),
            Method::PATCH if kind.contains("json-patch") => self.patch(path, body),
            Method::PATCH if kind.contains("merge-patch") => self.swap(path, body),
            Method::PATCH => self.apply(path, &body),
            Method::DELETE => self.delete(path, &body),
            _ => failure(405),
        }
    }

    fn create(&mut self, path: &str, mut body: Value) -> (u16, Value) {
        if path.ends_with("/events") {
            self.events.push(body.clone());
            return (201, body);
        }
        if path.ends_with("/tokenreviews") {
            assert_eq!(
                body["spec"]["audiences"],
                json!(["splitvault"]),
                "our own audience must be sent"
            );
            let token = body["spec"]["token"].as_str().unwrap();
            body["status"] = self
                .tokens
                .get(token)
                .cloned()
                .unwrap_or(json!({"authenticated": false}));
            return (201, body);
        }
        if path.ends_with("/subjectaccessreviews") {
            let spec = &body["spec"];
            let pair = json!([spec["user"], spec["resourceAttributes"]["verb"]]);
            body["status"] = json!({"allowed": self.allowed.contains(&pair)});
            return (201, body);
        }
        let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
        if self.objects.contains_key(&path) {
            return failure(409);
        }
        body["metadata"]["resourceVersion"] = json!("1");
        if body["metadata"]["uid"].is_null() {
            self.made += 1;
            body["metadata"]["uid"] = json!(format!("made-{}", self.made));
        }
        self.objects.insert(path, body.clone());
        (201, body)
    }

    fn apply(&mut self, path: &str, body: &Value) -> (u16, Value) {
        let (path, of_status) = path
            .strip_suffix("/status")
            .map_or((path, false), |path| (path, true));
        let uid = &body["metadata"]["uid"];
        let object = self
            .objects
            .entry(path.to_owned())
            .or_insert_with(|| json!({"metadata": {"resourceVersion": "0"}}));
        if !uid.is_null() && *uid != object["metadata"]["uid"] {
            return failure(409);
        }
        if of_status {
            object["status"] = body["status"].clone();
        } else {
            merge(object, body);
        }
        (200, object.clone())
    }

    /// RFC 7386, under the API server's optimistic lock.
    fn swap(&mut self, path: &str, body: Value) -> (u16, Value) {
        let Some(object) = self.objects.get_mut(path) else {
            return failure(404);
        };
        let version = object["metadata"]["resourceVersion"].clone();
        let wanted = &body["metadata"]["resourceVersion"];
        if !wanted.is_null() && *wanted != version {
            return failure(409);
        }
        json_patch::merge(object, &body);
        let number: u64 = version.as_str().unwrap().parse().unwrap();
        object["metadata"]["resourceVersion"] = json!((number + 1).to_string());
        (200, object.clone())
    }

    fn delete(&mut self, path: &str, body: &Value) -> (u16, Value) {
        let uid = &body["preconditions"]["uid"];
        match self.objects.get(path) {
            None => failure(404),
            Some(found) if !uid.is_null() && *uid != found["metadata"]["uid"] => failure(409),
            Some(_) => (200, self.objects.remove(path).unwrap_or_default()),
        }
    }

    fn patch(&mut self, path: &str, body: Value) -> (u16, Value) {
        let Some(object) = self.objects.get_mut(path) else {
            return failure(404);
        };
        let patch: json_patch::Patch = serde_json::from_value(body).unwrap();
        if json_patch::patch(object, &patch).is_err() {
            return failure(422);
        }
        let object = object.clone();
        let held = object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|finalizers| !finalizers.is_empty());
        if !held && !object["metadata"]["deletionTimestamp"].is_null() {
            self.objects.remove(path);
        }
        (200, object)
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn failure(code: u16) -> (u16, Value) {
    // kube tells a missing object by the reason, not by the code.
    let reason = if code == 404 { "NotFound" } else { "Test" };
    (
        code,
        json!({"kind": "Status", "status": "Failure", "code": code, "message": "", "reason": reason}),
    )
}

/// A vault over two files, and its value store.
pub(crate) struct Stores {
    /// Holds both files as long as they are used.
    directory: tempfile::TempDir,
    keks: [SecretString; 2],
    pub(crate) vault: Arc<Vault>,
    pub(crate) values: Arc<dyn ValueStore>,
}

impl Stores {
    /// Another process's view of the same.
    pub(crate) async fn another(&self) -> Vault {
        open(&self.directory, Arc::clone(&self.values), &self.keks).await
    }
}

pub(crate) async fn stores() -> Stores {
    let directory = tempfile::tempdir().unwrap();
    let values = SqliteValues::open(&directory.path().join("values.db"))
        .await
        .unwrap();
    stores_over(directory, Arc::new(values)).await
}

/// A vault over this value store.
pub(crate) async fn stores_over(directory: tempfile::TempDir, values: Arc<dyn ValueStore>) -> Stores {
    let keks = [
        FileKek::<Names>::make().unwrap().to_text(),
        FileKek::<Values>::make().unwrap().to_text(),
    ];
    Stores {
        vault: Arc::new(open(&directory, Arc::clone(&values), &keks).await),
        directory,
        keks,
        values,
    }
}

async fn open(directory: &tempfile::TempDir, values: Arc<dyn ValueStore>, keks: &[SecretString; 2]) -> Vault {
    let keys = SqliteKeys::open(&directory.path().join("keys.db")).await.unwrap();
    let [names, of_values] = keks;
    let keks = Keks {
        names: FileKek::parse(names.expose().as_bytes()).unwrap().into(),
        values: FileKek::parse(of_values.expose().as_bytes()).unwrap().into(),
    };
    Vault::open(Arc::new(keys), values, keks).await.unwrap()
}

/// A key that is always the same.
pub(crate) struct TestKey;

impl TestKey {
    fn key() -> DigestKey {
        DigestKey::try_from(SecretBytes::copy_of(&[7; 32])).unwrap()
    }
}

impl StampKey for TestKey {
    fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        Self::key().mac(&[&[label.as_bytes()], parts].concat())
    }

    fn verify_mac(&self, label: &str, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        Self::key().verify(&[&[label.as_bytes()], parts].concat(), mac)
    }
}
