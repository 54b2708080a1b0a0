//! What is wrong with the stores, or changes under a reconcile.

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use splitvault_values::{StoreError, Token, ValueStore};

use super::super::*;
use super::{WEB, object, world};
use crate::fixture::{stores, stores_over};

#[tokio::test]
async fn a_database_older_than_the_status_is_reported_and_not_overwritten() {
    let world = world(stores().await);
    world.server.put(WEB, object(world.seal("web", "A=1")));
    world.reconcile().await;
    let stored = world.stored().await;
    let mut tampered = world.server.object(WEB);
    tampered["status"]["revision"] = json!(7);
    tampered["spec"] = world.seal("web", "A=2");
    world.server.put(WEB, tampered);
    world.reconcile().await;
    assert_eq!(world.ready().0, "RolledBack");
    assert_eq!(
        (world.stored().await, world.revision()),
        (stored.clone(), json!(7))
    );
    let mut other = world.server.object(WEB);
    other["status"]["revision"] = json!(1);
    other["status"]["digest"] = json!("00".repeat(32));
    world.server.put(WEB, other);
    world.reconcile().await;
    assert_eq!(
        (world.ready().0.as_str(), world.stored().await),
        ("Tampered", stored)
    );
}

#[tokio::test]
async fn deletion_empties_both_stores_and_retain_does_not() {
    for (policy, left) in [("Delete", false), ("Retain", true)] {
        let world = world(stores().await);
        world.server.put(
            WEB,
            object(json!({"generate": [{"name": "A"}], "deletionPolicy": policy})),
        );
        world.reconcile().await;
        let mut leaving = world.server.object(WEB);
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        world.server.put(WEB, leaving);
        world.reconcile().await;
        assert_eq!(world.server.object(WEB), Value::Null, "the finalizer is gone");
        assert_eq!(world.stored().await.is_some(), left);
        assert_eq!(!world.stores.values.list(None, 9).await.unwrap().is_empty(), left);
    }
}

#[tokio::test]
async fn a_suspended_object_keeps_what_is_stored() {
    let world = world(stores().await);
    world.server.put(WEB, object(world.seal("web", "A=1")));
    world.reconcile().await;
    let mut spec = world.seal("web", "A=2");
    spec["suspend"] = json!(true);
    let mut suspended = world.server.object(WEB);
    suspended["spec"] = spec;
    world.server.put(WEB, suspended);
    world.reconcile().await;
    assert_eq!(
        (world.ready().0.as_str(), world.stored().await.unwrap().0),
        ("Suspended", 1)
    );
}

struct Down;

#[async_trait]
impl ValueStore for Down {
    async fn put(&self, _: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        Err(StoreError::Unavailable)
    }
    async fn get(&self, _: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        Err(StoreError::Unavailable)
    }
    async fn delete(&self, _: &[Token]) -> Result<(), StoreError> {
        Err(StoreError::Unavailable)
    }
    async fn list(&self, _: Option<Token>, _: u32) -> Result<Vec<Token>, StoreError> {
        Err(StoreError::Unavailable)
    }
    async fn count_part(&self, _: [u8; 8], _: u8) -> Result<u64, StoreError> {
        Err(StoreError::Unavailable)
    }
    async fn checkpoint(&self) -> Result<(), StoreError> {
        Err(StoreError::Unavailable)
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_waited_for() {
    let world = world(stores_over(tempfile::tempdir().unwrap(), Arc::new(Down)).await);
    world
        .server
        .put(WEB, object(json!({"generate": [{"name": "A"}]})));
    world.reconcile().await;
    assert_eq!(world.ready().0, "StoreUnavailable");
    let conditions = world.server.object(WEB)["status"]["conditions"].clone();
    let reconciling = conditions
        .as_array()
        .unwrap()
        .iter()
        .any(|c| c["type"] == "Reconciling" && c["status"] == "True");
    assert!(reconciling, "{conditions}");
}

#[tokio::test]
async fn an_object_that_was_made_again_meanwhile_is_left_alone() {
    let world = world(stores().await);
    let mut old = object(json!({"generate": [{"name": "A"}]}));
    world.server.put(WEB, old.clone());
    old["apiVersion"] = json!("meta.k8s.io/v1");
    old["kind"] = json!("PartialObjectMetadata");
    let mut new = object(json!({"generate": [{"name": "A"}]}));
    new["metadata"]["uid"] = json!("v-2");
    world.server.put(WEB, new.clone());
    world
        .context
        .reconcile(&serde_json::from_value(old).unwrap())
        .await;
    assert_eq!(world.server.object(WEB), new);
    assert_eq!(world.stored().await, None);
}

#[tokio::test]
async fn a_value_that_is_lost_is_reported_once_a_delivery_found_out_and_until_it_is_back() {
    let world = world(stores().await);
    world.server.put(WEB, object(world.seal("web", "A=1")));
    world.reconcile().await;
    let values = &world.stores.values;
    let tokens = values.list(None, 9).await.unwrap();
    values.delete(&tokens).await.unwrap();
    assert!(
        world.stores.vault.read("v-1").await.is_err(),
        "as a delivery does"
    );
    world.reconcile().await;
    assert_eq!(world.ready().0, "Tampered");
    world.reconcile().await;
    assert_eq!(
        world.ready().0,
        "Tampered",
        "whole by its manifest, it stays tampered with"
    );
}

#[tokio::test]
async fn what_an_earlier_process_found_is_looked_at_before_it_is_trusted() {
    let world = world(stores().await);
    world.server.put(WEB, object(world.seal("web", "A=1")));
    world.reconcile().await;
    let say = |reason: &str| {
        let mut told = world.server.object(WEB);
        told["status"]["conditions"][0]["status"] = json!("False");
        told["status"]["conditions"][0]["reason"] = json!(reason);
        world.server.put(WEB, told);
    };
    say("Tampered");
    world.reconcile().await;
    assert_eq!(world.ready().0, "Synced", "it reads whole");
    let values = &world.stores.values;
    values.delete(&values.list(None, 9).await.unwrap()).await.unwrap();
    say("Tampered");
    world.reconcile().await;
    assert_eq!(world.ready().0, "Tampered");
}

#[tokio::test]
async fn a_lower_limit_forgets_history_at_once() {
    let world = world(stores().await);
    for text in ["A=1", "A=2", "A=3"] {
        world
            .server
            .put(WEB, with_status(&world, world.seal("web", text)));
        world.reconcile().await;
    }
    assert_eq!(
        world.server.object(WEB)["status"]["history"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let mut spec = world.server.object(WEB)["spec"].clone();
    spec["historyLimit"] = json!(0);
    world.server.put(WEB, with_status(&world, spec));
    world.reconcile().await;
    assert_eq!(world.revision(), json!(3), "the content is the same");
    assert_eq!(world.stores.vault.history("v-1").await.unwrap(), []);
    assert_eq!(world.stores.values.list(None, 9).await.unwrap().len(), 1);
}

fn with_status(world: &super::World, spec: Value) -> Value {
    let mut changed = object(spec);
    changed["status"] = world.server.object(WEB)["status"].clone();
    changed
}

#[tokio::test]
async fn suspicions_that_nobody_looks_at_do_not_pile_up() {
    let (suspicions, suspected) = suspicions();
    for number in 0..1000 {
        suspicions.raise("shop", &format!("web-{number}"));
    }
    drop(suspicions);
    assert_eq!(suspected.requests(reflector::store().0).count().await, SUSPICIONS);
}

#[test]
fn a_finalizer_that_is_taken_away_is_a_reason_to_look_and_a_status_is_none() {
    let seen = |change: fn(&mut Value)| {
        let mut object = object(json!({"generate": [{"name": "A"}]}));
        object["metadata"]["finalizers"] = json!([FINALIZER]);
        change(&mut object);
        let mut meta: Meta = serde_json::from_value(object).unwrap();
        strip(&mut meta);
        changes().hash_property(&meta)
    };
    let before = seen(|_| {});
    assert_eq!(seen(|o| o["metadata"]["resourceVersion"] = json!("2")), before);
    assert_ne!(seen(|o| o["metadata"]["finalizers"] = json!([])), before);
    // A new object gets its finalizer, which is no reason to look twice.
    let new = seen(|o| {
        o["metadata"]["finalizers"] = json!([]);
        o["metadata"]["creationTimestamp"] = json!(k8s_openapi::jiff::Timestamp::now().to_string());
    });
    assert_eq!(new, before);
    assert_ne!(seen(|o| o["metadata"]["generation"] = json!(2)), before);
}
