//! Requests in, answers out, against a scripted API server and a real vault.

mod access;
mod crowded;
mod latest;
mod picks;
mod refusals;
mod refused;
mod trail;
mod waiters;
mod waits;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use splitvault_crypto::SecretString;
use splitvault_crypto::sealing::{Algorithm, Context, KeyPair};
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_vault::SourceDigestInput;
use splitvault_wire::Delivery;
use tower::ServiceExt as _;

use super::*;
use crate::controller;
use crate::fixture::{Server, Stores, stores};

const POD: &str = "/api/v1/namespaces/shop/pods/web-1";
const WEB: &str = "/apis/splitvault.dev/v1alpha1/namespaces/shop/vaultsecrets/web";
const CANARY: &str = "CANARYtiger";

struct World {
    server: Server,
    latest: Latest,
    stores: Stores,
    router: Router,
    bundle: Arc<ArcSwap<String>>,
    trusted: watch::Sender<()>,
    board: Board,
    shutdown: CancellationToken,
    metrics: Metrics,
    key: KeyPair,
}

fn review(pod: &str, uid: &str, audience: &str, account: &str) -> Value {
    json!({
        "authenticated": true,
        "audiences": [audience],
        "user": {
            "username": format!("system:serviceaccount:shop:{account}"),
            "extra": {"authentication.kubernetes.io/pod-name": [pod], "authentication.kubernetes.io/pod-uid": [uid]},
        },
    })
}

fn pod(uid: &str, account: &str, inject: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "uid": uid, "annotations": {"splitvault.dev/inject": inject}},
        "spec": {"serviceAccountName": account, "containers": []},
        "status": {"phase": "Pending"},
    })
}

/// VaultSecret `web` of this UID, for ServiceAccount `web` only, with one variable that is stored.
async fn stored(stores: &Stores, uid: &str, value: &str) -> Value {
    let variable = Variable {
        name: Name::parse("TIGERKEY").unwrap(),
        value: SecretString::copy_of(value),
        comment: None,
    };
    let dotenv = Dotenv::from_variables(vec![variable]).unwrap();
    let written = stores
        .vault
        .write(uid, &dotenv, &SourceDigestInput(b""), &[], 5)
        .await
        .unwrap();
    let digest: String = written.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
        "metadata": {"name": "web", "namespace": "shop", "uid": uid, "generation": 1},
        "spec": {"generate": [{"name": "A"}], "access": {"serviceAccounts": ["web"]}},
        "status": {"observedGeneration": 1, "revision": 1, "digest": digest},
    })
}

/// A pod `web-1` that asks for `web`, which is stored and ready, for ServiceAccount `web` only.
async fn world() -> World {
    let (server, stores) = (Server::default(), stores().await);
    server.put(WEB, stored(&stores, "v-1", CANARY).await);
    server.put(POD, pod("u-1", "web", "web"));
    server.token("good", review("web-1", "u-1", "splitvault", "web"));
    let (suspicions, _) = controller::suspicions();
    let bundle = Arc::new(ArcSwap::from_pointee("PEM".to_owned()));
    let latest = Latest::new(server.client());
    let (trusted, board, shutdown) = (watch::Sender::new(()), Board::default(), CancellationToken::new());
    let deliveries = Deliveries {
        client: server.client(),
        latest: latest.clone(),
        vault: Arc::clone(&stores.vault),
        events: Arc::new(Events::new(server.client(), None)),
        metrics: Metrics::new(),
        bundle: Arc::clone(&bundle),
        trusted: trusted.subscribe(),
        suspicions,
        consent: Consent::to(["team-b:shop".parse().unwrap()]),
        board: board.clone(),
        shutdown: shutdown.clone(),
    };
    let metrics = deliveries.metrics.clone();
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    World {
        server,
        latest,
        stores,
        router: router(deliveries),
        bundle,
        trusted,
        board,
        shutdown,
        metrics,
        key,
    }
}

impl World {
    async fn response(&self, token: Option<&str>, body: Vec<u8>) -> Response {
        let mut request = http::Request::post(DELIVER_PATH);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.answer(request.body(Body::from(body)).unwrap()).await
    }

    async fn answer(&self, request: Request) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    fn request(&self, tag: Option<&str>) -> Vec<u8> {
        let request = DeliverRequest {
            wait_seconds: None,
            refused: None,
            public_key: self.key.public().to_bytes(),
            vault_secrets: vec!["web".to_owned()],
            tag: tag.map(str::to_owned),
            problem: None,
        };
        serde_json::to_vec(&request).unwrap()
    }

    async fn send(&self, token: Option<&str>, body: Vec<u8>) -> (u16, Vec<u8>) {
        let answer = self.response(token, body).await;
        let status = answer.status().as_u16();
        (
            status,
            answer.into_body().collect().await.unwrap().to_bytes().to_vec(),
        )
    }

    async fn ask(&self, token: &str, tag: Option<&str>) -> (u16, Vec<u8>) {
        self.send(Some(token), self.request(tag)).await
    }

    async fn delivered(&self, tag: Option<&str>) -> DeliverResponse {
        let (status, body) = self.ask("good", tag).await;
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    fn open(&self, answer: &DeliverResponse) -> Delivery {
        let context = Context::Delivery { pod_uid: "u-1" };
        let plaintext = self.key.open(&context, &answer.sealed).unwrap();
        Delivery::from_json(plaintext.expose()).unwrap()
    }

    async fn refused(&self, token: &str) -> Reason {
        let (status, body) = self.ask(token, None).await;
        let error: DeliverError = serde_json::from_slice(&body).unwrap();
        assert_eq!(status, error.reason.status());
        assert!(!error.message.contains("TIGER"), "{}", error.message);
        error.reason
    }
}

#[tokio::test]
async fn a_pod_gets_its_variables_sealed_to_its_key_and_uid() {
    let world = world().await;
    let (status, body) = world.ask("good", None).await;
    assert_eq!(status, 200);
    assert!(!String::from_utf8_lossy(&body).contains("TIGER"));
    let answer: DeliverResponse = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer.ca_bundle, "PEM");
    assert!(
        world
            .key
            .open(&Context::Delivery { pod_uid: "u-2" }, &answer.sealed)
            .is_err()
    );
    let delivery = world.open(&answer);
    let environment = &delivery.environments[0];
    assert_eq!((&*environment.name, environment.revision), ("web", 1));
    let variable = &environment.variables[0];
    assert_eq!(
        (variable.name.expose(), variable.value.expose()),
        ("TIGERKEY", CANARY)
    );
}

#[tokio::test]
async fn a_pod_that_has_the_current_answer_gets_nothing() {
    let world = world().await;
    let tag = world.delivered(None).await.tag;
    assert_eq!(world.ask("good", Some(&tag)).await, (204, Vec::new()));
    for other in ["", "web:1", &tag[1..], &tag.to_uppercase()] {
        assert_eq!(world.delivered(Some(other)).await.tag, tag);
    }
}

#[tokio::test]
async fn an_object_that_was_made_anew_is_delivered_though_its_revision_is_the_same() {
    let world = world().await;
    let tag = world.delivered(None).await.tag;
    world.server.put(WEB, stored(&world.stores, "v-2", "other").await);
    let (status, body) = world.ask("good", Some(&tag)).await;
    assert_eq!(status, 200);
    let answer: DeliverResponse = serde_json::from_slice(&body).unwrap();
    let environment = &world.open(&answer).environments[0];
    assert_eq!(
        (environment.revision, environment.variables[0].value.expose()),
        (1, "other")
    );
    assert_eq!(world.ask("good", Some(&answer.tag)).await.0, 204);
}

#[tokio::test]
async fn a_new_certificate_reaches_pods_whose_variables_do_not_change() {
    let world = world().await;
    let tag = world.delivered(None).await.tag;
    world.bundle.store(Arc::new("PEM2".to_owned()));
    let answer = world.delivered(Some(&tag)).await;
    assert_eq!(answer.ca_bundle, "PEM2");
    assert_eq!(world.ask("good", Some(&answer.tag)).await.0, 204);
}
