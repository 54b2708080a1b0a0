//! Rotations of the CA under schedules of all kinds.

use proptest::prelude::*;

use super::world::{PACE, World};
use super::*;

/// What may happen at any moment.
#[derive(Debug, Clone)]
enum Event {
    Tick(u64),
    Look(usize),
    LookTogether,
    Crash(usize, usize),
    Sync,
    Admit(usize),
    Refresh(usize, usize),
    Ask,
    AskTwice,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..25_u64).prop_map(Event::Tick),
        2 => (0..2_usize).prop_map(Event::Look),
        1 => Just(Event::LookTogether),
        2 => (0..2_usize, 0..5_usize).prop_map(|(at, writes)| Event::Crash(at, writes)),
        3 => Just(Event::Sync),
        1 => (0..2_usize).prop_map(Event::Admit),
        2 => (0..9_usize, 0..2_usize).prop_map(|(which, at)| Event::Refresh(which, at)),
        1 => Just(Event::Ask),
        1 => Just(Event::AskTwice),
    ]
}

async fn happen(world: &mut World, event: &Event) {
    match *event {
        Event::Tick(seconds) => world.tick(Duration::from_secs(seconds)).await,
        Event::Look(at) => world.look(at).await,
        Event::LookTogether => world.look_together().await,
        Event::Crash(at, writes) => world.crash(at, writes).await,
        Event::Sync => world.sync(),
        Event::Admit(at) => world.admit(at),
        Event::Refresh(which, at) => world.refresh(which, at),
        Event::Ask => drop(world.rotation().start(world.now).await.unwrap()),
        Event::AskTwice => {
            let (one, two) = (world.rotation(), world.rotation());
            let (one, two) = tokio::join!(one.start(world.now), two.start(world.now));
            assert_eq!(one.unwrap(), two.unwrap(), "both speak of the same one");
        }
    }
}

/// Lets the world be for as long as a whole rotation takes, and a look longer.
async fn settle(world: &mut World) {
    for _ in 0..30 {
        world.tick(Duration::from_secs(10)).await;
        world.sync();
        world.check();
        if world.trusted() == 1 {
            return;
        }
    }
    panic!("the rotation does not come to an end");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whoever_talked_before_a_step_talks_after_it_whatever_happens(events in prop::collection::vec(event(), 1..70)) {
        runtime().block_on(async {
            let mut world = World::new().await;
            for event in &events {
                happen(&mut world, event).await;
                world.check();
                assert!(world.trusted() <= 2);
            }
            settle(&mut world).await;
        });
    }
}

#[tokio::test]
async fn a_rotation_that_is_asked_for_ends_with_another_ca_alone_and_a_pod_of_before_still_connects() {
    let mut world = World::new().await;
    let before = world.bundle();
    for round in 0..3 {
        let begun = world.rotation().start(world.now).await.unwrap();
        assert!(matches!(begun, Progress::Announced { .. }), "{begun:?}");
        settle(&mut world).await;
        assert_eq!(world.trusted(), 1, "round {round}");
    }
    assert_ne!(world.bundle(), before);
    assert_eq!(
        world.sidecars[0], before,
        "which `check` has connected with in every stage"
    );
}

#[tokio::test]
async fn an_old_ca_is_followed_by_itself() {
    let mut world = World::new().await;
    world.tick(PACE.max_age - Duration::from_secs(5)).await;
    assert_eq!(world.trusted(), 1);
    world.tick(Duration::from_secs(5)).await;
    world.look(0).await;
    assert_eq!(world.trusted(), 2);
}

#[tokio::test]
async fn nothing_signs_before_the_store_knows_it() {
    let mut world = World::new().await;
    world.rotation().start(world.now).await.unwrap();
    let first = world.bundle();
    // The store's volume is stuck.
    for _ in 0..30 {
        world.tick(Duration::from_secs(10)).await;
        world.check();
    }
    assert_eq!(world.bundle(), first, "still the old one signs");
    world.sync();
    settle(&mut world).await;
    assert_ne!(world.bundle(), first);
}

#[tokio::test]
async fn of_two_operators_that_take_a_step_one_does() {
    let world = World::new().await;
    let safe = safe::Safe::new(world.server.client(), "vault".to_owned());
    let found = [
        safe.read().await.unwrap().unwrap(),
        safe.read().await.unwrap().unwrap(),
    ];
    let [one, two] = found
        .each_ref()
        .map(|found| found.succession.next(world.now).unwrap());
    assert!(safe.swap(&found[0], &one).await.unwrap());
    let taken = world.server.object(super::world::AUTHORITY);
    assert!(!safe.swap(&found[1], &two).await.unwrap());
    assert_eq!(world.server.object(super::world::AUTHORITY), taken);
}

#[tokio::test]
async fn a_garbled_or_lost_secret_is_told_and_not_written_to() {
    let world = World::new().await;
    let whole = world.server.object(super::world::AUTHORITY);
    let mut broken = whole.clone();
    broken["data"]["ca.key"] = serde_json::Value::from("Z2FyYmFnZQ==");
    world.server.put(super::world::AUTHORITY, broken.clone());
    world.server.asked();
    let refused = world.rotation().start(world.now).await;
    assert!(matches!(refused, Err(PkiError::Authority)), "{refused:?}");
    world.server.take(super::world::AUTHORITY);
    let refused = world.rotation().start(world.now).await;
    assert!(matches!(refused, Err(PkiError::Gone)), "{refused:?}");
    let asked = world.server.asked();
    assert!(asked.iter().all(|asked| asked.starts_with("GET ")), "{asked:?}");
}
