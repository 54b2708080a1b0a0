//! What stands in the audit trail.

use super::super::*;
use super::{review, world};
use crate::fixture::Log;

#[tokio::test]
async fn each_answer_and_each_failed_review_is_one_line() {
    let (world, log) = (world().await, Log::default());
    let _listening = log.listen();
    let tag = world.delivered(None).await.tag;
    assert_eq!(world.ask("good", Some(&tag)).await.0, 204);
    assert_eq!(world.refused("CANARYtoken").await, Reason::Unauthenticated);
    world
        .server
        .token("audience", review("web-1", "u-1", "other", "web"));
    let request = world.request(None);
    let mut request = http::Request::post(DELIVER_PATH)
        .header("authorization", "Bearer audience")
        .body(Body::from(request))
        .unwrap();
    request.extensions_mut().insert(Peer([10, 0, 0, 7].into()));
    assert_eq!(world.answer(request).await.status(), 401);
    let lines = log.of("splitvault::audit");
    let reasons: Vec<_> = lines
        .iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        ["Delivered", "Current", "Unauthenticated", "Unauthenticated"]
    );
    assert_eq!(lines[0]["vault_secrets"], "web:1");
    assert_eq!(lines[1]["vault_secrets"], "web:1");
    assert_eq!(lines[3]["peer"], "10.0.0.7");
    assert!(!log.text().contains("CANARY"));
}
