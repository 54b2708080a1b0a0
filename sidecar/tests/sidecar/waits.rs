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
