//! What an application started by `exec` gets.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

use splitvault_wire::pod;

use crate::process::program;

/// A directory with these bytes as the variables, and the program that is to use them.
fn exec(content: &[u8]) -> (tempfile::TempDir, Command) {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::write(directory.path().join(pod::ENV_BIN), content).unwrap();
    let mut command = program(directory.path());
    command.arg("exec");
    (directory, command)
}

/// The environment that the application sees, as `env -0` prints it.
fn environment(output: &Output) -> Vec<&str> {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let own = |item: &&str| !item.is_empty() && !item.starts_with(pod::DIRECTORY);
    let mut items: Vec<_> = text.split('\0').filter(own).collect();
    items.sort_unstable();
    items
}

#[test]
fn values_arrive_byte_for_byte() {
    let long = format!("LONG={}", "x".repeat(32 * 1024));
    let items = [
        "A=",
        "B= a\nb\r\n\t",
        "C='\"`\\$HOME #!",
        "D=\u{fe0f}é\u{10ffff}",
        "E==",
        long.as_str(),
    ];
    let (_directory, mut command) = exec(items.map(|item| format!("{item}\0")).concat().as_bytes());
    let output = command
        .args(["--", "env", "-0"])
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    let mut expected = items.to_vec();
    expected.push("PATH=/usr/bin:/bin");
    assert_eq!(environment(&output), expected);
}

#[test]
fn what_steers_splitvault_comes_from_no_vault_secret() {
    let content = b"A=1\0SPLITVAULT_KEEP=A\0SPLITVAULT_REVISION=web:9\0SPLITVAULT_=x\0splitvault_b=2\0";
    let (_directory, mut command) = exec(content);
    let output = command
        .args(["--", "env", "-0"])
        .env("PATH", "/usr/bin:/bin")
        .env(pod::REVISION, "web:3")
        .output()
        .unwrap();
    assert_eq!(
        environment(&output),
        [
            "A=1",
            "PATH=/usr/bin:/bin",
            "SPLITVAULT_REVISION=web:3",
            "splitvault_b=2"
        ]
    );
}

#[test]
fn a_thousand_variables_of_a_mebibyte_arrive() {
    let items: Vec<_> = (0..1000)
        .map(|n| format!("N{n:03}={}\0", "v".repeat(1000)))
        .collect();
    let (_directory, mut command) = exec(items.concat().as_bytes());
    let output = command.args(["--", "/usr/bin/env", "-0"]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(environment(&output).join("\0") + "\0", items.concat());
}

#[test]
fn what_the_pod_spec_sets_itself_wins() {
    let (_directory, mut command) = exec(b"A=vault\0B=vault\0C=vault\0D=vault\0");
    command.args(["--keep", "A", "--", "/usr/bin/env", "-0"]);
    command.envs([
        ("A", "spec"),
        ("B", "spec"),
        ("C", "image"),
        ("D", ""),
        (pod::KEEP, "B,D"),
    ]);
    let output = command.output().unwrap();
    assert_eq!(environment(&output), ["A=spec", "B=spec", "C=vault", "D="]);
}

#[test]
fn arguments_and_exit_code_are_the_command_s_own() {
    let (_directory, mut command) = exec(b"A=1\0");
    let script = "printf '%s|' \"$A\" \"$@\"; exit 42";
    let output = command
        .args([
            "--", "/bin/sh", "-c", script, "sh", "", "--keep", "--", "a b", "$A",
        ])
        .output();
    let output = output.unwrap();
    assert_eq!(output.stdout, b"1||--keep|--|a b|$A|");
    assert_eq!(output.status.code(), Some(42));
}

#[test]
fn the_command_takes_the_place_of_the_process() {
    let (_directory, mut command) = exec(b"");
    let child = command.args(["--", "/bin/sh", "-c", "echo $$; kill -PIPE $$"]);
    let child = child.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, format!("{id}\n").as_bytes());
    assert_eq!(
        output.status.signal(),
        Some(13),
        "SIGPIPE works as in any other process"
    );
}

#[test]
fn the_command_is_looked_up_in_the_path_that_it_gets() {
    let (directory, mut command) = exec(b"");
    let tool = directory.path().join("tool-of-the-image");
    std::fs::write(&tool, "#!/bin/sh\nexit 7\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let status = command
        .args(["--", "tool-of-the-image"])
        .env("PATH", directory.path())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(7));
}

#[test]
fn a_command_that_is_not_there_is_127_and_one_that_cannot_run_126() {
    let (directory, _) = exec(b"");
    let plain = directory.path().join("plain");
    std::fs::write(&plain, "no program").unwrap();
    let cases = [
        ("no-such-command", 127),
        ("/no/such/command", 127),
        (plain.to_str().unwrap(), 126),
        ("/proc", 126),
    ];
    for (program, code) in cases {
        let (_directory, mut command) = exec(b"A=CANARY\0");
        let output = command.args(["--", program]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{program}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(program) && !told.contains("CANARY"), "{told}");
    }
}

#[test]
fn a_file_that_is_none_of_ours_starts_nothing() {
    for content in [
        b"CANARY".as_slice(),
        b"CANARY\0",
        b"=CANARY\0",
        b"A=CANARY\0B=CANARY",
    ] {
        let (_directory, mut command) = exec(content);
        let output = command.args(["--", "/bin/echo", "started"]).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert!(output.stdout.is_empty());
        assert!(!String::from_utf8(output.stderr).unwrap().contains("CANARY"));
    }
}

#[test]
fn the_copy_works_as_well_as_the_program() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let copy = directory.path().join("splitvault-sidecar");
    assert!(
        program(directory.path())
            .arg("copy")
            .arg(&copy)
            .status()
            .unwrap()
            .success()
    );
    let output = Command::new(&copy).arg("version").output().unwrap();
    assert_eq!(
        output.stdout,
        format!("splitvault-sidecar {}\n", env!("CARGO_PKG_VERSION")).as_bytes()
    );
    let nowhere = program(directory.path())
        .args(["copy", "/no/where"])
        .output()
        .unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
}
