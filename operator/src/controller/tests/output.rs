//! The Secret that is maintained beside the stores.

use serde_json::{Value, json};

use super::*;

const OUTPUT: &str = "/api/v1/namespaces/shop/secrets/out";
const RENAMED: &str = "/api/v1/namespaces/shop/secrets/new";

/// A world whose VaultSecret `web` asks for the Secret `out`, reconciled once.
async fn with_output(text: &str) -> World {
    let world = world(stores().await);
    world
        .server
        .put(WEB, object(asking(world.seal("web", text), "out")));
    world.reconcile().await;
    world
}

fn asking(mut spec: Value, name: &str) -> Value {
    spec["output"] = json!({"secretName": name});
    spec
}

/// Changes the object's spec, and keeps its status.
fn respec(world: &World, change: impl FnOnce(&mut Value)) {
    let mut object = world.server.object(WEB);
    change(&mut object["spec"]);
    world.server.put(WEB, object);
}

fn data(world: &World, path: &str) -> Value {
    world.server.object(path)["data"].clone()
}

fn tiger() -> Value {
    json!({"TIGERKEY": STANDARD.encode(CANARY)})
}

fn told(world: &World) -> Value {
    world.server.object(WEB)["status"]["outputSecretName"].clone()
}

#[tokio::test]
async fn it_is_made_owned_by_the_object_and_then_only_looked_at() {
    let world = with_output(&format!("TIGERKEY='{CANARY}'\n")).await;
    let made = world.server.object(OUTPUT);
    assert_eq!((made["type"].as_str(), &made["data"]), (Some("Opaque"), &tiger()));
    let owner = &made["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["uid"], &owner["kind"], &owner["controller"]),
        (&json!("v-1"), &json!("VaultSecret"), &json!(true))
    );
    assert_eq!((told(&world), world.ready().0.as_str()), (json!("out"), "Synced"));
    world.reconcile().await;
    assert_eq!(
        world.reconcile().await,
        [
            format!("GET {WEB}?resourceVersion=1"),
            format!("GET {OUTPUT}?resourceVersion=0")
        ],
        "from the API server's cache, and nothing is opened"
    );
    assert_eq!(world.server.object(OUTPUT), made);
    assert!(
        !world.server.object(WEB)["status"]
            .to_string()
            .contains("TIGERKEY")
    );
}

#[tokio::test]
async fn its_name_is_written_down_before_it_is_made() {
    let world = world(stores().await);
    world
        .server
        .put(WEB, object(asking(world.seal("web", "A=1"), "out")));
    let asked = world.reconcile().await;
    let at = |request: &str| asked.iter().position(|asked| asked == request);
    let (announced, made) = (
        at(&format!("PATCH {WEB}/status")),
        at("POST /api/v1/namespaces/shop/secrets"),
    );
    assert!(announced.is_some() && announced < made, "{asked:?}");
    // A crash in between: the next process knows what may be there.
    let world = self::world(stores().await);
    world
        .server
        .put(WEB, object(asking(world.seal("web", "A=1"), "out")));
    world.server.cut_after(2);
    world.reconcile().await;
    assert_eq!(
        (told(&world), world.server.object(OUTPUT)),
        (json!("out"), Value::Null)
    );
}

#[tokio::test]
async fn what_is_edited_added_or_deleted_by_hand_is_put_back() {
    let world = with_output(&format!("TIGERKEY='{CANARY}'\n")).await;
    let edits: [fn(&mut Value); 3] = [
        |secret| secret["data"]["TIGERKEY"] = json!("b3RoZXI="),
        |secret| secret["data"]["MORE"] = json!("b3RoZXI="),
        |secret| secret["data"] = json!({}),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let mut edited = world.server.object(OUTPUT);
        edit(&mut edited);
        edited["metadata"]["resourceVersion"] = json!(format!("{}", 100 + number));
        world.server.put(OUTPUT, edited);
        world.reconcile().await;
        assert_eq!(data(&world, OUTPUT), tiger(), "edit {number}");
    }
    world.server.take(OUTPUT);
    world.reconcile().await;
    assert_eq!(data(&world, OUTPUT), tiger());
    respec(&world, |spec| {
        let sealed = world.seal("web", "OTHER=1\n");
        spec["source"] = sealed["source"].clone();
    });
    world.reconcile().await;
    assert_eq!(
        data(&world, OUTPUT),
        json!({"OTHER": "MQ=="}),
        "a new revision is followed"
    );
}

#[tokio::test]
async fn labels_and_annotations_of_others_stay() {
    let world = with_output("A=1\n").await;
    let mut labelled = world.server.object(OUTPUT);
    labelled["metadata"]["labels"]["team"] = json!("shop");
    labelled["metadata"]["resourceVersion"] = json!("9");
    labelled["data"]["B"] = json!("MQ==");
    world.server.put(OUTPUT, labelled);
    world.reconcile().await;
    let mended = world.server.object(OUTPUT);
    assert_eq!(
        (&mended["metadata"]["labels"]["team"], &mended["data"]),
        (&json!("shop"), &json!({"A": "MQ=="}))
    );
}

#[tokio::test]
async fn one_that_cannot_be_changed_is_made_anew() {
    let world = with_output("A=1\n").await;
    let mut other = world.server.object(OUTPUT);
    other["type"] = json!("example.com/other");
    other["data"] = json!({"B": "MQ=="});
    other["metadata"]["resourceVersion"] = json!("9");
    world.server.put(OUTPUT, other);
    world.reconcile().await;
    let made = world.server.object(OUTPUT);
    assert_eq!(
        (&made["type"], &made["data"]),
        (&json!("Opaque"), &json!({"A": "MQ=="}))
    );
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_refused_and_stays_as_it_is() {
    for owners in [
        Value::Null,
        json!([]),
        json!([{"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret", "name": "web", "uid": "v-0"}]),
    ] {
        let world = world(stores().await);
        let foreign = json!({"kind": "Secret", "type": "Opaque", "data": {"KEEP": "bWU="}, "metadata": {
            "name": "out", "namespace": "shop", "uid": "s-1", "resourceVersion": "1", "ownerReferences": owners}});
        world.server.put(OUTPUT, foreign.clone());
        world
            .server
            .put(WEB, object(asking(world.seal("web", "A=1"), "out")));
        world.reconcile().await;
        let (reason, message) = world.ready();
        assert_eq!(reason, "OutputForeign");
        assert!(
            message.contains("Secret out") && message.contains("revision 1 stays"),
            "{message}"
        );
        assert_eq!(
            world.revision(),
            json!(1),
            "what is delivered does not depend on it"
        );
        respec(&world, |spec| spec["output"] = Value::Null);
        world.reconcile().await;
        assert_eq!(
            world.server.object(OUTPUT),
            foreign,
            "nor is it removed when it is not asked for any more"
        );
        assert_eq!((told(&world), world.ready().0.as_str()), (Value::Null, "Synced"));
    }
}

#[tokio::test]
async fn without_the_right_the_object_says_which_value_to_set_and_is_delivered_all_the_same() {
    let world = world(stores().await);
    world.server.refuse(OUTPUT, 403);
    world
        .server
        .put(WEB, object(asking(world.seal("web", "A=1"), "out")));
    world.reconcile().await;
    let (reason, message) = world.ready();
    assert_eq!((reason.as_str(), world.revision()), ("OutputForbidden", json!(1)));
    assert!(
        message.contains("output.namespaces") && message.contains("shop"),
        "{message}"
    );
    world.server.relent();
    world.reconcile().await;
    assert_eq!(
        (data(&world, OUTPUT), world.ready().0.as_str()),
        (json!({"A": "MQ=="}), "Synced")
    );
}

#[tokio::test]
async fn renamed_the_old_one_goes_and_removed_both_do() {
    let world = with_output("A=1\n").await;
    respec(&world, |spec| spec["output"]["secretName"] = json!("new"));
    world.reconcile().await;
    assert_eq!(world.server.object(OUTPUT), Value::Null);
    assert_eq!(
        (data(&world, RENAMED), told(&world)),
        (json!({"A": "MQ=="}), json!("new"))
    );
    respec(&world, |spec| spec["output"] = Value::Null);
    world.reconcile().await;
    assert_eq!(
        (world.server.object(RENAMED), told(&world)),
        (Value::Null, Value::Null)
    );
}

#[tokio::test]
async fn one_that_cannot_be_removed_is_remembered_until_it_can() {
    let world = with_output("A=1\n").await;
    world.server.refuse(OUTPUT, 403);
    respec(&world, |spec| spec["output"] = Value::Null);
    world.reconcile().await;
    assert_eq!(
        (told(&world), world.ready().0.as_str()),
        (json!("out"), "OutputForbidden")
    );
    world.server.relent();
    world.reconcile().await;
    assert_eq!(
        (world.server.object(OUTPUT), told(&world)),
        (Value::Null, Value::Null)
    );
}

#[tokio::test]
async fn suspended_it_stays_as_it_is() {
    let world = with_output("A=1\n").await;
    let edited = json!({"B": "MQ=="});
    let mut secret = world.server.object(OUTPUT);
    secret["data"] = edited.clone();
    secret["metadata"]["resourceVersion"] = json!("9");
    world.server.put(OUTPUT, secret);
    respec(&world, |spec| {
        spec["suspend"] = json!(true);
        spec["output"] = Value::Null;
    });
    world.reconcile().await;
    assert_eq!((data(&world, OUTPUT), told(&world)), (edited, json!("out")));
    respec(&world, |spec| spec["suspend"] = json!(false));
    world.reconcile().await;
    assert_eq!(world.server.object(OUTPUT), Value::Null);
}

#[tokio::test]
async fn a_source_that_is_lost_leaves_the_last_good_revision_there() {
    let world = with_output("A=1\n").await;
    world.server.take(OUTPUT);
    respec(&world, |spec| {
        spec["source"] = json!({"secretRef": {"name": "web-env"}})
    });
    world.reconcile().await;
    assert_eq!(
        (world.ready().0.as_str(), data(&world, OUTPUT)),
        ("SourceMissing", json!({"A": "MQ=="}))
    );
}

#[tokio::test]
async fn what_was_tampered_with_is_not_written_out() {
    let world = with_output("A=1\n").await;
    let values = &world.stores.values;
    values.delete(&values.list(None, 9).await.unwrap()).await.unwrap();
    world.server.take(OUTPUT);
    world.reconcile().await;
    assert_eq!(world.ready().0, "Tampered");
    assert_eq!(world.server.object(OUTPUT), Value::Null);
}

#[tokio::test]
async fn retained_or_not_a_deleted_object_leaves_its_secret_to_the_garbage_collector() {
    for policy in ["Delete", "Retain"] {
        let world = with_output("A=1\n").await;
        let mut leaving = world.server.object(WEB);
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        leaving["spec"]["deletionPolicy"] = json!(policy);
        world.server.put(WEB, leaving);
        let asked = world.reconcile().await;
        assert_eq!(world.server.object(WEB), Value::Null);
        assert!(
            asked.iter().all(|asked| !asked.contains("/secrets/")),
            "{policy}: {asked:?}"
        );
        assert_eq!(
            world.server.object(OUTPUT)["metadata"]["ownerReferences"][0]["uid"],
            json!("v-1")
        );
    }
}

#[tokio::test]
async fn a_name_that_is_no_key_is_told_without_it() {
    let name = format!("TIGERKEY{}", "X".repeat(247));
    let world = with_output(&format!("{name}={CANARY}\n")).await;
    let (reason, message) = world.ready();
    assert_eq!(reason, "OutputInvalid");
    assert!(
        message.contains("number 1") && !message.contains("TIGERKEY"),
        "{message}"
    );
    assert_eq!(
        (world.server.object(OUTPUT), world.revision()),
        (Value::Null, json!(1))
    );
}
