//! Requests in, answers out, against a scripted API server and a real vault.

mod refusals;

use std::collections::BTreeMap;

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
    _stores: Stores,
    router: Router,
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

/// A pod `web-1` that asks for `web`, which is stored and ready, for ServiceAccount `web` only.
async fn world() -> World {
    let (server, stores) = (Server::default(), stores().await);
    let variable = Variable {
        name: Name::parse("TIGERKEY").unwrap(),
        value: SecretString::copy_of(CANARY),
        comment: None,
    };
    let dotenv = Dotenv::from_variables(vec![variable]).unwrap();
    let written = stores
        .vault
        .write("v-1", &dotenv, &SourceDigestInput(b""), &[], 5)
        .await
        .unwrap();
    let digest: String = written.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    server.put(
        WEB,
        json!({
            "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1", "generation": 1},
            "spec": {"generate": [{"name": "A"}], "access": {"serviceAccounts": ["web"]}},
            "status": {"observedGeneration": 1, "revision": 1, "digest": digest},
        }),
    );
    server.put(POD, pod("u-1", "web", "web"));
    server.token("good", review("web-1", "u-1", "splitvault", "web"));
    let (suspicions, _) = controller::suspicions();
    let deliveries = Deliveries {
        client: server.client(),
        vault: Arc::clone(&stores.vault),
        events: Arc::new(Events::new(server.client(), None)),
        metrics: Metrics::new(),
        bundle: Arc::new(ArcSwap::from_pointee("PEM".to_owned())),
        suspicions,
    };
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    World {
        server,
        _stores: stores,
        router: router(deliveries),
        key,
    }
}

impl World {
    async fn send(&self, token: Option<&str>, body: Vec<u8>) -> (u16, Vec<u8>) {
        let mut request = http::Request::post(DELIVER_PATH);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = self
            .router
            .clone()
            .oneshot(request.body(Body::from(body)).unwrap())
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (
            status,
            answer.into_body().collect().await.unwrap().to_bytes().to_vec(),
        )
    }

    async fn ask(&self, token: &str, known: &[(&str, u64)]) -> (u16, Vec<u8>) {
        let request = DeliverRequest {
            public_key: self.key.public().to_bytes(),
            vault_secrets: vec!["web".to_owned()],
            known: known
                .iter()
                .map(|(name, revision)| ((*name).to_owned(), *revision))
                .collect::<BTreeMap<_, _>>(),
        };
        self.send(Some(token), serde_json::to_vec(&request).unwrap())
            .await
    }

    async fn refused(&self, token: &str) -> Reason {
        let (status, body) = self.ask(token, &[]).await;
        let error: DeliverError = serde_json::from_slice(&body).unwrap();
        assert_eq!(status, error.reason.status());
        assert!(!error.message.contains("TIGER"), "{}", error.message);
        error.reason
    }
}

#[tokio::test]
async fn a_pod_gets_its_variables_sealed_to_its_key_and_uid() {
    let world = world().await;
    let (status, body) = world.ask("good", &[]).await;
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
    let plaintext = world
        .key
        .open(&Context::Delivery { pod_uid: "u-1" }, &answer.sealed)
        .unwrap();
    let delivery = Delivery::from_json(plaintext.expose()).unwrap();
    let environment = &delivery.environments[0];
    assert_eq!((&*environment.name, environment.revision), ("web", 1));
    let variable = &environment.variables[0];
    assert_eq!(
        (variable.name.expose(), variable.value.expose()),
        ("TIGERKEY", CANARY)
    );
}

#[tokio::test]
async fn a_pod_that_has_the_current_revision_gets_nothing() {
    let world = world().await;
    assert_eq!(world.ask("good", &[("web", 1)]).await, (204, Vec::new()));
    assert_eq!(world.ask("good", &[("web", 2)]).await.0, 200);
    assert_eq!(world.ask("good", &[("db", 1)]).await.0, 200);
}
