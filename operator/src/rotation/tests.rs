//! What the operator shows of draws: nothing, until one hits.

use splitvault_vault::Cause;

use super::*;
use crate::args;
use crate::controller::suspicions;
use crate::fixture::{Server, Stores, stores};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn rotator(
    stores: &Stores,
    witness: Option<Witness>,
    metrics: &Metrics,
    dice: fn() -> Result<u64, RotationError>,
) -> Rotator {
    let args = args::Rotation {
        rotation_max_age: DAY * 90,
        rotation_max_operations: 1 << 40,
        rotation_schedule: None,
        rotation_rate: 0,
    };
    Rotator {
        vault: stores.vault.clone(),
        witness,
        schedule: ScheduleFiles::new(&args),
        dice,
        rate: Rate::new(0),
        metrics: metrics.clone(),
        suspicions: suspicions().0,
    }
}

/// What can be seen from outside after each of ten looks: metrics, and what the API server was asked.
async fn seen(dice: fn() -> Result<u64, RotationError>) -> (Vec<String>, Vec<String>) {
    let (server, stores, metrics) = (Server::default(), stores().await, Metrics::new());
    let witness = Witness::new(server.client(), "vault");
    let rotator = rotator(&stores, Some(witness), &metrics, dice);
    let mut shown = Vec::new();
    for look in 0..10 {
        rotator.take_part().await.unwrap();
        let now = SystemTime::now() + DAY * 2 + Duration::from_secs(60) * look;
        rotator.draw(now).await.unwrap();
        shown.push(metrics.encode().unwrap());
    }
    (shown, server.asked())
}

#[tokio::test]
async fn nothing_that_is_shown_tells_which_draws_were_close() {
    // The first look is a day past the minimum age and hits with 1 - exp(-1/30), which is just below 1/30.
    let far = seen(|| Ok(u64::MAX)).await;
    let near = seen(|| Ok(u64::MAX / 30)).await;
    assert!(far == near);
    // A positive control: one that hits is shown, afterwards.
    let hit = seen(|| Ok(0)).await;
    assert!(hit.0 != far.0 && hit.0[9].contains("splitvault_master_key_rotations_total"));
}

/// Wherever a rotation is. That whoever comes next waits after all means that somebody else was killed before: the lease
/// of a process that is killed runs out by itself.
#[tokio::test]
async fn a_replica_that_is_told_to_stop_gives_the_lease_back() {
    let stores = stores().await;
    let variables = splitvault_dotenv::parse(b"A=1", &splitvault_dotenv::ParseOptions::default());
    for uid in 0..200 {
        let (vault, source) = (&stores.vault, splitvault_vault::SourceDigestInput(b"A=1"));
        let dotenv = &variables.as_ref().unwrap().dotenv;
        vault
            .write(&format!("uid-{uid}"), dotenv, &source, &[], 0)
            .await
            .unwrap();
    }
    let next = stores.another().await;
    for round in 0..20 {
        let (metrics, shutdown) = (Metrics::new(), CancellationToken::new());
        let rotator = rotator(&stores, None, &metrics, || Ok(u64::MAX));
        let (vault, now) = (Arc::clone(&stores.vault), SystemTime::now());
        assert!(vault.lead(now).await.unwrap());
        vault
            .begin_rotation(Ring::Names, Cause::Requested, now)
            .await
            .unwrap();
        let running = tokio::spawn(run(rotator, shutdown.clone()));
        while !metrics.encode().unwrap().contains("splitvault_rotation_leader 1") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Each round is stopped a little later.
        tokio::time::sleep(Duration::from_millis(3 * round)).await;
        shutdown.cancel();
        running.await.unwrap();
        assert_eq!(next.lead(SystemTime::now()).await, Ok(true), "without waiting");
        next.leave().await.unwrap();
    }
}

#[tokio::test]
async fn what_goes_with_the_process_is_remembered_nowhere() {
    let (server, stores, metrics) = (Server::default(), stores().await, Metrics::new());
    let rotator = rotator(&stores, None, &metrics, || Ok(0));
    rotator.take_part().await.unwrap();
    rotator.draw(SystemTime::now() + DAY * 100).await.unwrap();
    assert_eq!(server.asked(), [""; 0]);
    assert_eq!(
        server.object("/api/v1/namespaces/vault/configmaps/splitvault-key-log"),
        serde_json::Value::Null
    );
}
