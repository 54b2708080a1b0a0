//! What a day of refreshes does to the memory of a sidecar, in minutes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use splitvault_wire::{DeliverRequest, Delivery, pod};

use crate::operator::{Operator, POD, Reply, delivered, environment};
use crate::process::Process;

/// Of a minute each.
const QUESTIONS: usize = 24 * 60;
/// Every so many there is something new.
const CHANGE: usize = 30;

static REVISION: AtomicU64 = AtomicU64::new(0);

/// Twenty variables that nobody had before, long ones and short ones in turn.
fn newer(request: &DeliverRequest) -> Vec<u8> {
    let revision = REVISION.fetch_add(1, Ordering::Relaxed) + 1;
    let length = if revision.is_multiple_of(2) { 200 } else { 10 };
    let value = format!("{revision:08}").repeat(length / 8 + 1);
    let names: Vec<_> = (1..=20).map(|number| format!("VARIABLE_{number}")).collect();
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let environments = vec![environment("web", revision, &variables)];
    delivered(request, &Delivery { environments }, POD, "")
}

/// In KiB.
fn resident(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
#[ignore = "takes five minutes; `tests/bench refreshes` runs it for its figures"]
async fn a_days_refreshes_leave_the_memory_as_it_was() {
    let reply = |number| {
        if number % CHANGE == 0 {
            Reply::Raw(newer)
        } else {
            Reply::Waited("0")
        }
    };
    let replies: Vec<_> = (0..=QUESTIONS).map(reply).collect();
    let operator = Operator::start(&replies).await;
    let files = [
        (pod::REFRESH, "1"),
        (pod::MODE, "env,file"),
        (pod::FORMAT, "files"),
    ];
    let mut process = Process::attend(&operator, &files);
    let mut figures = Vec::new();
    for questions in [10, 100, 500, 1000, QUESTIONS] {
        // Far more than a question takes; a sidecar that has stopped asking must not hold the bench for ever.
        let deadline = Instant::now() + Duration::from_secs(1200);
        while operator.asked().len() < questions {
            assert!(process.runs() && Instant::now() < deadline, "{}", process.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        figures.push((questions, resident(&process)));
        println!("after {questions} questions: RSS {} KiB", resident(&process));
    }
    assert!(
        REVISION.load(Ordering::Relaxed) >= 48,
        "{} changes",
        REVISION.load(Ordering::Relaxed)
    );
    assert!(operator.files().join("env/VARIABLE_20").exists());
    let (after_a_hundred, after_all) = (figures[1].1, figures[4].1);
    assert!(
        after_all < after_a_hundred + 1024,
        "it grew from {after_a_hundred} to {after_all} KiB"
    );
}
