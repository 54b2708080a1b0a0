//! The process killed at each step of a write: the old revision or the new one, whole, and orphans that go.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::fixture::{Home, owned};

const OLD: [(&str, &str); 3] = [("A", "old"), ("B", "old"), ("C", "old")];
const NEW: [(&str, &str); 2] = [("A", "new"), ("B", "new")];
pub(crate) const HOME: &str = "SPLITVAULT_TEST_HOME";
const DEED: &str = "SPLITVAULT_TEST_DEED";

/// What the other process does; only when it was started for that.
#[tokio::test]
#[ignore = "runs as a process of its own, which the others kill"]
async fn deed() {
    let (Some(home), Some(deed)) = (std::env::var_os(HOME), std::env::var_os(DEED)) else {
        return;
    };
    let installation = Home::at(home.into()).open().await;
    splitvault_values::arm_failpoints();
    match deed.to_str().unwrap() {
        "write" => drop(installation.write("uid", &NEW, 0).await.unwrap()),
        "reseal" => drop(installation.vault.reseal("uid").await.unwrap()),
        "remove" => drop(installation.vault.remove("uid").await.unwrap()),
        other => panic!("no such deed: {other}"),
    }
}

/// Lets another process do it and kills it there; says whether it was killed.
fn killed(home: &Home, deed: &str, step: &str) -> bool {
    killed_at(home, "crash::deed", deed, &format!("{step}=return(kill)"))
}

/// Lets another process run the test `test`, which does it, with these failpoints; says whether it was killed.
pub(crate) fn killed_at(home: &Home, test: &str, deed: &str, failpoints: &str) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env(HOME, home.path())
        .env(DEED, deed)
        .env("FAILPOINTS", failpoints)
        .output()
        .unwrap()
        .status;
    assert!(
        status.success() || status.signal() == Some(9),
        "{deed} at {failpoints}: {status}"
    );
    status.signal() == Some(9)
}

async fn with_old() -> Home {
    let home = Home::new();
    let installation = home.open().await;
    installation.write("uid", &OLD, 0).await.unwrap();
    installation.close().await;
    home
}

#[tokio::test]
async fn without_a_failpoint_nobody_is_killed() {
    let home = with_old().await;
    assert!(!killed(&home, "write", "vault::no-such-step"));
    assert_eq!(home.open().await.read("uid").await, owned(&NEW));
}

#[tokio::test]
async fn a_write_killed_at_each_step_leaves_one_revision_whole() {
    let (old, new) = (owned(&OLD), owned(&NEW));
    // Where it is killed, what is there then, and how many orphans.
    let steps = [
        ("vault::before-put", &old, 0),
        ("values::before-insert", &old, 0),
        ("values::after-insert-before-commit", &old, 0),
        ("values::after-commit", &old, 2),
        ("vault::after-put", &old, 2),
        ("vault::before-commit", &old, 2),
        ("vault::after-commit", &new, 3),
        ("vault::before-delete", &new, 3),
        ("values::after-delete-before-commit", &new, 3),
        ("vault::after-delete", &new, 0),
    ];
    for (step, expected, orphans) in steps {
        let home = with_old().await;
        assert!(killed(&home, "write", step), "{step} is on the way");
        let installation = home.open().await;
        assert_eq!(&installation.read("uid").await, expected, "{step}");
        assert_eq!(
            installation.vault.sweep().await.unwrap().removed,
            orphans,
            "{step}"
        );
        assert_eq!(installation.tokens().await.len(), expected.len(), "{step}");
        assert_eq!(&installation.read("uid").await, expected, "{step}, swept");
        installation.write("uid", &NEW, 0).await.unwrap();
        assert_eq!(
            installation.read("uid").await,
            new,
            "{step}: the next write heals"
        );
        assert_eq!(installation.tokens().await.len(), new.len(), "{step}");
    }
}

#[tokio::test]
async fn a_first_write_killed_at_each_step_leaves_all_or_nothing() {
    for (step, there) in [
        ("vault::after-put", false),
        ("vault::before-commit", false),
        ("vault::after-commit", true),
    ] {
        let home = Home::new();
        home.open().await.close().await;
        assert!(killed(&home, "write", step), "{step} is on the way");
        let installation = home.open().await;
        let found = installation.vault.read("uid").await.unwrap();
        assert_eq!(found.is_some(), there, "{step}");
        let orphans = if there { 0 } else { NEW.len() };
        assert_eq!(
            installation.vault.sweep().await.unwrap().removed,
            orphans,
            "{step}"
        );
    }
}

#[tokio::test]
async fn a_reseal_or_removal_killed_at_each_step_loses_nothing_it_should_not() {
    for step in [
        "vault::after-put",
        "vault::before-commit",
        "vault::after-commit",
        "vault::before-delete",
    ] {
        let home = with_old().await;
        assert!(killed(&home, "reseal", step), "{step} is on the way");
        let installation = home.open().await;
        assert_eq!(installation.read("uid").await, owned(&OLD), "{step}");
        assert_eq!(
            installation.vault.sweep().await.unwrap().removed,
            OLD.len(),
            "{step}"
        );
        assert_eq!(installation.read("uid").await, owned(&OLD), "{step}, swept");
    }
    let home = with_old().await;
    assert!(killed(&home, "remove", "vault::before-delete"));
    let installation = home.open().await;
    assert!(installation.vault.read("uid").await.unwrap().is_none());
    assert_eq!(installation.vault.sweep().await.unwrap().removed, OLD.len());
}
