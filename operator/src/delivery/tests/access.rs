//! What a hostile pod author tries, and what the API server says of the pod.

use serde_json::{Value, json};

use super::super::*;
use super::{POD, WEB, World, pod, review, world};

/// A pod of namespace `team-b` that asks for `shop/web`.
const FOREIGN: &str = "/api/v1/namespaces/team-b/pods/web-1";

fn foreign(world: &World, account: &str, inject: &str) {
    let mut pod = pod("f-1", account, inject);
    pod["metadata"]["namespace"] = json!("team-b");
    world.server.put(FOREIGN, pod);
    let mut reviewed = review("web-1", "f-1", "splitvault", account);
    reviewed["user"]["username"] = json!(format!("system:serviceaccount:team-b:{account}"));
    world.server.token("foreign", reviewed);
}

fn access(world: &World, access: Value) {
    let mut web = world.server.object(WEB);
    web["spec"]["access"] = access;
    world.server.put(WEB, web);
}

async fn asks(world: &World, token: &str, name: &str) -> (u16, Value) {
    let asked = DeliverRequest {
        public_key: world.key.public().to_bytes(),
        vault_secrets: vec![name.to_owned()],
        tag: None,
        problem: None,
        wait_seconds: None,
        refused: None,
    };
    let (status, body) = world.send(Some(token), serde_json::to_vec(&asked).unwrap()).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn labels_are_those_that_the_api_server_has_now() {
    let world = world().await;
    access(&world, json!({"podSelector": {"matchLabels": {"app": "web"}}}));
    assert_eq!(world.refused("good").await, Reason::NotAllowed);
    let mut labelled = pod("u-1", "web", "web");
    labelled["metadata"]["labels"] = json!({"app": "web"});
    // What the pod says of itself in annotations is nothing.
    let mut forged = pod("u-1", "web", "web");
    forged["metadata"]["annotations"]["app"] = json!("web");
    world.server.put(POD, labelled.clone());
    let tag = world.delivered(None).await.tag;
    assert_eq!(world.ask("good", Some(&tag)).await.0, 204);
    for changed in [forged, {
        labelled["metadata"]["labels"]["app"] = json!("db");
        labelled
    }] {
        world.server.put(POD, changed);
        assert_eq!(world.ask("good", Some(&tag)).await.0, 403, "at its next refresh");
    }
}

#[tokio::test]
async fn a_shared_service_account_is_not_enough_for_a_selector() {
    let world = world().await;
    access(
        &world,
        json!({"serviceAccounts": ["web"], "podSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}),
    );
    assert_eq!(world.refused("good").await, Reason::NotAllowed);
}

#[tokio::test]
async fn a_pod_of_another_namespace_takes_both_consents() {
    let world = world().await;
    foreign(&world, "web", "shop/web");
    let missing_consent = asks(&world, "foreign", "shop/web").await;
    assert_eq!(
        (missing_consent.0, &missing_consent.1["reason"]),
        (403, &json!("NotAllowed"))
    );
    access(
        &world,
        json!({"namespaces": [{"name": "team-b", "serviceAccounts": ["web"]}]}),
    );
    let (status, body) = asks(&world, "foreign", "shop/web").await;
    assert_eq!(status, 200);
    let answer: DeliverResponse = serde_json::from_value(body).unwrap();
    let context = splitvault_crypto::sealing::Context::Delivery { pod_uid: "f-1" };
    let plaintext = world.key.open(&context, &answer.sealed).unwrap();
    let delivery = splitvault_wire::Delivery::from_json(plaintext.expose()).unwrap();
    assert_eq!(delivery.environments[0].name, "shop/web");
    assert_eq!(
        world.ask("good", None).await.0,
        200,
        "its own namespace as before"
    );

    // Another ServiceAccount of that namespace, and another namespace that the installation does not consent to.
    foreign(&world, "job", "shop/web");
    assert_eq!(asks(&world, "foreign", "shop/web").await.0, 403);
    access(&world, json!({"namespaces": [{"name": "team-c"}]}));
    let mut third = pod("t-1", "web", "shop/web");
    third["metadata"]["namespace"] = json!("team-c");
    world.server.put("/api/v1/namespaces/team-c/pods/web-1", third);
    let mut reviewed = review("web-1", "t-1", "splitvault", "web");
    reviewed["user"]["username"] = json!("system:serviceaccount:team-c:web");
    world.server.token("third", reviewed);
    world.server.asked();
    assert_eq!(asks(&world, "third", "shop/web").await.0, 403);
    let asked = world.server.asked();
    assert!(
        asked.iter().all(|path| !path.contains("vaultsecrets")),
        "not even looked for: {asked:?}"
    );
}

#[tokio::test]
async fn no_answer_tells_whether_a_foreign_vaultsecret_exists() {
    let world = world().await;
    foreign(&world, "web", "shop/web");
    let there = asks(&world, "foreign", "shop/web").await;
    let mut broken = world.server.object(WEB);
    broken["status"] = Value::Null;
    world.server.put(WEB, broken);
    let in_the_making = asks(&world, "foreign", "shop/web").await;
    world.server.take(WEB);
    let gone = asks(&world, "foreign", "shop/web").await;
    assert_eq!((&there, &there), (&in_the_making, &gone));
}

#[tokio::test]
async fn a_token_of_another_pod_or_namespace_is_of_no_use() {
    let world = world().await;
    foreign(&world, "web", "shop/web");
    access(&world, json!({"namespaces": [{"name": "team-b"}]}));
    // The pod of `team-b` asks for `web`, which is its own namespace's, and gets nothing of `shop`'s.
    assert_eq!(
        asks(&world, "foreign", "web").await.0,
        403,
        "its annotation says shop/web"
    );
    foreign(&world, "web", "web");
    assert_eq!(asks(&world, "foreign", "web").await.1["reason"], "NotReady");
    assert_eq!(
        asks(&world, "foreign", "shop/web").await.1["reason"],
        "NotRequested"
    );
    // A token that was replayed after its pod was made anew under the same name.
    let mut reborn = pod("f-2", "web", "shop/web");
    reborn["metadata"]["namespace"] = json!("team-b");
    world.server.put(FOREIGN, reborn);
    assert_eq!(
        asks(&world, "foreign", "shop/web").await.1["reason"],
        "PodNotFound"
    );
    for name in ["shop/web/x", "/web", "shop/", "../shop/web", "SHOP/web", "*/web"] {
        assert_eq!(asks(&world, "good", name).await.0, 403, "{name}");
    }
}
