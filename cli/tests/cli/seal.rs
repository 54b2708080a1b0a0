//! What is sealed opens with the right key, for the right object, and nothing leaks beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use splitvault_api::VaultSecret;
use splitvault_crypto::sealing::{Algorithm, Context, KeyPair, UnsealError};

use crate::program::{Output, Place};

const ENV: &str = "# of the shop\nDATABASE_URL='postgres://web:swordfish@db/shop'\nLINES=\"a\\nb\"\n";

struct Sealer {
    place: Place,
    key: KeyPair,
    key_file: String,
}

impl Sealer {
    fn new() -> Self {
        Self::of(Algorithm::XWing)
    }

    fn of(algorithm: Algorithm) -> Self {
        let (place, key) = (Place::new(), KeyPair::make(algorithm).unwrap());
        let key_file = place.file("splitvault.pub", format!("{}\n", key.public().to_text()));
        Self { place, key, key_file }
    }

    fn seal(&self, text: &str, options: &[&str]) -> Output {
        let base = [
            "seal",
            "-",
            "--name",
            "web",
            "-n",
            "shop",
            "--key-file",
            &self.key_file,
        ];
        self.place.run_with(&[&base, options].concat(), text)
    }

    fn sealed(&self, text: &str, options: &[&str]) -> VaultSecret {
        let output = self.seal(text, options);
        assert_eq!(output.code, 0, "{}", output.stderr);
        serde_saphyr::from_str(&output.stdout).unwrap()
    }

    fn open(&self, object: &VaultSecret, namespace: &str, name: &str) -> Result<String, UnsealError> {
        let sealed = object.spec.source.clone().unwrap().sealed.unwrap();
        assert_eq!(sealed.key_id, self.key.id().to_string());
        let payload = STANDARD.decode(sealed.payload).unwrap();
        let opened = self.key.open(&Context::Manifest { namespace, name }, &payload)?;
        Ok(String::from_utf8(opened.expose().to_vec()).unwrap())
    }
}

#[test]
fn the_payload_holds_the_file_as_it_is_for_this_namespace_and_name_only() {
    for algorithm in Algorithm::ALL {
        let sealer = Sealer::of(algorithm);
        let object = sealer.sealed(ENV, &[]);
        assert_eq!(object.metadata.name.as_deref(), Some("web"));
        assert_eq!(object.metadata.namespace.as_deref(), Some("shop"));
        assert_eq!(sealer.open(&object, "shop", "web").unwrap(), ENV);
        assert_eq!(
            sealer.open(&object, "other", "web").unwrap_err(),
            UnsealError::Refused
        );
        assert_eq!(
            sealer.open(&object, "shop", "other").unwrap_err(),
            UnsealError::Refused
        );
    }
}

#[test]
fn a_file_and_standard_input_are_the_same() {
    let sealer = Sealer::new();
    let file = sealer.place.file(".env", ENV);
    let output = sealer.place.run(&[
        "seal",
        &file,
        "--name",
        "web",
        "--namespace",
        "shop",
        "--key-file",
        &sealer.key_file,
        "--output",
        "json",
    ]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let object: VaultSecret = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(sealer.open(&object, "shop", "web").unwrap(), ENV);
}

#[test]
fn two_sealings_of_the_same_differ() {
    let sealer = Sealer::new();
    assert_ne!(sealer.seal(ENV, &[]).stdout, sealer.seal(ENV, &[]).stdout);
}

#[test]
fn options_become_fields() {
    let options = [
        "--expose-names",
        "--service-account",
        "web",
        "--service-account",
        "worker,cron",
    ];
    let spec = Sealer::new().sealed(ENV, &options).spec;
    assert_eq!(spec.expose_names, Some(true));
    assert_eq!(spec.access.unwrap().service_accounts, ["web", "worker", "cron"]);
    let spec = Sealer::new().sealed(ENV, &[]).spec;
    assert_eq!((spec.expose_names, spec.access), (None, None));
}

#[test]
fn references_are_kept_with_a_warning_and_expanded_when_asked() {
    let sealer = Sealer::new();
    let text = "APP=shop\nTITLE=\"${APP} 'x' $APP\"\n";
    let output = sealer.seal(text, &[]);
    assert!(
        output.stderr.contains("TITLE") && output.stderr.contains("--expand"),
        "{}",
        output.stderr
    );
    let object = serde_saphyr::from_str(&output.stdout).unwrap();
    assert_eq!(sealer.open(&object, "shop", "web").unwrap(), text);
    let output = sealer.seal(text, &["--expand"]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let object = serde_saphyr::from_str(&output.stdout).unwrap();
    let opened = sealer.open(&object, "shop", "web").unwrap();
    assert_eq!(opened, "APP='shop'\nTITLE=`shop 'x' shop`\n");
    let output = sealer.seal("TITLE=$swordfish", &["--expand"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("TITLE") && !output.stderr.contains("swordfish"),
        "{}",
        output.stderr
    );
}

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
