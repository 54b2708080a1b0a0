//! Some variables only, and under other names.

use serde_json::json;

use super::super::*;
use super::{CANARY, POD, pod, world};

fn picking(variables: &str) -> serde_json::Value {
    let mut pod = pod("u-1", "web", "web");
    pod["metadata"]["annotations"]["splitvault.dev/variables"] = json!(variables);
    pod
}

#[tokio::test]
async fn a_pod_gets_what_it_picks_under_the_name_that_it_says() {
    let world = world().await;
    world.server.put(POD, picking("RENAMED=web/TIGERKEY"));
    let answer = world.delivered(None).await;
    let delivery = world.open(&answer);
    let variables = &delivery.environments[0].variables;
    assert_eq!(variables.len(), 1);
    assert_eq!(
        (variables[0].name.expose(), variables[0].value.expose()),
        ("RENAMED", CANARY)
    );
    assert_eq!(world.ask("good", Some(&answer.tag)).await.0, 204);

    // Another selection is another answer, at the next refresh.
    let mut prefixed = pod("u-1", "web", "web");
    prefixed["metadata"]["annotations"]["splitvault.dev/prefix"] = json!("APP_");
    world.server.put(POD, prefixed);
    let answer = world.delivered(Some(&answer.tag)).await;
    let delivery = world.open(&answer);
    assert_eq!(
        delivery.environments[0].variables[0].name.expose(),
        "APP_TIGERKEY"
    );
}

#[tokio::test]
async fn what_is_picked_and_not_there_is_waited_for_and_told_without_a_name_of_the_vaultsecret() {
    let world = world().await;
    world.server.put(POD, picking("NOPE"));
    assert_eq!(world.refused("good").await, Reason::NotReady);
    let events = world.server.events();
    let note = events[0]["note"].as_str().unwrap();
    assert!(
        note.contains("VaultSecret web") && note.contains("NOPE") && !note.contains("TIGER"),
        "{note}"
    );
}

#[tokio::test]
async fn what_cannot_be_understood_gets_nothing() {
    let world = world().await;
    for variables in ["", "db/A", "A=", "=", "A,A"] {
        world.server.put(POD, picking(variables));
        assert_eq!(world.refused("good").await, Reason::NotRequested, "{variables}");
    }
}
