//! A sidecar that stays: newer revisions, outages, its own restarts.

use splitvault_wire::{DeliverRequest, Delivery, Problem, ProblemKind, Reason, pod};

use crate::operator::{Operator, POD, Reply, TAG, delivered, environment};
use crate::process::{Process, eventually, program};

const SIDECAR: &[(&str, &str)] = &[(pod::REFRESH, "1"), (pod::MODE, "file")];
const FIRST: Reply = Reply::Web(1, &[("A", "first")]);
const SECOND: Reply = Reply::Web(2, &[("A", "second")]);

async fn has(operator: &Operator, file: &str, content: &str) {
    eventually(content, || operator.read(file).as_deref() == Some(content)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_revision_replaces_the_files() {
    let operator = Operator::start(&[FIRST]).await;
    let mut process = Process::attend(&operator, SIDECAR);
    has(&operator, pod::GATE_ENV, "SPLITVAULT_REVISION='web:1'\n").await;
    operator.reply(SECOND);
    has(&operator, pod::GATE_ENV, "SPLITVAULT_REVISION='web:2'\n").await;
    assert_eq!(operator.read(pod::ENV_FILE).unwrap(), "A='second'\n");
    let asked = operator.asked();
    assert_eq!(asked[0].request.tag, None);
    assert_eq!(asked[1].request.tag.as_deref(), Some(TAG));
    assert!(process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_is_told_what_kubelet_cannot_set() {
    let operator = Operator::start(&[Reply::Web(1, &[("CANARY_NAME", "CANARY'VALUE")])]).await;
    let process = Process::attend(&operator, &[(pod::REFRESH, "1"), (pod::KUBELET, "1")]);
    eventually("it asks again", || operator.asked().len() >= 2).await;
    let asked = operator.asked();
    assert_eq!(asked[0].request.problem, None);
    let problem = Problem {
        vault_secret: Some("web".to_owned()),
        kind: ProblemKind::ValueNotForKubelet,
    };
    assert_eq!(asked[1].request.problem, Some(problem));
    assert_eq!(
        asked[1].request.tag, None,
        "it does not hold what it could not write"
    );
    assert!(
        !serde_json::to_string(&asked[1].request)
            .unwrap()
            .contains("CANARY")
    );
    process.says("kubelet cannot set").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_that_is_mended_is_not_told_again() {
    let broken = Reply::Web(1, &[("A", "it's")]);
    let operator = Operator::start(&[broken, FIRST, Reply::Current]).await;
    let _process = Process::attend(&operator, &[(pod::REFRESH, "1"), (pod::KUBELET, "1")]);
    eventually("it asks again", || operator.asked().len() >= 3).await;
    assert!(operator.asked()[1].request.problem.is_some());
    assert_eq!(operator.asked()[2].request.problem, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_leaves_the_files_and_is_told_once() {
    let operator = Operator::start(&[FIRST, Reply::Refuse(Reason::Unavailable)]).await;
    let process = Process::attend(&operator, SIDECAR);
    eventually("some tries fail", || operator.asked().len() >= 4).await;
    assert_eq!(operator.read(pod::ENV_FILE).unwrap(), "A='first'\n");
    operator.reply(SECOND);
    has(&operator, pod::ENV_FILE, "A='second'\n").await;
    process.says("delivered: web:2").await;
    assert_eq!(process.lines("Unavailable"), 1, "{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_it_between_two_questions() {
    let operator = Operator::start(&[FIRST]).await;
    let mut process = Process::attend(&operator, &[(pod::REFRESH, "3600")]);
    process.says("delivered").await;
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
    assert_eq!(operator.read(pod::ENV_FILE).unwrap(), "A='first'\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_once_after_a_late_delivery_and_then_stays() {
    let operator = Operator::start(&[Reply::Refuse(Reason::NotReady)]).await;
    let mut process = Process::attend(&operator, SIDECAR);
    process.says("no variables yet").await;
    let hook = program(&operator.files())
        .args(["wait", "--for", "0s"])
        .status()
        .unwrap();
    assert!(hook.success(), "kubelet kills a container whose hook fails");
    operator.reply(FIRST);
    assert_eq!(process.ended().await.code(), Some(0));
    assert_eq!(
        operator.read(pod::GATE_ENV).unwrap(),
        "SPLITVAULT_REVISION='web:1'\n"
    );

    let before = operator.asked().len();
    let mut process = Process::attend(&operator, SIDECAR);
    let hook = program(&operator.files())
        .args(["wait", "--for", "0s"])
        .status()
        .unwrap();
    assert!(hook.success());
    eventually("it asks on", || operator.asked().len() >= before + 2).await;
    assert!(process.runs());
    let asked = operator.asked();
    assert_eq!(
        asked[before].request.tag, None,
        "it cannot know of what the files are"
    );
    assert_eq!(asked[before + 1].request.tag.as_deref(), Some(TAG));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stays_after_a_delivery_in_time() {
    let operator = Operator::start(&[FIRST]).await;
    let mut process = Process::attend(&operator, SIDECAR);
    let hook = program(&operator.files())
        .args(["wait", "--for", "60s"])
        .status()
        .unwrap();
    assert!(hook.success());
    assert_eq!(
        operator.read(pod::GATE_ENV).unwrap(),
        "SPLITVAULT_REVISION='web:1'\n"
    );
    eventually("it asks on", || operator.asked().len() >= 2).await;
    assert!(process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_outlives_the_authority_that_the_pod_started_with() {
    fn stale(request: &DeliverRequest) -> Vec<u8> {
        delivered(
            request,
            &Delivery {
                environments: vec![environment("web", 1, &[])],
            },
            POD,
            "none",
        )
    }
    let (old, new) = (Operator::start(&[FIRST]).await, Operator::start(&[SECOND]).await);
    // Delivered by the old operator together with the new authority's certificate.
    std::fs::write(new.files().join(pod::CA_FILE), &new.ca).unwrap();
    let mut process = Process::attend(&new, &[(pod::CA, &old.ca)]);
    assert!(process.ended().await.success(), "{}", process.log());
    assert_eq!(new.read(pod::CA_FILE).unwrap(), new.ca);

    // What is no certificate does not replace those that are.
    let operator = Operator::start(&[Reply::Raw(stale)]).await;
    assert!(Process::attend(&operator, &[]).ended().await.success());
    assert_eq!(operator.read(pod::CA_FILE), None);
}
