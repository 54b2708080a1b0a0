//! A sidecar whose question the operator holds until something changes.

use std::time::Instant;

use splitvault_sidecar::{Answered, Operator as Client, Question};
use splitvault_wire::{Reason, pod};

use crate::operator::{Operator, Reply, TAG};
use crate::process::{Process, eventually};

const FIRST: Reply = Reply::Web(1, &[("A", "first")]);
const SECOND: Reply = Reply::Web(2, &[("A", "second")]);
/// Never within a test, unless the operator says so.
const HOURLY: &[(&str, &str)] = &[(pod::REFRESH, "3600"), (pod::MODE, "file")];

async fn holds(operator: &Operator, revision: u64) {
    let gate = format!("SPLITVAULT_REVISION='web:{revision}'\n");
    eventually(&gate, || operator.read(pod::GATE_ENV).as_ref() == Some(&gate)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_is_there_long_before_the_next_refresh() {
    let operator = Operator::start(&[FIRST, Reply::Waited("0"), SECOND, Reply::Held]).await;
    let mut process = Process::attend(&operator, HOURLY);
    holds(&operator, 2).await;
    eventually("it waits again", || operator.asked().len() == 4).await;
    let asked = operator.asked();
    assert_eq!(
        asked[0].request.wait_seconds, None,
        "there is nothing to wait for yet"
    );
    for later in &asked[1..] {
        assert_eq!(later.request.tag.as_deref(), Some(TAG));
        let wait = later.request.wait_seconds.unwrap();
        assert!((3240..=3960).contains(&wait), "a refresh: {wait}");
    }
    assert_eq!(asked[2].nth, 1, "on the connection on which it was told");
    assert_ne!(asked[1].request.public_key, asked[2].request.public_key);
    assert!(process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_a_wait_at_once() {
    let operator = Operator::start(&[FIRST, Reply::Held]).await;
    let mut process = Process::attend(&operator, HOURLY);
    eventually("it waits", || operator.asked().len() == 2).await;
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
    assert_eq!(operator.read(pod::ENV_FILE).unwrap(), "A='first'\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_goes_away_in_a_wait_is_asked_again() {
    let operator = Operator::start(&[FIRST, Reply::Waited("0"), Reply::Broken, SECOND]).await;
    let mut process = Process::attend(&operator, HOURLY);
    holds(&operator, 2).await;
    assert_eq!(
        process.lines("stays at web:1: the operator went away"),
        1,
        "{}",
        process.log()
    );
    assert_eq!(operator.asked()[3].nth, 0, "on a new connection");
    assert!(process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_stops_says_when_to_ask_again() {
    let operator = Operator::start(&[FIRST, Reply::Waited("1"), SECOND]).await;
    let _process = Process::attend(&operator, HOURLY);
    eventually("it waits", || operator.asked().len() == 2).await;
    let told = Instant::now();
    holds(&operator, 2).await;
    assert!(told.elapsed().as_millis() >= 900, "not before");
    assert_eq!(operator.asked()[2].nth, 0, "not where it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_advice_makes_it_ask_later_than_its_refresh() {
    let operator = Operator::start(&[FIRST, Reply::Waited("86400")]).await;
    let _process = Process::attend(&operator, &[(pod::REFRESH, "1"), (pod::MODE, "file")]);
    eventually("it asks again and again", || operator.asked().len() >= 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_that_ends_in_a_wait_leaves_the_files_and_is_told() {
    let revoked = Reply::Refuse(Reason::NotAllowed);
    let operator = Operator::start(&[FIRST, Reply::Waited("0"), revoked]).await;
    let mut process = Process::attend(&operator, HOURLY);
    process.says("NotAllowed").await;
    assert_eq!(operator.read(pod::ENV_FILE).unwrap(), "A='first'\n");
    assert!(process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_refusal_is_waited_for_and_the_variables_are_there_then() {
    for reason in [Reason::NotAllowed, Reason::NotReady] {
        let (refused, told) = (Reply::Refuse(reason), Reply::Waited("0"));
        for refresh in ["3600", "0"] {
            let operator = Operator::start(&[refused.clone(), told.clone(), FIRST, Reply::Held]).await;
            let _process = Process::attend(&operator, &[(pod::REFRESH, refresh), (pod::MODE, "file")]);
            holds(&operator, 1).await;
            let asked = operator.asked();
            let said = |at: usize| {
                (
                    asked[at].request.refused,
                    asked[at].request.wait_seconds.is_some(),
                )
            };
            assert_eq!(
                [said(0), said(1), said(2)],
                [(None, false), (Some(reason), true), (None, false)],
                "after the wait it asks what there is now"
            );
            let wait = asked[1].request.wait_seconds.unwrap();
            assert!((54..=66).contains(&wait), "{wait}");
            assert_eq!(asked[2].nth, 1, "on the connection on which it was told");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_told_once_however_often_it_is_waited_for() {
    let refused = Reply::Refuse(Reason::NotReady);
    let replies = [
        refused.clone(),
        Reply::Waited("0"),
        refused.clone(),
        Reply::Waited("0"),
        refused,
        Reply::Held,
    ];
    let operator = Operator::start(&replies).await;
    let mut process = Process::attend(&operator, HOURLY);
    eventually("it waits for the third time", || operator.asked().len() == 6).await;
    assert_eq!(process.lines("no variables yet"), 1, "{}", process.log());
    assert!(process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_goes_away_while_a_pod_without_variables_waits_is_asked_again_soon() {
    let refused = Reply::Refuse(Reason::NotReady);
    let operator = Operator::start(&[refused, Reply::Broken, FIRST, Reply::Held]).await;
    let _process = Process::attend(&operator, HOURLY);
    holds(&operator, 1).await;
    assert_eq!(operator.asked()[2].request.refused, Some(Reason::NotReady));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_does_not_wait_is_asked_less_and_less_often() {
    let operator = Operator::start(&[Reply::Refuse(Reason::NotAllowed)]).await;
    let mut process = Process::attend(&operator, HOURLY);
    eventually("it offers to wait", || operator.asked().len() == 2).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    // The pause is anything up to 20 seconds now.
    assert!(operator.asked().len() <= 4, "{}", operator.asked().len());
    assert!(process.runs());
}

#[tokio::test]
async fn only_seconds_are_advice() {
    for (after, expected) in [
        ("0", Some(0)),
        ("7", Some(7)),
        ("-1", None),
        ("", None),
        ("1.5", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("99999999999999999999", None),
    ] {
        let operator = Operator::start(&[Reply::Waited(after)]).await;
        let client = Client::new(&operator.settings()).unwrap();
        let question = Question {
            tag: Some(TAG),
            wait_seconds: Some(1),
            ..Question::default()
        };
        let Answered::Current { again } = client.ask(question).await.unwrap() else {
            panic!("nothing is new")
        };
        assert_eq!(again.map(|after| after.as_secs()), expected, "{after}");
    }
}
