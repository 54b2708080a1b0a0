//! What is not sealed, and what is said about it: never a byte of the file.

use crate::program::Place;
use crate::sealer::{ENV, Sealer};

#[test]
fn nothing_of_the_file_is_printed_but_names_in_complaints() {
    let sealer = Sealer::new();
    let output = sealer.seal(ENV, &[]);
    assert_eq!(output.stderr, "");
    for needle in ["swordfish", "DATABASE_URL", "shop\nD"] {
        assert!(!output.stdout.contains(needle), "{needle}");
    }
    for text in [
        "A=1\nPASSWORD='swordfish\n",
        "PASSWORD='sword'fish'\n",
        "swordfish\n",
        "PASSWORD=a\\tswordfish#b\n",
    ] {
        let output = sealer.seal(text, &[]);
        assert!(!output.stderr.is_empty());
        for printed in [output.stdout, output.stderr] {
            assert!(
                !printed.contains("sword") && !printed.contains("fish"),
                "{printed}"
            );
        }
    }
}

#[test]
fn a_bad_file_is_refused_by_line_and_name() {
    let output = Sealer::new().seal("GOOD=1\nPASSWORD='swordfish\n", &[]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(
        output
            .stderr
            .starts_with("error: standard input: line 2, column 10: PASSWORD: "),
        "{}",
        output.stderr
    );
}

#[test]
fn what_is_too_large_or_nothing_is_refused_with_a_sentence() {
    let sealer = Sealer::new();
    let value = "x".repeat(32 * 1024);
    let mebibyte: String = (0..40).map(|i| format!("VARIABLE_{i}={value}\n")).collect();
    let thousand: String = (0..1001).map(|i| format!("VARIABLE_{i}={i}\n")).collect();
    let edge = format!("A=1\n#{}", "x".repeat(1024 * 1024 - 5));
    let cases = [
        (mebibyte, "1048576"),
        (thousand, "1000"),
        (edge, "too large"),
        ("# nothing\n".to_owned(), "no variables"),
    ];
    for (text, expected) in cases {
        let output = sealer.seal(&text, &[]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{expected}");
        assert!(
            output.stderr.contains(expected) && output.stderr.len() < 1000,
            "{}",
            output.stderr
        );
    }
}

#[test]
fn what_is_beyond_client_side_apply_is_said() {
    let sealer = Sealer::new();
    let value = "x".repeat(32 * 1024);
    let text: String = (0..8).map(|i| format!("VARIABLE_{i}={value}\n")).collect();
    let output = sealer.seal(&text, &[]);
    assert_eq!(output.code, 0);
    assert!(output.stderr.contains("--server-side"), "{}", output.stderr);
}

#[test]
fn a_key_file_that_is_none_is_refused_with_the_command_that_makes_one() {
    let place = Place::new();
    let huge = "x".repeat(100_000);
    for content in [
        "",
        "ssh-ed25519 AAAA",
        "splitvault-sealing-v1:x25519:AAAA",
        "splitvault-sealing-v1:other:AAAA",
        &huge,
    ] {
        let file = place.file("key", content);
        let output = place.run_with(&["seal", "-", "--name", "a", "-n", "b", "--key-file", &file], ENV);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""));
        assert!(
            output.stderr.contains(&file) && output.stderr.contains("splitvault key >"),
            "{}",
            output.stderr
        );
    }
    let output = place.run_with(
        &["seal", "-", "--name", "a", "-n", "b", "--key-file", "/none"],
        ENV,
    );
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("/none"), "{}", output.stderr);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let sealer = Sealer::new();
    for path in ["missing.env", "."] {
        let output = sealer.place.run(&[
            "seal",
            path,
            "--name",
            "a",
            "-n",
            "b",
            "--key-file",
            &sealer.key_file,
        ]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""));
        assert!(
            output.stderr.contains(&format!("cannot read {path}")),
            "{}",
            output.stderr
        );
    }
}
