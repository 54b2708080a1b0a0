//! When workloads are to be restarted, and what the status says of it.

use serde_json::{Value, json};

use super::*;
use crate::restart::{Change, Pace, Progress, Roller, Work};

const PODS: &str = "/api/v1/namespaces/shop/pods";

fn restarting(world: &World, text: &str) -> Value {
    let mut spec = world.seal("web", text);
    spec["onChange"] = json!("Restart");
    spec
}

/// Changes the spec, and keeps the status.
fn respec(world: &World, spec: Value) {
    let mut object = world.server.object(WEB);
    object["spec"] = spec;
    world.server.put(WEB, object);
}

fn restarted(world: &World) -> Value {
    world.server.object(WEB)["status"]["restartedRevision"].clone()
}

fn said(world: &World, kind: &str) -> Option<String> {
    let conditions = world.server.object(WEB)["status"]["conditions"].clone();
    let found = conditions
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == kind)?;
    Some(found["message"].as_str().unwrap().to_owned())
}

/// What the roller would be asked for again.
fn wanted(world: &World, revision: u64) -> Progress {
    let digest = world.server.object(WEB)["status"]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let (namespace, name, uid) = ("shop".to_owned(), "web".to_owned(), "v-1".to_owned());
    world.context.rolls.want(Change {
        namespace,
        name,
        uid,
        revision,
        digest,
        first: revision == 1,
    })
}

/// Rolls whatever is wanted, and has the status say so.
async fn roll(world: &World) {
    let pace = Pace {
        settle: Duration::ZERO,
        at_once: 10,
        distance: Duration::ZERO,
    };
    let mut roller = Roller {
        client: world.server.client(),
        rolls: world.context.rolls.clone(),
        pace,
        events: Arc::clone(&world.context.events),
        metrics: world.context.metrics.clone(),
        moved: suspicions().0,
        work: Work::default(),
    };
    roller.look().await;
    world.reconcile().await;
}

/// The object has its first content, and nobody uses it.
async fn begin(world: &World, text: &str) {
    world.server.put(WEB, object(restarting(world, text)));
    world.server.put(PODS, json!({"metadata": {}, "items": []}));
    world.reconcile().await;
    roll(world).await;
    assert_eq!((restarted(world), said(world, "Restarting")), (json!(1), None));
}

#[tokio::test]
async fn the_first_content_restarts_nothing_and_the_next_one_does() {
    let world = world(stores().await);
    begin(&world, "A=1").await;
    respec(&world, restarting(&world, "A=2"));
    world.reconcile().await;
    assert_eq!((world.revision(), restarted(&world)), (json!(2), json!(1)));
    assert!(said(&world, "Restarting").unwrap().contains("revision 2"));
    assert_eq!(world.ready().0, "Synced", "it is ready all the same");
    // Another process goes on from what the status says.
    let again = World {
        context: Context {
            rolls: Rolls::default(),
            ..world.context
        },
        ..world
    };
    again.reconcile().await;
    assert_eq!(
        (wanted(&again, 2), restarted(&again)),
        (Progress::Pending, json!(1))
    );
}

#[tokio::test]
async fn until_somebody_has_looked_for_pods_of_an_earlier_object_the_first_content_is_not_done() {
    let world = world(stores().await);
    world.server.put(WEB, object(restarting(&world, "A=1")));
    for _ in 0..2 {
        world.reconcile().await;
        assert_eq!(
            (world.revision(), restarted(&world), said(&world, "Restarting")),
            (json!(1), json!(0), None)
        );
    }
    assert_eq!(wanted(&world, 1), Progress::Pending);
    world.server.refuse(PODS, 403);
    roll(&world).await;
    assert_eq!(restarted(&world), json!(0));
    assert!(said(&world, "RestartForbidden").is_some());
    // The next content makes it a change as any other.
    respec(&world, restarting(&world, "A=2"));
    world.reconcile().await;
    assert_eq!((world.revision(), restarted(&world)), (json!(2), json!(0)));
    assert_eq!(wanted(&world, 2), Progress::Pending);
}

#[tokio::test]
async fn the_same_content_sealed_anew_or_encrypted_anew_restarts_nothing() {
    let world = world(stores().await);
    begin(&world, "A=1").await;
    respec(&world, restarting(&world, "A=1"));
    world.reconcile().await;
    world.stores.vault.reseal("v-1").await.unwrap();
    world.reconcile().await;
    assert_eq!(
        (world.revision(), restarted(&world), said(&world, "Restarting")),
        (json!(1), json!(1), None)
    );
}

#[tokio::test]
async fn asked_for_later_it_counts_from_then_on() {
    let world = world(stores().await);
    world.server.put(WEB, object(world.seal("web", "A=1")));
    world.reconcile().await;
    respec(&world, world.seal("web", "A=2"));
    world.reconcile().await;
    assert_eq!((world.revision(), restarted(&world)), (json!(2), Value::Null));
    let mut spec = world.server.object(WEB)["spec"].clone();
    spec["onChange"] = json!("Restart");
    respec(&world, spec);
    world.reconcile().await;
    assert_eq!((restarted(&world), said(&world, "Restarting")), (json!(2), None));
    // Together with another content, that one counts.
    respec(&world, world.seal("web", "A=3"));
    world.reconcile().await;
    respec(&world, restarting(&world, "A=4"));
    world.reconcile().await;
    assert_eq!(restarted(&world), json!(3));
    assert!(said(&world, "Restarting").is_some());
    // And no longer asked for, nothing is said.
    respec(&world, world.seal("web", "A=4"));
    world.reconcile().await;
    assert_eq!(
        (restarted(&world), said(&world, "Restarting")),
        (Value::Null, None)
    );
}

#[tokio::test]
async fn suspended_nothing_is_restarted_until_it_goes_on() {
    let world = world(stores().await);
    begin(&world, "A=1").await;
    respec(&world, restarting(&world, "A=2"));
    world.reconcile().await;
    let mut spec = world.server.object(WEB)["spec"].clone();
    spec["suspend"] = json!(true);
    respec(&world, spec.clone());
    world.reconcile().await;
    assert_eq!((restarted(&world), said(&world, "Restarting")), (json!(1), None));
    spec["suspend"] = json!(false);
    respec(&world, spec);
    world.reconcile().await;
    assert_eq!(restarted(&world), json!(1));
    assert!(said(&world, "Restarting").is_some());
}
