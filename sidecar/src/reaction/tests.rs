//! When a reaction comes, with a clock that nobody has to wait for.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const DISTANCE: Duration = Duration::from_secs(60);

fn target() -> (tempfile::TempDir, Target) {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let target = Target::open(directory.path(), 0o400).unwrap();
    (directory, target)
}

/// An application that answers in turn with these status lines, and the seconds at which it was called.
async fn application(answers: &'static [&'static str]) -> (Call, Rc<RefCell<Vec<u64>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let calls = Rc::new(RefCell::new(Vec::new()));
    let (seen, start) = (Rc::clone(&calls), Instant::now());
    tokio::task::spawn_local(async move {
        for number in 0.. {
            let (mut tcp, _) = listener.accept().await.unwrap();
            seen.borrow_mut().push(start.elapsed().as_secs());
            let mut head = vec![0; 1024];
            let length = tcp.read(&mut head).await.unwrap();
            assert!(head[..length].starts_with(b"POST /reload HTTP/1.1\r\n"));
            let status = answers[number.min(answers.len() - 1)];
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            tcp.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (
        Call::to(&format!("http://127.0.0.1:{port}/reload")).unwrap(),
        calls,
    )
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("not so: {what}");
}

/// Runs with paused time: it goes on by itself when nobody has anything else to do.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

#[test]
fn changes_in_a_row_are_one_and_reactions_keep_their_distance() {
    run(async {
        let (_directory, target) = target();
        let (call, calls) = application(&["200 OK"]).await;
        let (sender, changes) = watch::channel(0);
        let reaction = Reaction::Http(call);
        let problem = watch::Sender::default();
        let react = react(&reaction, DISTANCE, &target, changes, &problem);
        let story = async {
            for _ in 0..5 {
                sender.send_modify(|count| *count += 1);
                sleep(Duration::from_secs(1)).await;
            }
            until("the first comes", || calls.borrow().len() == 1).await;
            assert!(
                calls.borrow()[0] >= 60,
                "not while the application may be starting"
            );
            sender.send_modify(|count| *count += 1);
            sender.send_modify(|count| *count += 1);
            until("the second comes", || calls.borrow().len() == 2).await;
            assert!(calls.borrow()[1] >= 120);
            sleep(10 * DISTANCE).await;
            assert_eq!(calls.borrow().len(), 2, "nothing changed any more");
        };
        tokio::select! {
            _ = react => panic!("there is no reason to end"),
            () = story => {}
        }
    });
}

#[test]
fn an_application_that_is_not_ready_is_called_again_a_few_times() {
    run(async {
        let (call, calls) = application(&["503 Busy", "500 Broken", "204 Done"]).await;
        let tried = tries(|| call.send()).await;
        assert!(tried.unwrap().contains("204"));
        assert_eq!(calls.borrow().len(), 3);

        let (call, calls) = application(&["302 Found"]).await;
        let tried = tries(|| call.send()).await;
        assert!(
            either(tried).contains("302") && calls.borrow().len() == 5,
            "and not led elsewhere"
        );
        assert!(calls.borrow()[4] >= 15, "it had the time to come back");
    });
}

#[test]
fn a_failure_is_a_problem_until_the_next_change() {
    run(async {
        let (_directory, target) = target();
        let (call, calls) = application(&["500", "500", "500", "500", "500", "200 OK"]).await;
        let (sender, changes) = watch::channel(0);
        let (problem, mut problems) = watch::channel(None);
        let told = problems.clone();
        let reaction = Reaction::Http(call);
        let react = react(&reaction, DISTANCE, &target, changes, &problem);
        let story = async {
            sender.send_modify(|count| *count += 1);
            failed(&mut problems).await;
            assert_eq!(*told.borrow(), Some(ProblemKind::HttpFailed));
            assert_eq!(calls.borrow().len(), 5, "not before it gave up");
            sender.send_modify(|count| *count += 1);
            until("it is over", || told.borrow().is_none()).await;
            assert_eq!(
                calls.borrow().len(),
                5,
                "the reaction to the change is yet to come"
            );
            until("it is called", || calls.borrow().len() == 6).await;
            tokio::select! {
                () = failed(&mut problems) => panic!("it was answered"),
                () = sleep(DISTANCE) => assert!(told.borrow().is_none()),
            }
        };
        tokio::select! {
            _ = react => panic!("there is no reason to end"),
            () = story => {}
        }
    });
}

#[test]
fn a_signal_for_nobody_is_a_problem() {
    run(async {
        let nobody = Reaction::Signal(Signalling {
            signal: signal_named("SIGKILL").unwrap(),
            name: "SIGKILL".to_owned(),
            process: "no-process-has-this-name".to_owned(),
        });
        assert_eq!(nobody.react().await, Err(ProblemKind::SignalFailed));
        assert_eq!(Reaction::None.react().await, Ok(None));
    });
}

#[test]
fn what_no_other_try_can_change_is_tried_once() {
    run(async {
        let mut count = 0;
        let tried = tries(|| {
            count += 1;
            std::future::ready(Err(Failed::Lasting("refused".to_owned())))
        });
        assert_eq!(either(tried.await), "refused");
        assert_eq!(count, 1);
    });
}

#[test]
fn an_application_that_never_answers_is_not_waited_for() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let call = Call::to(&format!("http://127.0.0.1:{port}")).unwrap();
        let started = Instant::now();
        let failed = either(tries(|| call.send()).await);
        assert!(failed.contains("no answer"), "{failed}");
        assert!(started.elapsed() >= Duration::from_secs(5));
    });
}

#[test]
fn the_sign_stays_until_the_application_was_told() {
    run(async {
        let (_directory, target) = target();
        target.write(CHANGED, b"").unwrap();
        let (call, calls) = application(&["200 OK"]).await;
        let (sender, changes) = watch::channel(0);
        sender.send_modify(|count| *count += 1);
        let reaction = Reaction::Http(call);
        let problem = watch::Sender::default();
        let react = react(&reaction, DISTANCE, &target, changes, &problem);
        let story = async {
            sleep(DISTANCE / 2).await;
            assert!(target.has(CHANGED));
            until("it is called", || !calls.borrow().is_empty()).await;
            until("the sign is gone", || !target.has(CHANGED)).await;
        };
        tokio::select! {
            _ = react => panic!("there is no reason to end"),
            () = story => {}
        }
    });
}

#[test]
fn a_restart_is_an_end_with_its_code_and_without_the_sign() {
    run(async {
        let (_directory, target) = target();
        target.write(CHANGED, b"").unwrap();
        let (sender, changes) = watch::channel(0);
        sender.send_modify(|count| *count += 1);
        let code = react(
            &Reaction::RestartContainers,
            DISTANCE,
            &target,
            changes,
            &watch::Sender::default(),
        )
        .await;
        assert_eq!(code, RESTART_CODE);
        assert!(!target.has(CHANGED), "or all containers would restart for ever");
    });
}

#[test]
fn nothing_is_a_reaction_too() {
    run(async {
        let (_directory, target) = target();
        target.write(CHANGED, b"").unwrap();
        let (sender, changes) = watch::channel(0);
        sender.send_modify(|count| *count += 1);
        let problem = watch::Sender::default();
        let react = react(&Reaction::None, Duration::ZERO, &target, changes, &problem);
        tokio::select! {
            _ = react => panic!("there is no reason to end"),
            () = until("the sign is gone", || !target.has(CHANGED)) => {}
        }
    });
}
