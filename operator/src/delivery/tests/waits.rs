//! Questions that are held until something changes.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use splitvault_crypto::SecretString;
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_vault::SourceDigestInput;
use splitvault_wire::{Problem, ProblemKind};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::super::board::Topic;
use super::super::follow::look;
use super::super::*;
use super::{POD, WEB, World, pod, review, world};

/// Longer than any test takes.
pub(super) const LONG: u32 = 600;

/// Of which pod, and from where.
#[derive(Clone, Copy)]
pub(super) struct Who(pub(super) u32);

impl Who {
    pub(super) fn token(self) -> String {
        format!("pod{}", self.0)
    }

    pub(super) fn address(self) -> IpAddr {
        (0x0a00_0000_u32 + self.0).to_be_bytes().into()
    }

    fn path(self) -> String {
        format!("/api/v1/namespaces/shop/pods/pod-{}", self.0)
    }

    /// A pod of ServiceAccount `web` that asks for `web`.
    pub(super) fn exists(self, world: &World) {
        let (name, uid) = (format!("pod-{}", self.0), format!("u-{}", self.0));
        let mut pod = pod(&uid, "web", "web");
        pod["metadata"]["name"] = json!(name);
        world.server.put(&self.path(), pod);
        world
            .server
            .token(&self.token(), review(&name, &uid, "splitvault", "web"));
    }
}

impl World {
    fn question(&self, token: &str, from: IpAddr, tag: Option<&str>, wait: Option<u32>) -> Request {
        let asked = DeliverRequest {
            public_key: self.key.public().to_bytes(),
            vault_secrets: vec!["web".to_owned()],
            tag: tag.map(str::to_owned),
            problem: None,
            wait_seconds: wait,
            refused: None,
        };
        Self::sent(&asked, token, from)
    }

    /// As it arrives.
    pub(super) fn sent(asked: &DeliverRequest, token: &str, from: IpAddr) -> Request {
        let body = Body::from(serde_json::to_vec(asked).unwrap());
        let request = http::Request::post(DELIVER_PATH).header("authorization", format!("Bearer {token}"));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer(from));
        request
    }

    /// A question that may be held.
    fn wait(&self, who: Who, tag: &str, seconds: u32) -> JoinHandle<Response> {
        let question = self.question(&who.token(), who.address(), Some(tag), Some(seconds));
        let router = self.router.clone();
        tokio::spawn(async move { router.oneshot(question).await.unwrap() })
    }

    pub(super) async fn until_waiting(&self, many: usize) {
        until(|| self.metrics.waiting() == many).await;
    }

    /// Writes another value; the watch tells of it.
    async fn change(&self, value: &str) {
        let variable = Variable {
            name: Name::parse("TIGERKEY").unwrap(),
            value: SecretString::copy_of(value),
            comment: None,
        };
        let dotenv = Dotenv::from_variables(vec![variable]).unwrap();
        let input = SourceDigestInput(value.as_bytes());
        let written = self
            .stores
            .vault
            .write("v-1", &dotenv, &input, &[], 5)
            .await
            .unwrap();
        let digest: String = written.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut web = self.server.object(WEB);
        web["status"]["revision"] = json!(written.revision);
        web["status"]["digest"] = json!(digest);
        self.server.put(WEB, web);
        self.told().await;
    }

    /// What comes of an event of the watch.
    pub(super) async fn told(&self) {
        let topic = Topic {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        look(&self.latest, &self.board, &topic).await;
    }

    pub(super) fn ended(&self, how: &str) -> u64 {
        let text = self.metrics.encode().unwrap();
        let line = format!("splitvault_waits_total{{reason=\"{how}\"}} ");
        text.lines()
            .find_map(|found| found.strip_prefix(&line)?.parse().ok())
            .unwrap_or(0)
    }
}

pub(super) async fn until(mut is_so: impl FnMut() -> bool) {
    let polling = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), polling)
        .await
        .expect("it is never so");
}

/// The answer of a wait: its status and `Retry-After`.
pub(super) async fn answer(wait: JoinHandle<Response>) -> (u16, Option<u64>) {
    let answer = tokio::time::timeout(Duration::from_secs(120), wait).await;
    let answer = answer.expect("it is never answered").unwrap();
    let after = answer.headers().get("retry-after");
    let after = after.map(|after| after.to_str().unwrap().parse().unwrap());
    (answer.status().as_u16(), after)
}

pub(super) const A: Who = Who(1);

/// One pod that has the current answer, whose tag this is.
async fn settled() -> (World, String) {
    let world = world().await;
    A.exists(&world);
    let tag = world.delivered(None).await.tag;
    (world, tag)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_ends_a_wait_and_the_next_question_is_answered_with_it() {
    let (world, tag) = settled().await;
    let wait = world.wait(A, &tag, LONG);
    world.until_waiting(1).await;
    world.server.asked();
    world.told().await;
    assert_eq!(world.server.asked().len(), 1, "one look, nothing else");
    assert!(!wait.is_finished(), "nothing changed");
    world.change("other").await;
    assert_eq!(answer(wait).await, (204, Some(0)));
    let answer = world.delivered(Some(&tag)).await;
    assert_eq!(world.open(&answer).environments[0].revision, 2);
    until(|| world.board.len() == 0).await;
    assert_eq!(world.ended("Changed"), 1);
}

#[tokio::test]
async fn no_change_ends_with_the_time_that_was_asked_for() {
    let (world, tag) = settled().await;
    assert_eq!(answer(world.wait(A, &tag, 1)).await, (204, Some(0)));
    assert_eq!(world.ended("Elapsed"), 1);
    assert_eq!(answer(world.wait(A, &tag, 0)).await, (204, None), "as of old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reaction_that_failed_is_told_in_one_event_and_its_question_is_held() {
    let (world, tag) = settled().await;
    let asked = DeliverRequest {
        public_key: world.key.public().to_bytes(),
        vault_secrets: vec!["web".to_owned()],
        tag: Some(tag),
        problem: Some(Problem {
            vault_secret: None,
            kind: ProblemKind::HttpFailed,
        }),
        wait_seconds: Some(LONG),
        refused: None,
    };
    for _ in 0..2 {
        let question = World::sent(&asked, &A.token(), A.address());
        let router = world.router.clone();
        let wait = tokio::spawn(async move { router.oneshot(question).await.unwrap() });
        world.until_waiting(1).await;
        wait.abort();
        world.until_waiting(0).await;
    }
    let events = world.server.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["reason"], "ReactionFailed");
    assert_eq!(events[0]["regarding"]["name"], "pod-1");
    assert_eq!(events[0]["type"], "Warning");
    let counted = "splitvault_sidecar_problems_total{kind=\"HttpFailed\"} 2\n";
    assert!(world.metrics.encode().unwrap().contains(counted));
}

#[tokio::test]
async fn what_is_new_is_not_waited_for() {
    let (world, tag) = settled().await;
    for held in [None, Some("other"), Some(&tag[1..])] {
        let question = world.question(&A.token(), A.address(), held, Some(LONG));
        assert_eq!(world.answer(question).await.status(), 200);
    }
    assert_eq!(world.board.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_that_ends_wakes_and_nothing_is_handed_over() {
    let (world, tag) = settled().await;
    let wait = world.wait(A, &tag, LONG);
    world.until_waiting(1).await;
    let mut web = world.server.object(WEB);
    web["spec"]["access"]["serviceAccounts"] = json!(["other"]);
    web["metadata"]["generation"] = json!(2);
    world.server.put(WEB, web.clone());
    world.told().await;
    assert!(!wait.is_finished(), "the controller has not looked at it yet");
    web["status"]["observedGeneration"] = json!(2);
    world.server.put(WEB, web);
    world.told().await;
    assert_eq!(answer(wait).await, (204, Some(0)));
    let again = world.wait(A, &tag, LONG);
    assert_eq!(answer(again).await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_is_deleted_while_it_waits_gets_nothing() {
    let (world, tag) = settled().await;
    let wait = world.wait(A, &tag, LONG);
    world.until_waiting(1).await;
    world.server.take(&A.path());
    world.change("other").await;
    let (status, _) = answer(wait).await;
    assert_eq!(status, 204, "an answer without content");
    assert_eq!(answer(world.wait(A, &tag, LONG)).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vaultsecret_that_is_deleted_wakes() {
    let (world, tag) = settled().await;
    let wait = world.wait(A, &tag, LONG);
    world.until_waiting(1).await;
    world.server.take(WEB);
    world.told().await;
    assert_eq!(answer(wait).await, (204, Some(0)));
    assert_eq!(answer(world.wait(A, &tag, LONG)).await.0, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_certificates_wake() {
    let (world, tag) = settled().await;
    let wait = world.wait(A, &tag, LONG);
    world.until_waiting(1).await;
    world.bundle.store(Arc::new("PEM2".to_owned()));
    world.trusted.send_replace(());
    assert_eq!(answer(wait).await, (204, Some(0)));
    assert_eq!(world.delivered(Some(&tag)).await.ca_bundle, "PEM2");
}

#[tokio::test]
async fn a_wait_ends_with_the_token_and_none_begins_after_its_end() {
    let (world, tag) = settled().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (exp, after) in [(now + 2, Some(0)), (now - 2, None)] {
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{exp}}}"#));
        let token = format!("e30.{claims}.c2ln");
        world
            .server
            .token(&token, review("web-1", "u-1", "splitvault", "web"));
        let question = world.question(&token, A.address(), Some(&tag), Some(LONG));
        let router = world.router.clone();
        let wait = tokio::spawn(async move { router.oneshot(question).await.unwrap() });
        assert_eq!(answer(wait).await, (204, after));
    }
    assert_eq!(world.ended("Elapsed"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_all_waits_with_the_advice_to_come_back_later() {
    let (world, tag) = settled().await;
    let waits = [world.wait(A, &tag, LONG), world.wait(A, &tag, LONG)];
    world.until_waiting(2).await;
    world.shutdown.cancel();
    for wait in waits {
        assert_eq!(answer(wait).await, (204, Some(1)));
    }
    assert_eq!(answer(world.wait(A, &tag, LONG)).await, (204, Some(1)));
    assert_eq!(world.ended("Stopping"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_waits_twice_at_most_and_who_goes_away_is_forgotten() {
    let (world, tag) = settled().await;
    let waits = [world.wait(A, &tag, LONG), world.wait(A, &tag, LONG)];
    world.until_waiting(2).await;
    assert_eq!(answer(world.wait(A, &tag, LONG)).await, (204, None), "not held");
    for wait in waits {
        wait.abort();
    }
    until(|| world.ended("Gone") >= 2 && world.board.len() == 0).await;
    let wait = world.wait(A, &tag, LONG);
    world.until_waiting(1).await;
    wait.abort();
}

#[tokio::test]
async fn nobody_waits_for_what_they_may_not_have() {
    let (world, tag) = settled().await;
    let refused = async |question| {
        let status = world.answer(question).await.status().as_u16();
        assert_eq!((world.board.len(), world.ended("Changed")), (0, 0));
        status
    };
    let unknown = world.question("unknown", A.address(), Some(&tag), Some(LONG));
    assert_eq!(refused(unknown).await, 401);
    world.server.put(POD, pod("u-1", "web", "db"));
    let other = world.question("good", A.address(), Some(&tag), Some(LONG));
    assert_eq!(refused(other).await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_wait_hold_nothing_that_others_need_and_are_told_one_after_another() {
    const MANY: usize = 2000;
    let (world, tag) = settled().await;
    let mut waits = Vec::with_capacity(MANY);
    for number in 0..MANY {
        let who = Who(10 + u32::try_from(number).unwrap());
        who.exists(&world);
        waits.push(world.wait(who, &tag, LONG));
        // No more at once than are answered at once.
        while world.metrics.waiting() + AT_ONCE <= number {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    world.until_waiting(MANY).await;
    const { assert!(MANY > QUEUE + AT_ONCE) };
    assert_eq!(world.ask("good", None).await.0, 200, "others are answered");
    world.server.asked();
    world.change("other").await;
    assert_eq!(world.server.asked().len(), 1, "one look for all");
    for wait in waits {
        assert_eq!(answer(wait).await, (204, Some(0)));
    }
    assert_eq!(world.ended("Changed"), MANY as u64);
    assert_eq!(world.board.len(), 0);
}

/// Each asks, waits, and asks again until it has the last revision; a change that one of them missed would leave it
/// waiting for ten minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_change_is_missed_however_it_falls() {
    const LAST: u64 = 40;
    let (world, _) = settled().await;
    let world = Arc::new(world);
    let waiters: Vec<_> = (0..8)
        .map(|number| {
            let (world, who) = (Arc::clone(&world), Who(100 + number));
            who.exists(&world);
            tokio::spawn(async move {
                let mut tag = None::<String>;
                loop {
                    let from = Who(1000 * (number + 1)).address();
                    let question = world.question(&who.token(), from, tag.as_deref(), Some(LONG));
                    let answer = world.answer(question).await;
                    if answer.status() == 200 {
                        let body = axum::body::to_bytes(answer.into_body(), usize::MAX)
                            .await
                            .unwrap();
                        let answer: DeliverResponse = serde_json::from_slice(&body).unwrap();
                        let context = splitvault_crypto::sealing::Context::Delivery {
                            pod_uid: &format!("u-{}", 100 + number),
                        };
                        let plaintext = world.key.open(&context, &answer.sealed).unwrap();
                        let delivery = splitvault_wire::Delivery::from_json(plaintext.expose()).unwrap();
                        if delivery.environments[0].revision == LAST {
                            return;
                        }
                        tag = Some(answer.tag);
                    } else {
                        // 429 once it has asked very often.
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
            })
        })
        .collect();
    for revision in 2..=LAST {
        world.change(&format!("value {revision}")).await;
    }
    for waiter in waiters {
        let ended = tokio::time::timeout(Duration::from_secs(120), waiter).await;
        ended.expect("a change was missed").unwrap();
    }
}
