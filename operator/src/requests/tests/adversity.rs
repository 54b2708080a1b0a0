//! Requests of people who may not, who pretend, and who come back; and an API server and stores that fail.

use super::*;

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/shop/events";

#[tokio::test]
async fn without_the_permission_nothing_is_done_and_nothing_is_told_about_the_vault_secret() {
    let world = world().await;
    world.write("A=1").await;
    let before = world.stores.values.list(None, 9).await.unwrap();
    for name in ["web", "no-such-thing"] {
        world.ask(json!({"action": "Rotate", "vaultSecretName": name}));
        let (reason, message) = world.settle().await;
        assert_eq!(reason, "Denied");
        assert!(
            message.starts_with("anna may not rotate vaultsecrets.splitvault.dev/"),
            "{message}"
        );
    }
    assert_eq!(world.stores.values.list(None, 9).await.unwrap(), before);
    let events = world.server.events();
    assert_eq!(events.len(), 1, "on the one that is there");
    assert_eq!(events[0]["reason"], "RequestRefused");
    assert_eq!(events[0]["regarding"]["uid"], "v-1");
}

#[tokio::test]
async fn a_request_that_slipped_past_the_webhook_is_never_done() {
    let world = world().await;
    world.server.allow("anna", "rotate", true);
    world.server.allow("root", "rotate", true);
    world.write("A=1").await;
    let before = world.stores.values.list(None, 9).await.unwrap();
    let forgeries: [fn(&mut VaultRequest); 6] = [
        |o| o.spec.requester = None,
        |o| o.spec.requester.as_mut().unwrap().username = "root".to_owned(),
        |o| o.spec.requester.as_mut().unwrap().mac = "0".repeat(64),
        |o| o.metadata.creation_timestamp = Some(Time(Timestamp::UNIX_EPOCH)),
        |o| o.spec.ttl_seconds = Some(1),
        |o| {
            let elsewhere = stamped(json!({"action": "Rotate", "vaultSecretName": "db"}), "anna");
            o.spec.requester = elsewhere.spec.requester;
        },
    ];
    for (at, forge) in forgeries.into_iter().enumerate() {
        let mut object = stamped(rotate(), "anna");
        forge(&mut object);
        world.put(object);
        world.server.asked();
        assert_eq!(world.settle().await.0, "NotStamped", "{at}");
        let asked = world.server.asked();
        assert!(
            asked.iter().all(|line| line.contains("vaultrequests/ask")),
            "nothing else is touched: {asked:?}"
        );
    }
    assert_eq!(world.stores.values.list(None, 9).await.unwrap(), before);
}

#[tokio::test]
async fn a_stamp_of_another_namespace_is_refused() {
    let world = world().await;
    world.server.allow("anna", "rotate", true);
    world.write("A=1").await;
    let mut object = stamped(rotate(), "anna");
    let metadata = &object.metadata;
    let elsewhere = stamp(
        &TestKey,
        "other",
        metadata,
        &object.spec,
        &user("anna"),
        Timestamp::now(),
    );
    object.spec.requester = Some(elsewhere.unwrap());
    world.put(object);
    assert_eq!(world.settle().await.0, "NotStamped");
}

#[tokio::test]
async fn a_request_that_is_deleted_and_put_back_is_not_done_again() {
    let world = world().await;
    world.server.allow("anna", "rotate", true);
    world.write("A=1").await;
    let first = stamped(rotate(), "anna");
    world.put(first.clone());
    assert_eq!(world.settle().await.0, "Done");
    world.server.take(REQUEST);
    let mut again = first;
    again.metadata.uid = Some("r-2".to_owned());
    world.put(again);
    let before = world.stores.values.list(None, 9).await.unwrap();
    assert_eq!(world.settle().await.0, "NotStamped");
    assert_eq!(world.stores.values.list(None, 9).await.unwrap(), before);
}

#[tokio::test]
async fn a_permission_that_is_taken_away_between_stops_the_work() {
    let world = world().await;
    world.server.allow("anna", "rotate", true);
    world.write("A=1").await;
    let before = world.stores.values.list(None, 9).await.unwrap();
    world.ask(rotate());
    world.reconcile().await;
    assert_eq!(world.said().0, "Progressing");
    world.server.allow("anna", "rotate", false);
    assert_eq!(world.settle().await.0, "Denied");
    assert_eq!(world.stores.values.list(None, 9).await.unwrap(), before);
}

#[tokio::test]
async fn what_concerns_the_installation_belongs_into_the_operators_namespace() {
    let world = world().await;
    world.server.allow("anna", "rotate", true);
    world.ask(json!({"action": "RotateMasterKey", "ring": "All"}));
    let (reason, message) = world.settle().await;
    assert_eq!(reason, "WrongNamespace");
    assert!(message.contains("splitvault-system"), "{message}");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_before_anything_is_opened() {
    let world = world().await;
    world.server.allow("anna", "reveal", true);
    world.write("A=1").await;
    let xwing = KeyPair::make(Algorithm::XWing).unwrap();
    let low = format!("splitvault-sealing-v1:x25519:{}", STANDARD.encode([0; 32]));
    for key in ["", "key", &low, &xwing.public().to_text()] {
        world.ask(json!({"action": "Reveal", "vaultSecretName": "web", "publicKey": key}));
        assert_eq!(world.settle().await.0, "Invalid");
        assert_eq!(world.status()["answer"], Value::Null);
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_to_whoever_may_know() {
    let world = world().await;
    world.server.allow("anna", "reveal", true);
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    let spec = |name: &str, revision: u64| {
        json!({
            "action": "Reveal", "vaultSecretName": name, "publicKey": key.public().to_text(), "revision": revision,
        })
    };
    world.ask(spec("other", 1));
    assert_eq!(world.settle().await.0, "NotFound");
    world.ask(spec("web", 1));
    assert_eq!(world.settle().await.0, "NothingStored");
    world.write("A=1").await;
    world.ask(spec("web", 9));
    assert_eq!(world.settle().await.0, "UnknownRevision");
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_is_asked_again_and_the_work_is_done_once() {
    let world = world().await;
    world.server.allow("anna", "rotate", true);
    world.write("A=1").await;
    world.ask(rotate());
    world
        .server
        .refuse("/apis/authorization.k8s.io/v1/subjectaccessreviews", 503);
    world.reconcile().await;
    assert_eq!((world.said().0.as_str(), world.over()), ("Unavailable", false));
    world.server.relent();
    world.reconcile().await;
    // The status is lost after the work: it is told in the end.
    world.server.refuse(&format!("{REQUEST}/status"), 503);
    world.reconcile().await;
    assert!(!world.over());
    world.server.relent();
    assert_eq!(world.settle().await.0, "Done");
    assert_eq!(world.content().await, (1, "1".to_owned()));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_fails_and_says_so() {
    let world = world().await;
    world.server.allow("anna", "reveal", true);
    world.write("A=1").await;
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    world.ask(json!({"action": "Reveal", "vaultSecretName": "web", "publicKey": key.public().to_text()}));
    world.server.refuse(&format!("{REQUEST}/status"), 413);
    world.reconcile().await;
    world.server.relent();
    assert_eq!(world.settle().await.0, "Done", "small enough after all");
}

#[tokio::test]
async fn events_that_cannot_be_written_do_not_hold_up_the_answer() {
    let world = world().await;
    world.server.refuse(EVENTS, 500);
    world.ask(rotate());
    assert_eq!(world.settle().await.0, "Denied");
}

#[tokio::test]
async fn a_namespace_that_asks_too_much_waits() {
    let world = world().await;
    let mut waited = 0;
    for number in 0..40 {
        let mut object = stamped(rotate(), "anna");
        object.metadata.uid = Some(format!("r-{number}"));
        world.put(object);
        world.reconcile().await;
        waited += usize::from(world.status().is_null());
    }
    assert!((1..=8).contains(&waited), "{waited} of 40");
}

#[tokio::test]
async fn a_request_that_was_made_again_meanwhile_is_left_alone() {
    let world = world().await;
    let object = stamped(rotate(), "anna");
    let mut old = serde_json::to_value(&object).unwrap();
    old["apiVersion"] = json!("meta.k8s.io/v1");
    old["kind"] = json!("PartialObjectMetadata");
    old["metadata"]["uid"] = json!("r-0");
    world.put(object);
    let before = world.server.object(REQUEST);
    world
        .context
        .reconcile(&serde_json::from_value(old).unwrap())
        .await;
    assert_eq!(world.server.object(REQUEST), before);
}
