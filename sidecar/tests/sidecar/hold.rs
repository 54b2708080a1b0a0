//! What holds the application back: the hook, the probe, and `exec` before its file is there.

use splitvault_wire::pod;

use crate::process::{Process, eventually, program};

fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap()
}

#[test]
fn the_hook_succeeds_whatever_happens() {
    let nowhere = std::path::Path::new("/nowhere");
    let directory = directory();
    for path in [nowhere, std::path::Path::new("/proc"), directory.path()] {
        let hook = program(path).args(["wait", "--for", "10ms"]).status().unwrap();
        assert!(hook.success(), "{}", path.display());
    }
}

#[tokio::test]
async fn the_hook_ends_when_the_gate_opens() {
    let directory = directory();
    let mut hook = program(directory.path());
    hook.args(["wait", "--for", "3600s"]);
    let mut hook = Process::start(hook);
    assert!(hook.runs());
    std::fs::write(directory.path().join(pod::GATE_ENV), "").unwrap();
    assert!(hook.ended().await.success());
}

#[test]
fn the_probe_succeeds_only_when_the_gate_is_open() {
    let directory = directory();
    let ready = || program(directory.path()).arg("ready").status().unwrap().success();
    assert!(!ready());
    std::fs::write(directory.path().join(pod::ENV_BIN), "").unwrap();
    assert!(!ready());
    std::fs::write(directory.path().join(pod::GATE_ENV), "").unwrap();
    assert!(ready());
}

#[tokio::test]
async fn exec_waits_for_its_file() {
    let directory = directory();
    let done = directory.path().join("done");
    let mut exec = program(directory.path());
    exec.args(["exec", "--", "/bin/sh", "-c", "echo \"$A\" > \"$0\""])
        .arg(&done);
    let mut exec = Process::start(exec);
    assert!(exec.runs());
    // As the sidecar puts it there: whole, by a rename.
    std::fs::write(directory.path().join("new"), "A=late\0").unwrap();
    std::fs::rename(directory.path().join("new"), directory.path().join(pod::ENV_BIN)).unwrap();
    assert!(exec.ended().await.success());
    assert_eq!(std::fs::read_to_string(done).unwrap(), "late\n");
}

#[tokio::test]
async fn sigterm_ends_exec_while_it_waits() {
    let directory = directory();
    let mut exec = program(directory.path());
    exec.args(["exec", "--", "/bin/true"]);
    let mut exec = Process::start(exec);
    eventually("it listens for SIGTERM", || exec.catches_sigterm()).await;
    exec.terminate();
    assert_eq!(exec.ended().await.code(), Some(143));
}
