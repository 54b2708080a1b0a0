//! Reviews in, answers out, against a scripted API server.

use std::convert::Infallible;
use std::sync::Mutex;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Request, header};
use http_body_util::BodyExt;
use kube::Client;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::fixture::TestKey;
use crate::inject::Names;

/// What the cluster holds for one test, and what was asked of it.
#[derive(Clone)]
struct Cluster {
    objects: Arc<Vec<Value>>,
    version: Option<&'static str>,
    /// Of each page of nodes, the versions of their kubelets. Without any, nodes may not be listed.
    nodes: Vec<&'static [&'static str]>,
    environment_files: Option<bool>,
    names: Result<Option<Vec<String>>, Unavailable>,
    asked: Arc<Mutex<Vec<String>>>,
    images: Option<Images>,
    /// What was asked for; without one nothing is remembered.
    latest: Option<Latest>,
    /// What every request for a Secret is answered.
    secret: (u16, Value),
    consent: Consent,
}

impl Cluster {
    fn new(objects: Vec<Value>) -> Self {
        Self {
            objects: Arc::new(objects),
            version: Some("37"),
            nodes: vec![&["v1.37.2"]],
            environment_files: None,
            names: Ok(Some(vec!["GREETING".to_owned()])),
            asked: Arc::default(),
            images: None,
            latest: None,
            secret: (404, Value::Null),
            consent: Consent::to(["shop:vault".parse().unwrap()]),
        }
    }

    fn answer(&self, path: &str, query: &str) -> (u16, Value) {
        self.asked.lock().unwrap().push(path.to_owned());
        if path == "/version" {
            return match self.version {
                Some(minor) => (200, version(minor)),
                None => (
                    500,
                    json!({"kind": "Status", "status": "Failure", "code": 500, "message": "", "reason": ""}),
                ),
            };
        }
        if path == "/api/v1/nodes" {
            return match self.nodes.is_empty() {
                false => (200, self.table(query)),
                true => (
                    403,
                    json!({"kind": "Status", "status": "Failure", "code": 403, "message": "", "reason": "Forbidden"}),
                ),
            };
        }
        if path.contains("/secrets/") {
            return self.secret.clone();
        }
        let found = self.objects.iter().find(|object| {
            let metadata = &object["metadata"];
            let (namespace, name) = (&metadata["namespace"], &metadata["name"]);
            let (namespace, name) = (namespace.as_str().unwrap(), name.as_str().unwrap());
            path == format!("/apis/splitvault.dev/v1alpha1/namespaces/{namespace}/vaultsecrets/{name}")
        });
        match found {
            Some(object) => (200, object.clone()),
            None => (
                404,
                json!({"kind": "Status", "status": "Failure", "code": 404, "message": "", "reason": "NotFound"}),
            ),
        }
    }

    /// A page of nodes, as the API server prints tables.
    fn table(&self, query: &str) -> Value {
        let page = query
            .split_once("continue=")
            .map_or(0, |(_, page)| page.parse().unwrap());
        let rows: Vec<_> = self.nodes[page]
            .iter()
            .map(|version| json!({"cells": ["node", "Ready", version]}))
            .collect();
        let more = if page + 1 < self.nodes.len() {
            (page + 1).to_string()
        } else {
            String::new()
        };
        let columns = json!([{"name": "Name"}, {"name": "Status"}, {"name": "Version"}]);
        json!({"kind": "Table", "metadata": {"continue": more}, "columnDefinitions": columns, "rows": rows})
    }

    fn client(&self) -> Client {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (code, body) =
                cluster.answer(request.uri().path(), request.uri().query().unwrap_or_default());
            let response = http::Response::builder()
                .status(code)
                .body(kube::client::Body::from(body.to_string().into_bytes()));
            async move { Ok::<_, Infallible>(response.unwrap()) }
        });
        Client::new(service, "default")
    }

    fn router(&self) -> Router {
        router(WebhookState {
            client: self.client(),
            latest: self.latest.clone().unwrap_or_else(|| Latest::new(self.client())),
            names: Arc::new(self.clone()),
            images: self.images.clone(),
            config: Arc::new(InjectConfig {
                image: "sidecar:1".to_owned(),
                pull_policy: "IfNotPresent".to_owned(),
                operator_url: "https://operator:8443".to_owned(),
                log_level: "info".to_owned(),
                environment_files: self.environment_files,
            }),
            ca: Arc::new(ArcSwap::from_pointee("PEM".to_owned())),
            stamps: stamps(),
            namespace: "splitvault-system".to_owned(),
            consent: self.consent.clone(),
            metrics: Metrics::new(),
        })
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> (StatusCode, Vec<u8>) {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into());
        let response = self.router().oneshot(request.unwrap()).await.unwrap();
        let status = response.status();
        (
            status,
            response.into_body().collect().await.unwrap().to_bytes().to_vec(),
        )
    }

    /// The response of the answer to a review.
    async fn review(&self, path: &str, review: &Value) -> Value {
        let (status, body) = self.post(path, review.to_string()).await;
        assert_eq!(status, StatusCode::OK);
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&answer["apiVersion"], &answer["kind"]),
            (&json!("admission.k8s.io/v1"), &json!("AdmissionReview"))
        );
        assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
        answer["response"].clone()
    }

    async fn admit(&self, pod: &Value) -> Value {
        self.review("/mutate-pods", &review("CREATE", pod, &Value::Null))
            .await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl ExposedNames for Cluster {
    async fn names(&self, uid: &str) -> Result<Option<Names>, Unavailable> {
        assert_eq!(uid, "uid-web");
        let exposed =
            |names: Vec<String>| Names::Exposed(names.iter().map(|name| name.as_str().into()).collect());
        self.names.clone().map(|names| names.map(exposed))
    }
}

fn version(minor: &str) -> Value {
    json!({"major": "1", "minor": minor, "gitVersion": "", "gitCommit": "", "gitTreeState": "", "buildDate": "",
        "goVersion": "", "compiler": "", "platform": ""})
}

fn review(operation: &str, object: &Value, old: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "review-1", "operation": operation, "namespace": "shop", "object": object, "oldObject": old,
        "kind": {"group": "", "version": "v1", "kind": "Pod"}, "userInfo": {"username": "alice"}, "dryRun": false}})
}

fn pod(command: bool) -> Value {
    let mut container = json!({"name": "app", "image": "example/app:1"});
    if command {
        container["command"] = json!(["app"]);
    }
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "web-", "annotations": {"splitvault.dev/inject": "web"}},
        "spec": {"serviceAccountName": "web", "containers": [container]}})
}

fn web(expose: bool) -> Value {
    json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
        "metadata": {"name": "web", "namespace": "shop", "uid": "uid-web", "generation": 2},
        "spec": {"generate": [{"name": "GREETING"}], "exposeNames": expose},
        "status": {"observedGeneration": 2}})
}

/// The pod after the answer's patch.
fn patched(pod: &Value, response: &Value) -> Value {
    assert_eq!(
        (&response["allowed"], &response["patchType"]),
        (&json!(true), &json!("JSONPatch"))
    );
    let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
    let mut pod = pod.clone();
    json_patch::patch(&mut pod, &patch).unwrap();
    pod
}

fn refusal(response: &Value) -> (u64, String) {
    assert_eq!(
        (&response["allowed"], &response["patch"]),
        (&json!(false), &Value::Null)
    );
    let status = &response["status"];
    (
        status["code"].as_u64().unwrap(),
        status["message"].as_str().unwrap().to_owned(),
    )
}

/// A stamp key that is the same for all tests.
fn stamps() -> Arc<dyn StampKey> {
    Arc::new(TestKey)
}

mod images;
mod log;
mod pods;
mod reviews;
mod vaultrequests;
mod vaultsecrets;
