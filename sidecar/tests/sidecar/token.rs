//! The pod's token, which kubelet replaces while the sidecar runs.

use splitvault_wire::{Reason, pod};

use crate::operator::{Operator, Reply};
use crate::process::{Process, eventually};

fn sent(operator: &Operator) -> Vec<String> {
    let header = |head: &str| {
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix("authorization: Bearer "));
        line.unwrap().to_owned()
    };
    operator.asked().iter().map(|asked| header(&asked.head)).collect()
}

/// As kubelet does it: by a rename.
fn rotate(operator: &Operator, token: &str) {
    let new = operator.token().with_extension("new");
    std::fs::write(&new, token).unwrap();
    std::fs::rename(new, operator.token()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_question_has_the_token_of_its_moment() {
    let operator = Operator::start(&[Reply::Web(1, &[("A", "1")]), Reply::Current]).await;
    let mut process = Process::attend(&operator, &[(pod::REFRESH, "1")]);
    for token in ["second.token.x", "third.token.y"] {
        eventually("it has asked", || !operator.asked().is_empty()).await;
        rotate(&operator, token);
        eventually(token, || sent(&operator).iter().any(|sent| sent == token)).await;
    }
    assert!(process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_expired_is_told_and_the_next_one_taken() {
    let refused = Reply::Refuse(Reason::Unauthenticated);
    let operator = Operator::start(&[Reply::Web(1, &[("A", "1")]), refused]).await;
    let mut process = Process::attend(&operator, &[(pod::REFRESH, "1")]);
    process.says("Unauthenticated").await;
    assert_eq!(operator.read(pod::ENV_FILE).unwrap(), "A='1'\n", "the files stay");
    rotate(&operator, "next.token.z");
    operator.reply(Reply::Web(2, &[("A", "2")]));
    eventually("it goes on", || {
        operator.read(pod::ENV_FILE).as_deref() == Some("A='2'\n")
    })
    .await;
    assert!(sent(&operator).contains(&"next.token.z".to_owned()) && process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_not_there_yet_is_waited_for() {
    let operator = Operator::start(&[Reply::Web(1, &[("A", "1")])]).await;
    std::fs::remove_file(operator.token()).unwrap();
    let mut process = Process::attend(&operator, &[]);
    process.says("cannot read the pod's token").await;
    assert!(operator.asked().is_empty());
    rotate(&operator, "late.token.w");
    assert!(process.ended().await.success());
    assert_eq!(sent(&operator), ["late.token.w"]);
}
