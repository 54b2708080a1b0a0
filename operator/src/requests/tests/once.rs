//! What was begun and not told is told, and not done again; and what concerns the installation's keys.

use std::time::SystemTime;

use splitvault_api::KeyTrail;
use splitvault_vault::keys::Deed;
use splitvault_vault::{Advance, Cause, Ring};

use super::*;

fn back(revision: u64) -> Value {
    json!({"action": "Rollback", "vaultSecretName": "web", "revision": revision})
}

#[tokio::test]
async fn the_content_of_an_earlier_revision_comes_back_as_a_new_one() {
    let world = world().await;
    world.server.allow("anna", "rollback", true);
    world.write("A=1").await;
    world.write("A=2").await;
    world.ask(back(1));
    assert_eq!(
        world.settle().await,
        (
            "Done".to_owned(),
            "revision 3 has the content of revision 1".to_owned()
        )
    );
    assert_eq!(world.content().await, (3, "1".to_owned()));
    let described = world.stores.vault.describe("v-1").await.unwrap().unwrap();
    assert_eq!(described.restored_from, Some(1));
    world.ask(back(9));
    assert_eq!(world.settle().await.0, "UnknownRevision");
    assert_eq!(world.content().await.0, 3);
}

#[tokio::test]
async fn a_rollback_whose_status_was_lost_is_told_and_not_done_again() {
    let world = world().await;
    world.server.allow("anna", "rollback", true);
    world.write("A=1").await;
    world.write("A=2").await;
    world.ask(back(1));
    world.reconcile().await;
    world.server.refuse(&format!("{REQUEST}/status"), 503);
    world.reconcile().await;
    assert_eq!(world.content().await.0, 3, "it was done");
    assert!(!world.over());
    world.server.relent();
    world.server.allow("anna", "rollback", false);
    assert_eq!(world.settle().await.0, "Done");
    assert_eq!(world.content().await, (3, "1".to_owned()));
    assert_eq!(world.status()["revision"], 3);
}

#[tokio::test]
async fn somebody_elses_revision_between_is_not_rolled_over() {
    let world = world().await;
    world.server.allow("anna", "rollback", true);
    world.write("A=1").await;
    world.write("A=2").await;
    world.ask(back(1));
    world.reconcile().await;
    world.write("A=3").await;
    assert_eq!(world.settle().await.0, "Conflict");
    assert_eq!(world.content().await, (3, "3".to_owned()));
}

/// A world whose installation is in the namespace of the requests, and whose process leads.
async fn leading() -> World {
    let mut world = world().await;
    world.context.namespace = "shop".to_owned();
    let vault = &world.stores.vault;
    vault.beat(SystemTime::now()).await.unwrap();
    assert!(vault.lead(SystemTime::now()).await.unwrap());
    world
}

impl World {
    async fn made(&self, ring: Ring) -> usize {
        let log = self.stores.vault.key_log().await.unwrap();
        let made = log
            .iter()
            .filter(|event| (event.ring, event.deed, event.cause) == (ring, Deed::Created, Cause::Requested));
        made.count()
    }
}

#[tokio::test]
async fn a_master_key_is_rotated_once_and_followed_to_its_end() {
    let world = leading().await;
    world.server.allow("anna", "rotate", true);
    world.write("A=1").await;
    world.ask(json!({"action": "RotateMasterKey", "ring": "All"}));
    world.reconcile().await;
    // The keys are made, and the status that would say so is lost.
    world.server.refuse(&format!("{REQUEST}/status"), 503);
    world.reconcile().await;
    world.server.relent();
    world.reconcile().await;
    assert_eq!(
        (world.made(Ring::Names).await, world.made(Ring::Values).await),
        (1, 1)
    );
    assert_eq!(world.status()["begun"].as_array().unwrap().len(), 2);
    world.reconcile().await;
    assert_eq!(world.status()["progress"]["state"], "Pending");
    let vault = &world.stores.vault;
    for _ in 0..200 {
        vault.beat(SystemTime::now()).await.unwrap();
        if vault.advance(SystemTime::now(), 100).await.unwrap() == Advance::Idle {
            break;
        }
    }
    assert_eq!(world.settle().await.0, "Done");
    assert_eq!(
        world.status()["progress"],
        json!({"done": 1, "total": 1, "state": "Done"})
    );
    assert_eq!(
        (world.made(Ring::Names).await, world.made(Ring::Values).await),
        (1, 1)
    );
    assert_eq!(world.content().await, (1, "1".to_owned()));
}

#[tokio::test]
async fn another_sealing_key_is_made_once() {
    let world = leading().await;
    world.server.allow("anna", "rotate", true);
    let before = world.stores.vault.sealing_keys()[0].id();
    world.ask(json!({"action": "RotateSealingKey"}));
    world.reconcile().await;
    world.server.refuse(&format!("{REQUEST}/status"), 503);
    world.reconcile().await;
    world.server.relent();
    assert_eq!(world.settle().await.0, "Done");
    assert_eq!(world.made(Ring::Sealing).await, 1);
    let keys = world.stores.vault.sealing_keys();
    assert!(keys[0].id() != before && keys.iter().any(|key| key.id() == before));
}

#[tokio::test]
async fn who_does_not_lead_waits_and_makes_nothing() {
    let mut world = world().await;
    world.context.namespace = "shop".to_owned();
    world.server.allow("anna", "rotate", true);
    world.ask(json!({"action": "RotateMasterKey", "ring": "Values"}));
    assert_eq!(world.settle().await.0, "Unavailable");
    assert_eq!(world.made(Ring::Values).await, 0);
}

#[tokio::test]
async fn the_key_log_is_answered_to_the_one_key_that_asked() {
    let mut world = world().await;
    world.context.namespace = "shop".to_owned();
    world.server.allow("anna", "audit", true);
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    world.ask(json!({"action": "AuditKeys", "publicKey": key.public().to_text()}));
    assert_eq!(world.settle().await.0, "Done");
    let answer = STANDARD
        .decode(world.status()["answer"].as_str().unwrap())
        .unwrap();
    let text = key
        .open(&sealing::Context::Answer { request_uid: "r-1" }, &answer)
        .unwrap();
    let trail: KeyTrail = serde_json::from_slice(text.expose()).unwrap();
    assert_eq!(trail.broken_at, None);
    let active = |ring: &str| {
        trail
            .events
            .iter()
            .any(|event| event.ring == ring && event.event == "activated")
    };
    assert!(active("names") && active("values"), "{:?}", trail.events);
}

#[tokio::test]
async fn keys_that_are_wrapped_as_they_should_be_are_left_alone() {
    let world = leading().await;
    world.server.allow("anna", "rewrap", true);
    world.ask(json!({"action": "Rewrap"}));
    let (reason, message) = world.settle().await;
    assert_eq!(reason, "Done");
    assert!(message.contains("already"), "{message}");
}
