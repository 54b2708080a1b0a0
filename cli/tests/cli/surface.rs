//! Help, versions, completion, exit codes, pipes.

use std::process::{Command, Stdio};

use crate::program::{Place, output};

#[test]
fn help_has_examples_and_goes_to_standard_output() {
    let place = Place::new();
    for arguments in [
        &["--help"][..],
        &["seal", "--help"],
        &["lint", "--help"],
        &["key", "--help"],
        &["rotate", "--help"],
        &["history", "--help"],
        &["rollback", "--help"],
        &["reseal", "--help"],
        &["keys", "rewrap", "--help"],
        &["keys", "prune", "--help"],
        &["audit", "keys", "--help"],
        &["escrow", "keygen", "--help"],
        &["doctor", "pod", "--help"],
    ] {
        let output = place.run(arguments);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
        assert!(output.stdout.contains("Example"), "{arguments:?}");
    }
}

#[test]
fn the_version_is_told_both_ways() {
    let expected = concat!("splitvault ", env!("CARGO_PKG_VERSION"), "\n");
    for argument in ["version", "--version"] {
        assert_eq!(Place::new().run(&[argument]).stdout, expected);
    }
}

#[test]
fn wrong_usage_is_exit_code_2_with_nothing_on_standard_output() {
    let place = Place::new();
    let cases: [&[&str]; 22] = [
        &[],
        &["unknown"],
        &["seal"],
        &["seal", "-"],
        &["seal", "-", "--name", "Not_A_Name"],
        &["seal", "-", "--name", "a", "-n", "a.b"],
        &["seal", "-", "--name", "a", "-o", "xml"],
        &["lint"],
        &["completion", "cobol"],
        &["rotate"],
        &["rotate", "web", "--ca"],
        &["rotate", "--master", "both"],
        &["rotate", "--ca", "-n", "shop"],
        &["rotate", "web", "--timeout", "0s"],
        &["rollback", "web"],
        &["rollback", "web", "--to", "0"],
        &["keys"],
        &["escrow"],
        &["escrow", "keygen"],
        &["doctor"],
        &["doctor", "pod"],
        &["doctor", "pod", "web", "-o", "yaml"],
    ];
    for arguments in cases {
        let output = place.run(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_shell_has_completion() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Place::new().run(&["completion", shell]);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
        assert!(
            ["splitvault", "service-account", "rollback", "sealing-key"]
                .iter()
                .all(|word| output.stdout.contains(word))
        );
    }
}

#[test]
fn as_kubectls_plugin_it_speaks_of_itself_as_such() {
    let place = Place::new();
    let plugin = std::path::Path::new(&place.file("marker", "")).with_file_name("kubectl-splitvault");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_splitvault"), &plugin).unwrap();
    let help = output(
        place.command(plugin.to_str().unwrap()).args(["seal", "--help"]),
        "",
    );
    assert_eq!(help.code, 0);
    assert!(
        help.stdout.contains("Usage: kubectl splitvault seal"),
        "{}",
        help.stdout
    );
    let version = output(place.command(plugin.to_str().unwrap()).arg("version"), "");
    assert_eq!(version.code, 0);
    assert!(
        place
            .run(&["seal", "--help"])
            .stdout
            .contains("Usage: splitvault seal")
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    let mut child = place.command(env!("CARGO_BIN_EXE_splitvault"));
    let child = child
        .args(["completion", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_splitvault"))
        .arg("version")
        .stdout(full)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
