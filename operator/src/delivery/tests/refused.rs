//! Questions that are held until the end of a refusal that the sidecar has heard.

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::super::*;
use super::waits::{A, LONG, answer};
use super::{WEB, World, world};

impl World {
    /// A question of pod A, which was refused for this reason.
    fn hoping(&self, refused: Option<Reason>, names: &[&str]) -> JoinHandle<Response> {
        let asked = DeliverRequest {
            public_key: self.key.public().to_bytes(),
            vault_secrets: names.iter().map(|name| (*name).to_owned()).collect(),
            tag: None,
            problem: None,
            wait_seconds: Some(LONG),
            refused,
        };
        let (question, router) = (Self::sent(&asked, &A.token(), A.address()), self.router.clone());
        tokio::spawn(async move { router.oneshot(question).await.unwrap() })
    }

    fn spec(&self, change: impl FnOnce(&mut Value)) {
        let mut web = self.server.object(WEB);
        change(&mut web);
        self.server.put(WEB, web);
    }
}

fn only(account: &'static str) -> impl FnOnce(&mut Value) {
    move |web| web["spec"]["access"]["serviceAccounts"] = json!([account])
}

/// A pod of ServiceAccount `web` that asks for a VaultSecret that it may not have.
async fn forbidden() -> World {
    let world = world().await;
    A.exists(&world);
    world.spec(only("other"));
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_given_ends_it_and_the_next_question_is_answered() {
    let world = forbidden().await;
    assert_eq!(
        answer(world.hoping(None, &["web"])).await,
        (403, None),
        "it hears of it first"
    );
    let wait = world.hoping(Some(Reason::NotAllowed), &["web"]);
    world.until_waiting(1).await;
    world.told().await;
    assert!(!wait.is_finished(), "nothing changed");
    world.spec(only("web"));
    world.told().await;
    assert_eq!(answer(wait).await, (204, Some(0)));
    assert_eq!(answer(world.hoping(None, &["web"])).await.0, 200);
    assert_eq!((world.ended("Changed"), world.board.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vaultsecret_that_comes_ends_it_when_it_can_be_delivered() {
    let world = world().await;
    A.exists(&world);
    let made = world.server.object(WEB);
    world.server.take(WEB);
    let wait = world.hoping(Some(Reason::NotReady), &["web"]);
    world.until_waiting(1).await;
    let mut new = made.clone();
    new["status"] = Value::Null;
    world.server.put(WEB, new);
    world.told().await;
    assert!(!wait.is_finished(), "the controller has not looked at it yet");
    world.server.put(WEB, made);
    world.told().await;
    assert_eq!(answer(wait).await, (204, Some(0)));
    assert_eq!(answer(world.hoping(None, &["web"])).await.0, 200);
}

#[tokio::test]
async fn what_the_sidecar_does_not_know_yet_is_said_at_once() {
    let world = forbidden().await;
    for heard in Reason::ALL {
        if heard != Reason::NotAllowed {
            assert_eq!(
                answer(world.hoping(Some(heard), &["web"])).await,
                (403, None),
                "{heard}"
            );
        }
    }
    world.spec(only("web"));
    let ready = world.hoping(Some(Reason::NotAllowed), &["web"]);
    assert_eq!(answer(ready).await.0, 200, "and so are variables");
    assert_eq!(world.board.len(), 0);
}

#[tokio::test]
async fn what_is_being_processed_passes_by_itself() {
    let world = world().await;
    A.exists(&world);
    world.spec(|web| web["metadata"]["generation"] = json!(2));
    let wait = world.hoping(Some(Reason::NotReady), &["web"]);
    assert_eq!(answer(wait).await, (409, None));
}

/// It would tell when an object that may not even be known of is changed.
#[tokio::test]
async fn nobody_waits_for_a_vaultsecret_of_another_namespace() {
    let world = forbidden().await;
    for names in [&["other/web"][..], &["web", "other/web"]] {
        let mut pod = world.server.object("/api/v1/namespaces/shop/pods/pod-1");
        pod["metadata"]["annotations"]["splitvault.dev/inject"] = json!(names.join(","));
        world.server.put("/api/v1/namespaces/shop/pods/pod-1", pod);
        let wait = world.hoping(Some(Reason::NotAllowed), names);
        assert_eq!(answer(wait).await, (403, None), "{names:?}");
    }
    assert_eq!(world.board.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_it_with_the_advice_to_come_back_later() {
    let world = forbidden().await;
    let wait = world.hoping(Some(Reason::NotAllowed), &["web"]);
    world.until_waiting(1).await;
    world.shutdown.cancel();
    assert_eq!(answer(wait).await, (204, Some(1)));
}
