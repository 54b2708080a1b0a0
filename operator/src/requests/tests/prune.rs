//! What cannot be opened and whose object is gone goes when somebody who may asks for it, and nothing else does.

use std::time::SystemTime;

use splitvault_vault::{Advance, Cause, Ring};

use super::*;

const LIST: &str = "/apis/splitvault.dev/v1alpha1/vaultsecrets";

/// A world with the content of four objects of which two, `v-1` and `v-2`, are there still. The values of `v-1`,
/// `gone-1` and `gone-2` are lost, and a rotation has found that out.
async fn torn() -> World {
    let mut world = world().await;
    world.context.namespace = "shop".to_owned();
    let object = |uid: &str| json!({"metadata": {"name": uid, "namespace": "shop", "uid": uid}});
    // Two pages.
    let first = json!({"metadata": {"continue": "next"}, "items": [object("v-2")]});
    world.server.put(LIST, first);
    let next = json!({"metadata": {}, "items": [object("v-1")]});
    world.server.follow(LIST, next);
    for uid in ["v-1", "gone-1", "gone-2"] {
        put(&world, uid).await;
    }
    let lost = world.stores.values.list(None, 99).await.unwrap();
    world.stores.values.delete(&lost).await.unwrap();
    for uid in ["v-2", "gone-3"] {
        put(&world, uid).await;
    }
    rotate_names(&world).await;
    assert_eq!(
        world.stores.vault.unreadable().await.unwrap(),
        uids(&["gone-1", "gone-2", "v-1"])
    );
    world
}

async fn put(world: &World, uid: &str) {
    let parsed = parse(b"A=1", &ParseOptions::default()).unwrap().dotenv;
    let vault = &world.stores.vault;
    vault
        .write(uid, &parsed, &SourceDigestInput(b"A=1"), &[], 5)
        .await
        .unwrap();
}

async fn rotate_names(world: &World) {
    let (vault, now) = (&world.stores.vault, SystemTime::now());
    vault.beat(now).await.unwrap();
    assert!(vault.lead(now).await.unwrap());
    vault
        .begin_rotation(Ring::Names, Cause::Requested, now)
        .await
        .unwrap();
    while vault.advance(now, 100).await.unwrap() != Advance::Idle {}
}

fn uids(all: &[&str]) -> std::collections::BTreeSet<String> {
    all.iter().map(|uid| (*uid).to_owned()).collect()
}

async fn stored(world: &World) -> Vec<String> {
    world.stores.vault.uids(None, 99).await.unwrap()
}

const ALL: [&str; 5] = ["gone-1", "gone-2", "gone-3", "v-1", "v-2"];

#[tokio::test]
async fn a_dry_run_tells_and_removes_nothing() {
    let world = torn().await;
    world.server.allow("anna", "prune", true);
    world.ask(json!({"action": "Prune", "dryRun": true}));
    let (reason, message) = world.settle().await;
    assert_eq!(reason, "Done");
    assert!(
        message.contains("2 environments")
            && message.ends_with("would be removed, by its UID: gone-1, gone-2"),
        "{message}"
    );
    assert_eq!(stored(&world).await, ALL);
}

#[tokio::test]
async fn what_nobody_can_mend_is_removed_and_the_old_key_goes() {
    let world = torn().await;
    world.server.allow("anna", "prune", true);
    world.ask(json!({"action": "Prune"}));
    let (reason, message) = world.settle().await;
    assert_eq!(reason, "Done", "{message}");
    assert_eq!(
        stored(&world).await,
        ["gone-3", "v-1", "v-2"],
        "what can be opened stays, and what has an object"
    );
    let vault = &world.stores.vault;
    assert_eq!(vault.unreadable().await.unwrap(), uids(&["v-1"]));
    assert_eq!(vault.key_lines(Ring::Names).await.unwrap().len(), 2);
    // The object's own is mended through the object.
    vault.remove("v-1").await.unwrap();
    while vault.advance(SystemTime::now(), 100).await.unwrap() != Advance::Idle {}
    assert_eq!(vault.key_lines(Ring::Names).await.unwrap().len(), 1);
    world.ask(json!({"action": "Prune"}));
    assert!(world.settle().await.1.contains("nothing"));
}

#[tokio::test]
async fn nothing_goes_while_it_is_not_known_which_objects_there_are() {
    let world = torn().await;
    world.server.allow("anna", "prune", true);
    for status in [401, 403, 404, 410, 500, 503] {
        world.server.refuse(LIST, status);
        world.ask(json!({"action": "Prune"}));
        assert_eq!(world.settle().await.0, "Unavailable", "{status}");
        assert_eq!(stored(&world).await, ALL);
    }
}

#[tokio::test]
async fn who_may_rotate_may_not_remove() {
    let world = torn().await;
    for verb in ["rotate", "rewrap", "audit"] {
        world.server.allow("anna", verb, true);
    }
    for dry_run in [json!(true), json!(null)] {
        world.ask(json!({"action": "Prune", "dryRun": dry_run}));
        assert_eq!(world.settle().await.0, "Denied");
    }
    assert_eq!(stored(&world).await, ALL);
}
