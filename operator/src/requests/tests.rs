//! Requests against a scripted API server and real stores.

mod adversity;
mod once;
mod prune;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use splitvault_api::VaultRequest;
use splitvault_crypto::sealing::{self, Algorithm, KeyPair};
use splitvault_dotenv::{Name, ParseOptions, parse};
use splitvault_vault::SourceDigestInput;

use super::*;
use crate::controller::{Suspected, suspicions};
use crate::fixture::{Server, Stores, TestKey, stores};

const REQUEST: &str = "/apis/splitvault.dev/v1alpha1/namespaces/shop/vaultrequests/ask";
const WEB: &str = "/apis/splitvault.dev/v1alpha1/namespaces/shop/vaultsecrets/web";
const CANARY: &str = "CANARYtiger";

struct World {
    server: Server,
    stores: Stores,
    context: Context,
    _suspected: Suspected,
}

async fn world() -> World {
    let (server, stores) = (Server::default(), stores().await);
    let (changed, suspected) = suspicions();
    let context = context(&server, &stores, changed);
    let world = World {
        server,
        stores,
        context,
        _suspected: suspected,
    };
    world.server.put(
        WEB,
        json!({
            "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
            "metadata": {"name": "web", "namespace": "shop", "uid": "v-1"}, "spec": {"generate": [{"name": "A"}]},
        }),
    );
    world
}

fn context(server: &Server, stores: &Stores, changed: Suspicions) -> Context {
    Context {
        client: server.client(),
        vault: Arc::clone(&stores.vault),
        key: Arc::new(TestKey),
        authority: Rotation::new(server.client(), "splitvault-system", pace()),
        events: Arc::new(Events::new(server.client(), None)),
        metrics: Metrics::new(),
        changed,
        namespace: "splitvault-system".to_owned(),
        ceiling: std::time::Duration::from_secs(90 * 24 * 60 * 60),
        bounds: Bounds::default(),
    }
}

impl World {
    async fn write(&self, text: &str) -> u64 {
        let parsed = parse(text.as_bytes(), &ParseOptions::default()).unwrap().dotenv;
        let source = SourceDigestInput(text.as_bytes());
        let none: [Name; 0] = [];
        let vault = &self.stores.vault;
        vault
            .write("v-1", &parsed, &source, &none, 5)
            .await
            .unwrap()
            .revision
    }

    /// Puts a request as the webhook lets it through, asked for by Anna, made now.
    fn ask(&self, spec: Value) {
        self.put(stamped(spec, "anna"));
    }

    fn put(&self, object: VaultRequest) {
        self.server.put(REQUEST, serde_json::to_value(object).unwrap());
    }

    async fn reconcile(&self) -> Action {
        let mut object = self.server.object(REQUEST);
        object["apiVersion"] = json!("meta.k8s.io/v1");
        object["kind"] = json!("PartialObjectMetadata");
        let meta: Meta = serde_json::from_value(object).unwrap();
        self.context.reconcile(&meta).await
    }

    /// Reconciles until there is an answer.
    async fn settle(&self) -> (String, String) {
        for _ in 0..4 {
            self.reconcile().await;
            if self.over() {
                break;
            }
        }
        self.said()
    }

    fn over(&self) -> bool {
        let object: VaultRequest = serde_json::from_value(self.server.object(REQUEST)).unwrap();
        object.status.is_some_and(|status| status.is_over())
    }

    /// Reason and message of the condition Complete.
    fn said(&self) -> (String, String) {
        let conditions = self.status()["conditions"].clone();
        let complete = conditions
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["type"] == "Complete")
            .unwrap()
            .clone();
        let word = |key: &str| complete[key].as_str().unwrap().to_owned();
        (word("reason"), word("message"))
    }

    fn status(&self) -> Value {
        self.server.object(REQUEST)["status"].clone()
    }

    async fn content(&self) -> (u64, String) {
        let read = self.stores.vault.read("v-1").await.unwrap().unwrap();
        (
            read.revision,
            read.dotenv.get("A").unwrap().value.expose().to_owned(),
        )
    }
}

fn user(name: &str) -> UserInfo {
    serde_json::from_value(json!({"username": name, "groups": ["system:authenticated"]})).unwrap()
}

fn stamped(spec: Value, who: &str) -> VaultRequest {
    let object = json!({
        "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultRequest",
        "metadata": {"name": "ask", "namespace": "shop", "uid": "r-1", "generation": 1}, "spec": spec,
    });
    let mut object: VaultRequest = serde_json::from_value(object).unwrap();
    let now = Timestamp::now();
    let requester = stamp(&TestKey, "shop", &object.metadata, &object.spec, &user(who), now).unwrap();
    object.spec.requester = Some(requester);
    object.metadata.creation_timestamp = Some(Time(now));
    object
}

fn rotate() -> Value {
    json!({"action": "Rotate", "vaultSecretName": "web"})
}

#[tokio::test]
async fn a_vault_secret_is_encrypted_anew_and_the_progress_is_shown() {
    let world = world().await;
    world.server.allow("anna", "rotate", true);
    world.write("A=1").await;
    world.write("A=2").await;
    let before = world.stores.values.list(None, 9).await.unwrap();
    world.ask(rotate());
    world.reconcile().await;
    let status = world.status();
    assert_eq!(
        status["progress"],
        json!({"done": 0, "total": 2, "state": "Encrypting"})
    );
    assert_eq!((&status["baseRevision"], world.over()), (&json!(2), false));
    assert_eq!(world.settle().await.0, "Done");
    assert_eq!(
        world.status()["progress"],
        json!({"done": 2, "total": 2, "state": "Done"})
    );
    let after = world.stores.values.list(None, 9).await.unwrap();
    assert!(before.iter().all(|token| !after.contains(token)), "other tokens");
    assert_eq!(world.content().await, (2, "2".to_owned()), "the same content");
    let event = &world.server.events()[0];
    assert_eq!(
        (&event["reason"], &event["regarding"]["kind"]),
        (&json!("Rotated"), &json!("VaultSecret"))
    );
    assert!(event["note"].as_str().unwrap().contains("anna"));
}

#[tokio::test]
async fn variables_are_answered_to_the_one_key_that_asked() {
    let world = world().await;
    world.server.allow("anna", "reveal", true);
    world.write(&format!("A={CANARY}")).await;
    world.write("A=2").await;
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    for (revision, expected) in [
        (json!(null), "A='2'\n".to_owned()),
        (json!(1), format!("A='{CANARY}'\n")),
    ] {
        let mut spec =
            json!({"action": "Reveal", "vaultSecretName": "web", "publicKey": key.public().to_text()});
        if !revision.is_null() {
            spec["revision"] = revision;
        }
        world.ask(spec);
        assert_eq!(world.settle().await.0, "Done");
        let answer = STANDARD
            .decode(world.status()["answer"].as_str().unwrap())
            .unwrap();
        let open = |uid: &str| key.open(&sealing::Context::Answer { request_uid: uid }, &answer);
        assert_eq!(open("r-1").unwrap().expose(), expected.as_bytes());
        assert!(open("r-2").is_err(), "an answer is for one request");
        assert!(!world.server.object(REQUEST).to_string().contains(CANARY));
    }
    assert!(!format!("{:?}", world.server.events()).contains(CANARY));
}

#[tokio::test]
async fn a_payload_is_sealed_for_the_same_object_and_by_whoever_may_read_it() {
    let world = world().await;
    world.write("A=1").await;
    let seal = |key: &KeyPair| {
        let purpose = sealing::Context::Manifest {
            namespace: "shop",
            name: "web",
        };
        let payload = STANDARD.encode(key.public().seal(&purpose, b"A=1").unwrap());
        json!({"source": {"sealed": {"keyID": key.id().to_string(), "payload": payload}}})
    };
    let spec = json!({"action": "Reseal", "vaultSecretName": "web"});
    let mut object = world.server.object(WEB);
    object["spec"] = seal(&world.stores.vault.sealing_keys()[0]);
    world.server.put(WEB, object.clone());
    world.ask(spec.clone());
    assert_eq!(world.settle().await.0, "Denied");
    world.server.allow("anna", "get", true);
    world.ask(spec.clone());
    assert_eq!(world.settle().await.0, "Done");
    assert_eq!(world.status()["payload"], object["spec"]["source"]["sealed"]);

    object["spec"] = seal(&KeyPair::make(Algorithm::X25519).unwrap());
    world.server.put(WEB, object);
    world.ask(spec.clone());
    assert_eq!(world.settle().await.0, "SealedInvalid", "a key of somebody else");

    let generated = json!({"generate": [{"name": "A"}]});
    let mut object = world.server.object(WEB);
    object["spec"] = generated;
    world.server.put(WEB, object);
    world.ask(spec);
    assert_eq!(world.settle().await.0, "NotSealed");
}

#[tokio::test]
async fn an_answered_request_is_deleted_after_its_time_and_no_other_of_that_name() {
    let world = world().await;
    world.ask(rotate());
    assert_eq!(world.settle().await.0, "Denied");
    world.reconcile().await;
    assert_ne!(world.server.object(REQUEST), Value::Null, "its time is not over");
    let mut object = world.server.object(REQUEST);
    object["status"]["expiresAt"] = json!("2026-01-01T00:00:00Z");
    world.server.put(REQUEST, object);
    world.reconcile().await;
    assert_eq!(world.server.object(REQUEST), Value::Null);
    assert_eq!(world.server.asked().last().unwrap(), &format!("DELETE {REQUEST}"));
}

#[tokio::test]
async fn the_second_look_at_an_answered_request_writes_nothing() {
    let world = world().await;
    world.ask(rotate());
    world.settle().await;
    let before = world.server.object(REQUEST);
    world.server.asked();
    world.reconcile().await;
    assert_eq!(world.server.asked(), [format!("GET {REQUEST}")]);
    assert_eq!(world.server.object(REQUEST), before);
}

fn pace() -> crate::pki::Pace {
    crate::pki::Pace {
        max_age: Duration::from_secs(3600),
        announce: Duration::from_secs(60),
        overlap: Duration::from_secs(60),
    }
}
