//! VaultSecrets that were asked for a moment ago.

use serde_json::json;

use super::super::*;
use super::{WEB, World, stored};

/// With a watch that is live.
async fn world() -> World {
    let world = super::world().await;
    world.latest.watch();
    world
}

/// Who may have `web` from now on; the watch has not told of it.
fn access(world: &World, account: &str) {
    let mut web = world.server.object(WEB);
    web["spec"]["access"] = json!({"serviceAccounts": [account]});
    web["metadata"]["resourceVersion"] = json!(account);
    world.server.put(WEB, web);
}

fn told(world: &World, version: &str) {
    world.latest.changed("shop", "web", version);
}

fn looks(world: &World) -> usize {
    let asked = world.server.asked();
    asked.iter().filter(|path| path.contains("vaultsecrets")).count()
}

#[tokio::test]
async fn a_vaultsecret_is_asked_for_once_and_token_and_pod_every_time() {
    let world = world().await;
    for looked in [1, 0, 0] {
        world.delivered(None).await;
        let asked = world.server.asked();
        let many = |part: &str| asked.iter().filter(|path| path.contains(part)).count();
        assert_eq!(
            [many("tokenreviews"), many("/pods/"), many("vaultsecrets")],
            [1, 1, looked]
        );
    }
}

#[tokio::test]
async fn a_right_that_was_taken_away_is_gone_when_the_watch_has_told() {
    let world = world().await;
    let tag = world.delivered(None).await.tag;
    access(&world, "other");
    told(&world, "other");
    assert_eq!(world.refused("good").await, Reason::NotAllowed);
    assert_eq!(world.ask("good", Some(&tag)).await.0, 403);
}

#[tokio::test]
async fn a_right_that_was_just_given_is_not_waited_for() {
    let world = world().await;
    // Somebody else was just answered.
    access(&world, "other");
    assert!(world.latest.ask("shop", "web").await.unwrap().is_some());
    looks(&world);
    assert_eq!(world.refused("good").await, Reason::NotAllowed);
    assert_eq!(looks(&world), 1, "asked for before it is refused");
    access(&world, "web");
    world.delivered(None).await;
}

#[tokio::test]
async fn one_that_was_made_anew_is_another() {
    let world = world().await;
    world.delivered(None).await;
    world.server.put(WEB, stored(&world.stores, "v-2", "other").await);
    told(&world, "2");
    let answer = world.delivered(None).await;
    let delivery = world.open(&answer);
    assert_eq!(delivery.environments[0].variables[0].value.expose(), "other");
}

#[tokio::test]
async fn an_api_server_that_does_not_vouch_for_the_pod_gets_nothing_out_of_memory() {
    let world = world().await;
    world.delivered(None).await;
    for (path, reason) in [
        (super::POD, Reason::Unavailable),
        ("/apis/authentication.k8s.io/v1/tokenreviews", Reason::Unavailable),
    ] {
        world.server.refuse(path, 500);
        assert_eq!(world.refused("good").await, reason);
        world.server.relent();
    }
}
