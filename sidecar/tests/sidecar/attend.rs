//! From the start of the injected container to its files.

use std::os::unix::fs::PermissionsExt as _;

use splitvault_wire::{DeliverRequest, Delivery, Reason, pod};

use crate::operator::{Operator, POD, Reply, delivered, environment};
use crate::process::{Process, program};

const HELLO: Reply = Reply::Web(3, &[("GREETING", "hello 'world'"), ("EMPTY", "")]);
const GATE: &str = "SPLITVAULT_REVISION='web:3'\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_init_container_writes_and_ends() {
    let operator = Operator::start(&[HELLO]).await;
    let mut process = Process::attend(&operator, &[(pod::MODE, "env,file"), (pod::FILE_MODE, "0444")]);
    assert!(process.ended().await.success(), "{}", process.log());
    assert_eq!(operator.read(pod::GATE_ENV).unwrap(), GATE);
    assert_eq!(
        operator.read(pod::ENV_BIN).unwrap(),
        "GREETING=hello 'world'\0EMPTY=\0"
    );
    assert!(
        operator
            .read(pod::ENV_FILE)
            .unwrap()
            .contains("GREETING=\"hello 'world'\"\n")
    );
    assert_eq!(operator.read(pod::KUBELET_ENV), None);
    for file in [pod::GATE_ENV, pod::ENV_BIN, pod::ENV_FILE] {
        let mode = std::fs::metadata(operator.files().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o444, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_neither_names_nor_values() {
    let operator = Operator::start(&[Reply::Web(3, &[("CANARY_NAME", "CANARY 'VALUE\"`$")])]).await;
    let mut process = Process::attend(&operator, &[(pod::MODE, "env"), (pod::LOG, "trace")]);
    assert!(process.ended().await.success());
    let log = process.log();
    assert!(
        log.contains("delivered: web:3") && !log.contains("CANARY"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_no_tmpfs_is_refused_before_anything_is_asked() {
    let operator = Operator::start(&[HELLO]).await;
    let mut process = Process::attend(&operator, &[(pod::DIRECTORY, "/proc")]);
    assert_eq!(process.ended().await.code(), Some(1));
    assert!(process.log().contains("tmpfs"), "{}", process.log());
    assert!(operator.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_with_one_line_per_reason_and_then_writes() {
    let refusals = [
        Reason::NotReady,
        Reason::NotReady,
        Reason::Unavailable,
        Reason::Unavailable,
    ];
    let mut replies: Vec<_> = refusals.map(Reply::Refuse).into();
    replies.push(HELLO);
    let operator = Operator::start(&replies).await;
    let mut process = Process::attend(&operator, &[]);
    assert!(process.ended().await.success());
    let log = process.log();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        (lines("NotReady"), lines("Unavailable"), lines("delivered")),
        (1, 1, 1),
        "{log}"
    );
    assert_eq!(operator.asked().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_try_is_told_when_asked_for() {
    let refused = Reply::Refuse(Reason::NotReady);
    let operator = Operator::start(&[refused.clone(), refused, HELLO]).await;
    let mut process = Process::attend(&operator, &[(pod::LOG, "debug")]);
    assert!(process.ended().await.success());
    assert_eq!(process.lines("NotReady"), 2, "{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_it_while_it_waits() {
    for reply in [Reply::Refuse(Reason::NotAllowed), Reply::Refuse(Reason::NotReady)] {
        let operator = Operator::start(&[reply]).await;
        let mut process = Process::attend(&operator, &[]);
        process.says("no variables yet").await;
        process.terminate();
        assert_eq!(process.ended().await.code(), Some(0));
        assert_eq!(operator.read(pod::GATE_ENV), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_make_no_sense_end_it_at_once() {
    let operator = Operator::start(&[HELLO]).await;
    for (name, value, code) in [(pod::MODE, "ENV", 2), (pod::POD_UID, "", 2), (pod::CA, "none", 1)] {
        let mut process = Process::attend(&operator, &[(name, value)]);
        assert_eq!(process.ended().await.code(), Some(code));
        assert!(process.log().contains(name), "{}", process.log());
    }
    assert!(operator.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_vault_secret_wins_over_an_earlier_one() {
    fn two(request: &DeliverRequest) -> Vec<u8> {
        let web = environment("web", 3, &[("A", "web"), ("B", "web")]);
        let db = environment("db", 9, &[("B", "db"), ("C", "db")]);
        delivered(
            request,
            &Delivery {
                environments: vec![web, db],
            },
            POD,
            "",
        )
    }
    let operator = Operator::start(&[Reply::Raw(two)]).await;
    let variables = [
        (pod::VAULT_SECRETS, "web,db"),
        (pod::MODE, "env,file"),
        (pod::KUBELET, "1"),
    ];
    let mut process = Process::attend(&operator, &variables);
    assert!(process.ended().await.success(), "{}", process.log());
    assert_eq!(operator.read(pod::ENV_BIN).unwrap(), "A=web\0B=db\0C=db\0");
    for file in [pod::ENV_FILE, pod::KUBELET_ENV] {
        assert_eq!(
            operator.read(file).unwrap(),
            "A='web'\nB='db'\nC='db'\n",
            "{file}"
        );
    }
    assert_eq!(
        operator.read(pod::GATE_ENV).unwrap(),
        "SPLITVAULT_REVISION='db:9,web:3'\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_init_container_that_runs_again_goes_on_without_the_operator() {
    let operator = Operator::start(&[HELLO, Reply::Refuse(Reason::Unavailable)]).await;
    assert!(Process::attend(&operator, &[]).ended().await.success());
    let mut process = Process::attend(&operator, &[]);
    assert!(process.ended().await.success());
    assert!(process.log().contains("Unavailable"), "{}", process.log());
    assert_eq!(operator.asked()[1].request.tag, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_is_explained_to_who_gets_it_wrong() {
    let mut wrong = program(std::path::Path::new("/nowhere"));
    wrong.arg("what");
    let mut process = Process::start(wrong);
    assert_eq!(process.ended().await.code(), Some(2));
    process.says("usage:").await;
}
