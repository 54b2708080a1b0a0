//! What the operator shows of draws: nothing, until one hits.

use super::*;
use crate::args;
use crate::controller::suspicions;
use crate::fixture::{Server, stores};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What can be seen from outside after each of ten looks: metrics, and what the API server was asked.
async fn seen(dice: fn() -> Result<u64, RotationError>) -> (Vec<String>, Vec<String>) {
    let (server, stores) = (Server::default(), stores().await);
    let metrics = Metrics::new();
    let args = args::Rotation {
        rotation_max_age: DAY * 90,
        rotation_max_operations: 1 << 40,
        rotation_schedule: None,
        rotation_rate: 0,
    };
    let rotator = Rotator {
        vault: stores.vault.clone(),
        client: server.client(),
        namespace: "vault".to_owned(),
        schedule: ScheduleFiles::new(&args),
        dice,
        rate: Rate::new(0),
        metrics: metrics.clone(),
        suspicions: suspicions().0,
    };
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
