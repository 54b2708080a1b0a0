//! Who and what is refused.

use serde_json::json;
use splitvault_crypto::sealing::{Algorithm, KeyPair};
use splitvault_wire::{Problem, ProblemKind};
use tower::ServiceExt as _;

use super::super::*;
use super::{POD, WEB, pod, review, world};

const OTHER: &str = "/api/v1/namespaces/shop/pods/web-2";

#[tokio::test]
async fn tokens_of_others_are_refused() {
    let world = world().await;
    world.server.token(
        "audience",
        review("web-1", "u-1", "https://kubernetes.default.svc", "web"),
    );
    world
        .server
        .token("reborn", review("web-1", "u-0", "splitvault", "web"));
    world
        .server
        .token("gone", review("web-0", "u-0", "splitvault", "web"));
    world
        .server
        .token("account", review("web-1", "u-1", "splitvault", "other"));
    for (token, reason) in [
        ("unknown", Reason::Unauthenticated),
        ("audience", Reason::Unauthenticated),
        ("reborn", Reason::PodNotFound),
        ("gone", Reason::PodNotFound),
        ("account", Reason::Unauthenticated),
    ] {
        assert_eq!(world.refused(token).await, reason, "{token}");
    }
    let body = serde_json::to_vec(&json!({"publicKey": "", "vaultSecrets": ["web"]})).unwrap();
    assert_eq!(world.send(None, body).await.0, 401);
}

#[tokio::test]
async fn pods_that_may_not_are_refused_and_told_so_in_one_event() {
    let world = world().await;
    world.server.put(POD, pod("u-1", "web", "db"));
    assert_eq!(world.refused("good").await, Reason::NotRequested);
    world.server.put(POD, pod("u-1", "other", "web"));
    world
        .server
        .token("other", review("web-1", "u-1", "splitvault", "other"));
    assert_eq!(world.refused("other").await, Reason::NotAllowed);
    assert_eq!(world.refused("other").await, Reason::NotAllowed);
    let events = world.server.events();
    let reasons: Vec<&str> = events
        .iter()
        .map(|event| event["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["NotRequested", "NotAllowed"]);
    assert_eq!(events[0]["regarding"]["uid"], "u-1");
}

#[tokio::test]
async fn a_pod_that_does_not_read_its_answers_gets_no_more_of_them() {
    let world = world().await;
    let request = world.request(None);
    let mut unread = Vec::new();
    for _ in 0..OF_A_POD {
        unread.push(world.response(Some("good"), request.clone()).await);
        assert_eq!(unread.last().unwrap().status(), 200);
    }
    assert_eq!(world.refused("good").await, Reason::TooManyRequests);
    world.server.put(OTHER, other_pod());
    world
        .server
        .token("other", review("web-2", "u-2", "splitvault", "web"));
    assert_eq!(world.ask("other", None).await.0, 200, "others are not affected");
    assert!(unread.pop().is_some());
    assert_eq!(world.ask("good", None).await.0, 200);
    assert_eq!(world.ask("good", None).await.0, 200, "what was read is forgotten");
}

#[tokio::test]
async fn a_change_that_is_being_processed_is_told_to_pods_that_wait_and_to_no_others() {
    let world = world().await;
    let tag = world.delivered(None).await.tag;
    let mut web = world.server.object(super::WEB);
    web["metadata"]["generation"] = serde_json::json!(2);
    world.server.put(super::WEB, web);
    world.server.events();
    assert_eq!(world.ask("good", Some(&tag)).await.0, Reason::NotReady.status());
    assert!(world.server.events().is_empty(), "it passes, and the pod runs");
    assert_eq!(world.refused("good").await, Reason::NotReady);
    assert_eq!(world.server.events().len(), 1, "it waits, and is told why");
}

#[tokio::test]
async fn an_address_that_sends_token_after_token_does_not_load_the_api_server() {
    let world = world().await;
    let mut reviewed = 0;
    let refused = loop {
        match world.refused("unknown").await {
            Reason::Unauthenticated => reviewed += 1,
            other => break other,
        }
    };
    assert_eq!(refused, Reason::TooManyRequests);
    assert_eq!(
        world.server.asked().len(),
        reviewed,
        "the last one was not reviewed"
    );
}

fn other_pod() -> serde_json::Value {
    let mut other = pod("u-2", "web", "web");
    other["metadata"]["name"] = json!("web-2");
    other
}

#[tokio::test]
async fn what_a_sidecar_could_not_write_is_told_in_one_event() {
    let world = world().await;
    let ask = |inject: &'static str, kind| {
        world.server.put(POD, pod("u-1", "web", inject));
        let request = DeliverRequest {
            wait_seconds: None,
            refused: None,
            public_key: world.key.public().to_bytes(),
            vault_secrets: vec!["web".to_owned()],
            tag: None,
            problem: Some(Problem {
                vault_secret: Some("web".to_owned()),
                kind,
            }),
        };
        world.send(Some("good"), serde_json::to_vec(&request).unwrap())
    };
    let (kubelet, long) = (ProblemKind::ValueNotForKubelet, ProblemKind::TooLongForKubelet);
    assert_eq!(ask("db", long).await.0, 403);
    for kind in [kubelet, kubelet] {
        assert_eq!(ask("web", kind).await.0, 200);
    }
    let events = world.server.events();
    let reasons: Vec<_> = events.iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(reasons, ["NotRequested", "ValueNotForKubelet"]);
    assert_eq!(events[1]["regarding"]["name"], "web-1");
    assert_eq!(events[1]["type"], "Warning");
}

#[tokio::test]
async fn a_missing_vaultsecret_and_a_silent_server_are_waited_for() {
    let world = world().await;
    let web = world.server.take(WEB).unwrap();
    assert_eq!(world.refused("good").await, Reason::NotReady);
    world.server.refuse(WEB, 503);
    assert_eq!(world.refused("good").await, Reason::Unavailable);
    world.server.relent();
    world.server.put(WEB, web);
    assert_eq!(world.ask("good", None).await.0, 200);
}

#[tokio::test]
async fn a_rolled_back_database_delivers_nothing() {
    let world = world().await;
    let tag = world.delivered(None).await.tag;
    let mut web = world.server.object(WEB);
    web["status"]["revision"] = json!(9);
    world.server.put(WEB, web);
    assert_eq!(world.refused("good").await, Reason::Tampered);
    assert_eq!(
        world.ask("good", Some(&tag)).await.0,
        500,
        "not even that it is current"
    );
}

#[tokio::test]
async fn hostile_bodies_are_refused_before_anyone_is_asked() {
    let world = world().await;
    let good = serde_json::to_vec(&json!({"publicKey": "AQ==", "vaultSecrets": ["web"]})).unwrap();
    let mut bodies = vec![
        Vec::new(),
        b"CANARY".to_vec(),
        b"[]".to_vec(),
        b"\xff\xfe".to_vec(),
        good.clone(),
    ];
    bodies.extend((0..good.len()).map(|end| good[..end].to_vec()));
    bodies.push(vec![b'['; 60_000]);
    bodies.push(vec![b' '; splitvault_wire::REQUEST_LIMIT + 1]);
    let xwing = KeyPair::make(Algorithm::XWing).unwrap();
    let request = DeliverRequest {
        wait_seconds: None,
        refused: None,
        public_key: xwing.public().to_bytes(),
        vault_secrets: vec!["web".to_owned()],
        tag: None,
        problem: None,
    };
    bodies.push(serde_json::to_vec(&request).unwrap());
    for body in bodies {
        let (status, answer) = world.send(Some("good"), body).await;
        assert_eq!(status, 400);
        assert!(!String::from_utf8_lossy(&answer).contains("CANARY"));
    }
    assert!(world.server.asked().is_empty());
}

#[tokio::test]
async fn only_a_post_of_the_path_is_answered() {
    let world = world().await;
    let get = http::Request::get(DELIVER_PATH).body(Body::empty()).unwrap();
    assert_eq!(
        world.router.clone().oneshot(get).await.unwrap().status().as_u16(),
        405
    );
    let other = http::Request::post("/v1/other").body(Body::empty()).unwrap();
    assert_eq!(
        world
            .router
            .clone()
            .oneshot(other)
            .await
            .unwrap()
            .status()
            .as_u16(),
        404
    );
}
