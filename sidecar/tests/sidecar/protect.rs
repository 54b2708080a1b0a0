//! What the kernel was asked for.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

use splitvault_wire::pod;

use crate::operator::{Operator, POD, Reply};
use crate::process::{Process, eventually, program};

fn status(id: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_leaves_no_core_file_and_lets_nobody_look_in() {
    let operator = Operator::start(&[Reply::Web(1, &[("A", "1")])]).await;
    let process = Process::attend(&operator, &[(pod::REFRESH, "3600")]);
    process.says("delivered").await;
    let limits = status(process.id(), "limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let values: Vec<_> = core["Max core file size".len()..].split_whitespace().collect();
    assert_eq!(values[..2], ["0", "0"], "{core}");
    // Files of a process that is not dumpable are root's (proc(5)); as root, there is no other sign.
    let owner = std::fs::metadata(format!("/proc/{}/mem", process.id()))
        .unwrap()
        .uid();
    assert_eq!(owner, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_locked_where_the_limit_allows_it() {
    let operator = Operator::start(&[Reply::Web(1, &[("A", "1")])]).await;
    for limit in ["64", "unlimited"] {
        locked(&operator, limit).await;
    }
}

/// With this limit in kilobytes, or with the one that there is where it may not be set.
async fn locked(operator: &Operator, limit: &str) {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", "ulimit -l \"$1\"; exec \"$0\""])
        .args([env!("CARGO_BIN_EXE_splitvault-sidecar"), limit])
        .env_clear()
        .env(pod::DIRECTORY, operator.files())
        .env(pod::OPERATOR, format!("https://{}", operator.address))
        .env(pod::CA, &operator.ca)
        .env(pod::VAULT_SECRETS, "web")
        .env(pod::POD_UID, POD)
        .env(pod::MODE, "file")
        .env(pod::REFRESH, "3600")
        .env(pod::TOKEN, operator.token())
        .stdin(Stdio::null());
    let process = Process::start(shell);
    process.says("delivered").await;
    let kilobytes = |field: &str| {
        let status = status(process.id(), "status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let limits = status(process.id(), "limits");
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"))
        .unwrap();
    let limit = limit.split_whitespace().next().unwrap();
    let allowed = limit.parse::<u64>().is_err() || limit.parse::<u64>().unwrap() >= 64 << 20;
    assert_eq!(kilobytes("VmLck:") > 0, allowed, "limit {limit}");
}

#[test]
fn a_command_has_the_limits_that_its_container_gave_it() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::write(directory.path().join(pod::ENV_BIN), "A=1\0").unwrap();
    let limits = || program(directory.path());
    let mut by_exec = limits();
    by_exec.args(["exec", "--", "cat", "/proc/self/limits"]);
    let mut bare = Command::new("cat");
    bare.arg("/proc/self/limits").arg0("cat");
    assert_eq!(by_exec.output().unwrap().stdout, bare.output().unwrap().stdout);
}

/// Somebody who takes a connection and says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_it_in_the_middle_of_a_handshake() {
    let operator = Operator::start(&[Reply::Current]).await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let mut process = Process::attend(&operator, &[(pod::OPERATOR, &url)]);
    let (_taken, _) = silent.accept().unwrap();
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn sigterm_ends_the_hook_at_once() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut hook = program(directory.path());
    hook.args(["wait", "--for", "3600s"]);
    let mut hook = Process::start(hook);
    eventually("it runs", || hook.runs()).await;
    hook.terminate();
    let ended = hook.ended().await;
    assert_eq!(ended.signal(), Some(15));
}
