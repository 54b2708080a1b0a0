//! Reconciles against a scripted API server and real stores.

mod adversity;
mod output;
mod renewal;
mod restart;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use splitvault_crypto::sealing;

use super::*;
use crate::fixture::{Server, Stores, stores};

const WEB: &str = "/apis/splitvault.dev/v1alpha1/namespaces/shop/vaultsecrets/web";
const SECRET: &str = "/api/v1/namespaces/shop/secrets/web-env";
const CANARY: &str = "CANARYtiger";

fn object(spec: Value) -> Value {
    json!({
        "apiVersion": "splitvault.dev/v1alpha1",
        "kind": "VaultSecret",
        "metadata": {"name": "web", "namespace": "shop", "uid": "v-1", "generation": 1, "resourceVersion": "1"},
        "spec": spec,
    })
}

fn secret(value: &str) -> Value {
    let data = json!({"TIGERKEY": STANDARD.encode(value)});
    json!({"kind": "Secret", "metadata": {"name": "web-env", "resourceVersion": "1"}, "data": data})
}

struct World {
    server: Server,
    stores: Stores,
    context: Context,
}

fn world(stores: Stores) -> World {
    let server = Server::default();
    let context = Context {
        client: server.client(),
        vault: Arc::clone(&stores.vault),
        events: Arc::new(Events::new(server.client(), None)),
        metrics: Metrics::new(),
        poll: Duration::from_secs(10),
        followed: Followed::default(),
        grantee: "splitvault-system:splitvault-operator".to_owned(),
        room: Room::default(),
        tally: Tally::default(),
        outputs: Outputs::default(),
        rolls: Rolls::default(),
        missed: Missed::default(),
    };
    World {
        server,
        stores,
        context,
    }
}

impl World {
    async fn reconcile(&self) -> Vec<String> {
        let mut object = self.server.object(WEB);
        object["apiVersion"] = json!("meta.k8s.io/v1");
        object["kind"] = json!("PartialObjectMetadata");
        let meta: Meta = serde_json::from_value(object).unwrap();
        self.server.asked();
        self.context.reconcile(&meta).await;
        self.server.asked()
    }

    fn ready(&self) -> (String, String) {
        let status = self.server.object(WEB)["status"].clone();
        let ready = status["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["type"] == "Ready")
            .unwrap()
            .clone();
        let word = |key: &str| ready[key].as_str().unwrap().to_owned();
        (word("reason"), word("message"))
    }

    fn revision(&self) -> Value {
        self.server.object(WEB)["status"]["revision"].clone()
    }

    async fn stored(&self) -> Option<(u64, Vec<(String, String)>)> {
        let read = self.stores.vault.read("v-1").await.unwrap()?;
        let pair =
            |v: &splitvault_dotenv::Variable| (v.name.as_str().to_owned(), v.value.expose().to_owned());
        Some((read.revision, read.dotenv.iter().map(pair).collect()))
    }

    fn seal(&self, name: &str, text: &str) -> Value {
        let pairs = self.stores.vault.sealing_keys();
        let key = pairs[0].public();
        let context = sealing::Context::Manifest {
            namespace: "shop",
            name,
        };
        let payload = key.seal(&context, text.as_bytes()).unwrap();
        json!({"source": {"sealed": {"keyID": key.id().to_string(), "payload": STANDARD.encode(payload)}}})
    }
}

#[tokio::test]
async fn a_new_object_is_claimed_stored_and_told_about_and_the_second_time_nothing_is_written() {
    let world = world(stores().await);
    world.server.put(
        WEB,
        object(json!({"generate": [{"name": "SESSION", "length": 40}]})),
    );
    let first = world.reconcile().await;
    let events = "POST /apis/events.k8s.io/v1/namespaces/shop/events".to_owned();
    assert_eq!(
        first,
        [format!("PATCH {WEB}"), format!("PATCH {WEB}/status"), events]
    );
    assert_eq!(world.ready().0, "Synced");
    let (revision, variables) = world.stored().await.unwrap();
    assert_eq!((revision, variables[0].1.len()), (1, 40));
    let before = world.server.object(WEB);
    assert_eq!(before["metadata"]["finalizers"], json!([FINALIZER]));
    assert_eq!(world.reconcile().await, [format!("GET {WEB}")]);
    assert_eq!(world.server.object(WEB), before);
    assert_eq!(world.stored().await.unwrap(), (revision, variables));
}

#[tokio::test]
async fn a_sealed_payload_is_opened_for_its_own_name_only() {
    let world = world(stores().await);
    let text = format!("TIGERKEY='{CANARY}'\n");
    world.server.put(WEB, object(world.seal("web", &text)));
    world.reconcile().await;
    assert_eq!(
        world.stored().await.unwrap().1,
        [("TIGERKEY".to_owned(), CANARY.to_owned())]
    );
    world.server.put(WEB, object(world.seal("other", &text)));
    world.reconcile().await;
    assert_eq!(world.ready().0, "SealedInvalid");
    assert_eq!(world.stored().await.unwrap().0, 1, "the good revision stays");
}

#[tokio::test]
async fn a_bad_payload_is_a_condition_without_a_byte_of_it() {
    let world = world(stores().await);
    let mut unknown = world.seal("web", "A=b");
    let key = sealing::KeyPair::make(sealing::Algorithm::X25519).unwrap();
    let context = sealing::Context::Manifest {
        namespace: "shop",
        name: "web",
    };
    let payload = STANDARD.encode(key.public().seal(&context, b"A=b").unwrap());
    unknown["source"]["sealed"] = json!({"keyID": key.id().to_string(), "payload": payload});
    let mut cut = world.seal("web", "A=b");
    let whole = cut["source"]["sealed"]["payload"].as_str().unwrap().to_owned();
    cut["source"]["sealed"]["payload"] = json!(&whole[..whole.len() - 8]);
    let cases = [
        (unknown, "UnknownSealingKey"),
        (cut, "SealedInvalid"),
        (world.seal("web", &format!("TIGERKEY='{CANARY}")), "SourceInvalid"),
        (
            world.seal("web", &format!("TIGERKEY={}", CANARY.repeat(4000))),
            "TooLarge",
        ),
        (
            json!({"source": {"sealed": {"keyID": "0", "payload": "?"}}}),
            "SealedInvalid",
        ),
        (
            json!({"source": {"secretRef": {"name": "out"}}, "output": {"secretName": "out"}}),
            "OutputInvalid",
        ),
    ];
    for (spec, reason) in cases {
        world.server.put(WEB, object(spec));
        world.reconcile().await;
        let told = format!(
            "{} {:?}",
            world.server.object(WEB)["status"],
            world.server.events()
        );
        assert_eq!(world.ready().0, reason);
        assert!(!told.contains(CANARY) && !told.contains("TIGERKEY"), "{told}");
        assert_eq!(world.stored().await, None);
    }
}

#[tokio::test]
async fn a_secret_is_followed_and_generated_values_are_kept() {
    let world = world(stores().await);
    let spec = json!({"source": {"secretRef": {"name": "web-env"}}, "generate": [{"name": "SESSION"}]});
    world.server.put(WEB, object(spec));
    world.reconcile().await;
    assert_eq!(world.ready().0, "SourceMissing");
    world.server.refuse(SECRET, 403);
    world.reconcile().await;
    let (reason, message) = world.ready();
    assert_eq!(reason, "SourceForbidden");
    assert!(
        message.contains("--resource-name=web-env")
            && message.contains("splitvault-system:splitvault-operator")
    );
    world.server.relent();
    world.server.put(SECRET, secret("one"));
    world.reconcile().await;
    let (first, before) = world.stored().await.unwrap();
    assert_eq!(
        world.reconcile().await[0],
        format!("GET {WEB}"),
        "a cache may not have the status yet that was just written"
    );
    assert_eq!(
        world.reconcile().await,
        [
            format!("GET {WEB}?resourceVersion=1"),
            format!("GET {SECRET}?resourceVersion=0")
        ],
        "both from the API server's cache"
    );
    world.server.put(SECRET, secret("two"));
    world.reconcile().await;
    let (second, after) = world.stored().await.unwrap();
    assert_eq!((first, second), (1, 2));
    assert_eq!((&*before[0].1, &*after[0].1), ("one", "two"));
    assert_eq!(before[1], after[1], "what was generated is kept");
    assert_eq!(world.revision(), json!(2));
    world.server.lag(SECRET, secret("one"));
    let asked = world.reconcile().await;
    assert_eq!(asked.last(), Some(&format!("GET {SECRET}")), "made sure of");
    assert_eq!(world.revision(), json!(2));
}

#[tokio::test]
async fn a_large_payload_takes_room_and_is_held_once() {
    let world = world(stores().await);
    let observed = async |text: &str| {
        let object = serde_json::from_value(object(world.seal("web", text))).unwrap();
        let (observed, room) = world.context.observe(object).await;
        let sealed = observed.object.spec.source.unwrap().sealed.unwrap();
        let desired = observed.desired.unwrap();
        assert!(sealed.payload.is_empty() && desired.source.is_none());
        room.is_some()
    };
    assert!(!observed("A=1").await);
    let line = format!("={}\n", "x".repeat(30_000));
    assert!(observed(&format!("A{line}B{line}C{line}")).await);
}
