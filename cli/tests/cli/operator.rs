//! An API server with an operator behind it, both scripted: it remembers objects and answers requests by a script.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use splitvault_crypto::sealing::{Context, PublicKey};

use crate::program::{Output, Place};

/// What was asked of it: method, path, body.
pub(crate) type Asked = (String, String, Value);

#[derive(Default)]
struct State {
    /// What each look at the request shows, the last one again and again.
    statuses: VecDeque<Value>,
    /// The VaultSecret, if there is one.
    secret: Option<Value>,
    /// The refusal of a new request.
    refusal: Option<(u16, &'static str)>,
    may: bool,
    /// Whether the webhook is not there to write down who asks.
    unstamped: bool,
    /// What the operator seals to the request's key.
    answer: Option<Value>,
    request: Value,
    asked: Vec<Asked>,
    /// Other objects, by their path.
    objects: BTreeMap<String, Value>,
    /// Parts of paths that may not be read.
    forbidden: Vec<&'static str>,
}

/// The scripted API server, and a place with a kubeconfig for it.
pub(crate) struct Operator {
    state: Arc<Mutex<State>>,
    pub(crate) place: Place,
    pub(crate) kubeconfig: String,
}

impl Operator {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &shared);
            }
        });
        let place = Place::new();
        let kubeconfig = place.file("config", config(&url));
        Self {
            state,
            place,
            kubeconfig,
        }
    }

    /// What the request's status is at each look.
    pub(crate) fn statuses(self, statuses: impl IntoIterator<Item = Value>) -> Self {
        self.state.lock().unwrap().statuses = statuses.into_iter().collect();
        self
    }

    pub(crate) fn secret(self, spec: Value, status: Value) -> Self {
        self.state.lock().unwrap().secret = Some(json!({
            "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1", "labels": {"team": "a"}},
            "spec": spec, "status": status,
        }));
        self
    }

    /// What is at this path.
    pub(crate) fn object(self, path: &str, object: Value) -> Self {
        self.state.lock().unwrap().objects.insert(path.to_owned(), object);
        self
    }

    /// Forbids whatever has this in its path.
    pub(crate) fn forbids(self, part: &'static str) -> Self {
        self.state.lock().unwrap().forbidden.push(part);
        self
    }

    pub(crate) fn refuses(self, code: u16, message: &'static str) -> Self {
        self.state.lock().unwrap().refusal = Some((code, message));
        self
    }

    /// Takes requests without writing down who asks, as where the webhook is missing.
    pub(crate) fn without_webhook(self) -> Self {
        self.state.lock().unwrap().unstamped = true;
        self
    }

    /// Answers this, sealed to the key that the request names.
    pub(crate) fn answers(self, answer: Value) -> Self {
        self.state.lock().unwrap().answer = Some(answer);
        self
    }

    pub(crate) fn lets(self) -> Self {
        self.state.lock().unwrap().may = true;
        self
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let with = [arguments, &["--kubeconfig", &self.kubeconfig]].concat();
        self.place.run(&with)
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// The request that was made, with where.
    pub(crate) fn created(&self) -> (String, Value) {
        let asked = self.asked();
        let post = asked.into_iter().find(|(method, ..)| method == "POST").unwrap();
        (post.1, post.2["spec"].clone())
    }
}

fn config(url: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "shop"}}],
    })
    .to_string()
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let mut words = head[0].split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (code, answer) = state.lock().unwrap().answer(&method, &path, body);
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {code} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    // A program that was interrupted does not listen any more.
    drop(stream.write_all(&[head.as_bytes(), answer.as_bytes()].concat()));
}

impl State {
    fn answer(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let path = path.split('?').next().unwrap().to_owned();
        self.asked.push((method.to_owned(), path.clone(), body.clone()));
        if self.forbidden.iter().any(|part| path.contains(part)) {
            return failure(403, "not for you");
        }
        if let Some(object) = self.objects.get(&path) {
            return (200, object.clone());
        }
        // As far as nothing is there.
        if path.contains("/pods/") || path.contains("/events") || path.contains("webhookconfigurations") {
            return failure(404, "not found");
        }
        if path.ends_with("/selfsubjectaccessreviews") {
            let mut answer = body;
            answer["status"] = json!({"allowed": self.may});
            return (201, answer);
        }
        if path.contains("/vaultsecrets/") {
            return match &self.secret {
                Some(secret) => (200, secret.clone()),
                None => failure(404, "vaultsecrets.splitvault.dev \"web\" not found"),
            };
        }
        match (method, self.refusal) {
            ("POST", Some((code, message))) => failure(code, message),
            ("POST", None) => {
                let namespace = path.split('/').nth(5).unwrap();
                self.request = body;
                self.request["metadata"]["namespace"] = json!(namespace);
                self.request["metadata"]["uid"] = json!("r-1");
                if !self.unstamped {
                    self.request["spec"]["requester"] = json!({
                        "username": "anna", "time": "2026-01-01T00:00:00Z", "nonce": "0".repeat(32), "mac": "0".repeat(64),
                    });
                }
                (201, self.request.clone())
            }
            ("GET", _) => {
                let next = self.statuses.pop_front().unwrap_or_default();
                if self.statuses.is_empty() {
                    self.statuses.push_back(next.clone());
                }
                if next == json!("gone") {
                    return failure(404, "not found");
                }
                let mut object = self.request.clone();
                if let Some(answer) = &self.answer {
                    let key: PublicKey = object["spec"]["publicKey"].as_str().unwrap().parse().unwrap();
                    let context = Context::Answer { request_uid: "r-1" };
                    let sealed = key.seal(&context, answer.to_string().as_bytes()).unwrap();
                    object["status"] = status("Done", "answered", json!({"answer": STANDARD.encode(sealed)}));
                } else if !next.is_null() {
                    object["status"] = next;
                }
                (200, object)
            }
            _ => (200, self.request.clone()),
        }
    }
}

fn failure(code: u16, message: &str) -> (u16, Value) {
    let reason = if code == 404 { "NotFound" } else { "Said" };
    let status = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code});
    (code, status)
}

/// A status with this reason and sentence.
pub(crate) fn status(reason: &str, message: &str, more: Value) -> Value {
    let (complete, failed) = match reason {
        "Done" => ("True", "False"),
        "Progressing" | "Unavailable" => ("False", "False"),
        _ => ("False", "True"),
    };
    let condition = |kind: &str, status: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let mut status = json!({"conditions": [condition("Complete", complete), condition("Failed", failed)]});
    let fields = more.as_object().cloned().unwrap_or_default();
    status.as_object_mut().unwrap().extend(fields);
    status
}
