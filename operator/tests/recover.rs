//! `splitvault-operator recover`, the program itself, on the files of an installation that went through two rotations.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use splitvault_crypto::sealing::{Algorithm, KeyPair};
use splitvault_crypto::{FileKek, Names, Purpose, SecretString, Values};
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_values::sqlite::SqliteValues;
use splitvault_vault::{Advance, Cause, Keks, Ring, SourceDigestInput, SqliteKeys, Vault};

const UID: &str = "0b0c5a4e-5f4e-4f4e-8a53-1f0e6d7f3c21";

struct Place(tempfile::TempDir);

struct Output {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    /// Two copies of before the rotations (`old-keys.db`, `old-values.db`), the databases after them, the key files of
    /// before (`old-….kek`) and of today, and the recipient's private key.
    async fn with_history() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for prefix in ["old-", ""] {
            place.make_kek::<Names>(&format!("{prefix}names.kek"));
            place.make_kek::<Values>(&format!("{prefix}values.kek"));
        }
        let recipient = KeyPair::make(Algorithm::XWing).unwrap();
        place.write("escrow.key", recipient.to_text().expose());
        let other = KeyPair::make(Algorithm::XWing).unwrap();
        place.write("other.key", other.to_text().expose());
        let now = SystemTime::now();
        place
            .run_with(&recipient, now, async |vault| {
                write(vault, "canary-of-before").await
            })
            .await;
        for name in ["keys.db", "values.db"] {
            fs::copy(place.path(name), place.path(&format!("old-{name}"))).unwrap();
        }
        place
            .run_with(&recipient, now + Duration::from_secs(61), async |vault| {
                rotate_twice(vault).await
            })
            .await;
        place
    }

    /// A process that has the databases open, with the key files of both times.
    async fn run_with(&self, recipient: &KeyPair, now: SystemTime, act: impl AsyncFnOnce(&Vault)) {
        let keys = Arc::new(SqliteKeys::open(Path::new(&self.path("keys.db"))).await.unwrap());
        let values = Arc::new(
            SqliteValues::open(Path::new(&self.path("values.db")))
                .await
                .unwrap(),
        );
        let rewrapping = now > SystemTime::now();
        let keks = Keks {
            names: splitvault_vault::RingKek::from(self.kek::<Names>(if rewrapping {
                "names.kek"
            } else {
                "old-names.kek"
            }))
            .and_former(Arc::new(self.kek::<Names>("old-names.kek"))),
            values: splitvault_vault::RingKek::from(self.kek::<Values>(if rewrapping {
                "values.kek"
            } else {
                "old-values.kek"
            }))
            .and_former(Arc::new(self.kek::<Values>("old-values.kek"))),
        };
        let vault = Vault::open(keys.clone(), values.clone(), keks).await.unwrap();
        let vault = vault.with_escrow(recipient.public().clone());
        vault.beat(now).await.unwrap();
        assert!(vault.lead(now).await.unwrap());
        act(&vault).await;
        if rewrapping {
            vault.rewrap(now).await.unwrap();
        }
        keys.close().await;
        values.close().await;
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn make_kek<P: Purpose>(&self, name: &str) {
        self.write(name, FileKek::<P>::make().unwrap().to_text().expose());
    }

    fn kek<P: Purpose>(&self, name: &str) -> FileKek<P> {
        FileKek::parse(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// Runs the program in this directory; key files are those of today unless `more` says otherwise.
    fn run(&self, action: &str, more: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_splitvault-operator"))
            .args(["recover", action])
            .args(more)
            .current_dir(self.0.path())
            .env_clear()
            .output()
            .unwrap();
        Output {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn keys(&self, more: &[&str]) -> Output {
        let files = [
            "--database=old-keys.db",
            "--names-kek=names.kek",
            "--values-kek=values.kek",
        ];
        self.run("keys", &[&files, more].concat())
    }

    fn read(&self, more: &[&str]) -> Output {
        let files = ["--database=old-keys.db", "--values=old-values.db"];
        let keks = ["--names-kek=names.kek", "--values-kek=values.kek"];
        self.run("read", &[&files[..], &keks, more].concat())
    }
}

async fn write(vault: &Vault, value: &str) {
    let variable = Variable {
        name: Name::parse("TOKEN").unwrap(),
        value: SecretString::copy_of(value),
        comment: None,
    };
    let dotenv = Dotenv::from_variables(vec![variable]).unwrap();
    let source = SourceDigestInput(value.as_bytes());
    vault.write(UID, &dotenv, &source, &[], 5).await.unwrap();
}

async fn rotate_twice(vault: &Vault) {
    let now = SystemTime::now() + Duration::from_secs(61);
    for value in ["canary-of-between", "canary-of-after"] {
        for ring in Ring::MASTER {
            vault.begin_rotation(ring, Cause::Requested, now).await.unwrap();
            while !matches!(
                vault.advance(now, 100).await.unwrap(),
                Advance::Idle | Advance::Waiting
            ) {}
        }
        write(vault, value).await;
    }
}

#[tokio::test]
async fn an_old_pair_of_copies_is_read_after_its_key_encryption_keys_are_gone() {
    let place = Place::with_history().await;
    let locked = place.read(&[]);
    assert_eq!((locked.code, locked.stdout.as_str()), (1, ""));
    assert!(locked.stderr.contains("recover keys"), "{}", locked.stderr);
    let escrow = ["--newer=keys.db", "--escrow-key=escrow.key"];
    let before = fs::read(place.path("old-keys.db")).unwrap();
    for refused in [
        &[][..],
        &["--newer=keys.db"],
        &["--newer=keys.db", "--escrow-key=other.key"],
    ] {
        let output = place.keys(refused);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{refused:?}");
        assert!(output.stderr.contains("was not changed"), "{}", output.stderr);
    }
    let dry = place.keys(&[&escrow[..], &["--dry-run", "-o", "json"]].concat());
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    let told: serde_json::Value = serde_json::from_str(&dry.stdout).unwrap();
    let found = told["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["found"] == "escrow");
    assert_eq!((found.count(), &told["changed"]), (2, &serde_json::json!(false)));
    assert!(
        fs::read(place.path("old-keys.db")).unwrap() == before,
        "a dry run changes nothing"
    );
    let done = place.keys(&escrow);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(
        done.stdout.matches("taken from escrow").count(),
        2,
        "{}",
        done.stdout
    );
    let listed = place.read(&[]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(listed.stdout.contains(UID) && !listed.stdout.contains("TOKEN"));
    let printed = place.read(&[UID]);
    assert_eq!(
        (printed.code, printed.stdout.as_str()),
        (0, "TOKEN='canary-of-before'\n"),
        "{}",
        printed.stderr
    );
    for missing in [&[UID, "--revision=9"][..], &["nobody"]] {
        assert_eq!(place.read(missing).code, 1, "{missing:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_open_missing_or_something_else_is_refused() {
    let place = Place::with_history().await;
    let held = SqliteKeys::open(Path::new(&place.path("old-keys.db")))
        .await
        .unwrap();
    for output in [place.keys(&["--newer=keys.db"]), place.read(&[])] {
        assert_eq!(output.code, 1);
        assert!(output.stderr.contains("in use"), "{}", output.stderr);
    }
    held.close().await;
    place.write(
        "text",
        "no database at all, but quite long: longer than a header would be, and then some more of it",
    );
    for newer in ["missing.db", "text", "values.db"] {
        let output = place.keys(&[&format!("--newer={newer}")]);
        assert_eq!(output.code, 1, "{newer}");
        assert!(!Path::new(&place.path("missing.db")).exists(), "nothing is made");
    }
}

#[tokio::test]
async fn a_file_that_is_no_key_is_refused_without_a_word_of_it() {
    let place = Place::with_history().await;
    let private = fs::read_to_string(place.path("escrow.key")).unwrap();
    place.write("names.kek", &private);
    for (file, content) in [
        ("names.kek", private.as_str()),
        ("names.kek", ""),
        ("names.kek", &"x".repeat(10_000)),
    ] {
        place.write(file, content);
        let output = place.keys(&[]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""));
        assert!(output.stderr.contains(file) && !output.stderr.contains(private.trim()));
    }
    assert_eq!(
        place.run("keys", &["--database=old-keys.db"]).code,
        2,
        "no key files named"
    );
}
