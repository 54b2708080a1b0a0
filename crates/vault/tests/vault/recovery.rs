//! Old copies of both databases, and what it takes to read them: on real files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use splitvault_crypto::sealing::{Algorithm, KeyPair};
use splitvault_crypto::{FileKek, Names, Values};
use splitvault_values::sqlite::{SqliteValues, is_in_use};
use splitvault_vault::{
    Cause, Found, Keks, KeyState, OpenError, ReadError, Recovered, RecoveryError, RecoverySources, Ring,
    SqliteKeys, Vault, recover,
};

use crate::fixture::{Home, Installation, owned};
use crate::rotation::{lead, settle};

const OLD: [(&str, &str); 2] = [("A", "first"), ("B", "second")];

fn fresh_keks() -> (FileKek<Names>, FileKek<Values>) {
    (FileKek::make().unwrap(), FileKek::make().unwrap())
}

fn copied((names, values): &(FileKek<Names>, FileKek<Values>)) -> Keks {
    Keks {
        names: FileKek::<Names>::parse(names.to_text().expose().as_bytes())
            .unwrap()
            .into(),
        values: FileKek::<Values>::parse(values.to_text().expose().as_bytes())
            .unwrap()
            .into(),
    }
}

/// A place for copies.
fn copy(from: &Path, to: &Path) -> PathBuf {
    fs::copy(from, to).unwrap();
    to.to_owned()
}

/// An installation with escrow, and two copies of its databases from before its keys were rotated.
struct Story {
    home: Home,
    recipient: KeyPair,
    old_keys: PathBuf,
    old_values: PathBuf,
}

impl Story {
    async fn begin() -> Self {
        let home = Home::new();
        let story = Self {
            recipient: KeyPair::make(Algorithm::XWing).unwrap(),
            old_keys: home.path().join("old-keys.db"),
            old_values: home.path().join("old-values.db"),
            home,
        };
        let installation = story.open(story.home.keks()).await;
        installation.write("uid", &[("A", "before")], 5).await.unwrap();
        installation.write("uid", &OLD, 5).await.unwrap();
        installation.close().await;
        story.back_up();
        story
    }

    async fn open(&self, keks: Keks) -> Installation {
        let mut installation = self.home.try_open(keks).await.unwrap();
        installation.vault = installation.vault.with_escrow(self.recipient.public().clone());
        installation
    }

    /// Key-encryption keys that wrap, and those of the beginning, which still unwrap.
    fn both(&self, today: &(FileKek<Names>, FileKek<Values>)) -> Keks {
        let (current, home) = (copied(today), &self.home);
        Keks {
            names: current.names.and_former(Arc::new(home.kek::<Names>("names.kek"))),
            values: current
                .values
                .and_former(Arc::new(home.kek::<Values>("values.kek"))),
        }
    }

    fn back_up(&self) {
        copy(&self.home.key_database(), &self.old_keys);
        copy(&self.home.value_database(), &self.old_values);
    }

    /// Rotates both master keys twice, with writes in between, and moves to other key-encryption keys.
    async fn go_on(&self) -> (FileKek<Names>, FileKek<Values>) {
        self.go_on_at(SystemTime::now()).await
    }

    async fn go_on_at(&self, now: SystemTime) -> (FileKek<Names>, FileKek<Values>) {
        let keks = fresh_keks();
        let (both, former) = (self.both(&keks), self.home.keks());
        let installation = self.open(former).await;
        lead(&installation, now).await;
        for round in ["2", "3"] {
            for ring in Ring::MASTER {
                rotate(&installation.vault, ring, now).await;
            }
            installation.write("uid", &[("A", round)], 0).await.unwrap();
        }
        installation.vault.leave().await.unwrap();
        installation.close().await;
        let installation = self.open(both).await;
        let later = now + std::time::Duration::from_secs(61);
        lead(&installation, later).await;
        assert_eq!(installation.vault.rewrap(later).await.unwrap(), 4);
        installation.close().await;
        keks
    }

    async fn try_recover(
        &self,
        keks: &Keks,
        newer: Option<&Path>,
        recipient: Option<&KeyPair>,
        apply: bool,
    ) -> Result<Recovered, RecoveryError> {
        let older = SqliteKeys::open(&self.old_keys).await.unwrap();
        let newer = match newer {
            Some(path) => Some(SqliteKeys::open(path).await.unwrap()),
            None => None,
        };
        let sources = RecoverySources {
            keks,
            newer: newer.as_ref().map(|newer| newer as _),
            recipient,
        };
        let recovered = recover(&older, &sources, SystemTime::now(), apply).await;
        older.close().await;
        if let Some(newer) = newer {
            newer.close().await;
        }
        recovered
    }

    async fn open_old(&self, keks: Keks) -> Result<Vault, OpenError> {
        let keys = Arc::new(SqliteKeys::open(&self.old_keys).await.unwrap());
        let values = Arc::new(SqliteValues::open(&self.old_values).await.unwrap());
        Vault::open(keys, values, keks).await
    }

    /// Reads all that the old copies had.
    async fn read_old(&self, vault: &Vault) {
        let read = vault.read("uid").await.unwrap().unwrap();
        assert_eq!(crate::fixture::pairs(&read.dotenv), owned(&OLD));
        let past = vault.read_revision("uid", 1).await.unwrap().unwrap();
        assert_eq!(crate::fixture::pairs(&past.dotenv), owned(&[("A", "before")]));
        vault.key_log().await.unwrap();
    }
}

async fn rotate(vault: &Vault, ring: Ring, now: SystemTime) {
    vault.begin_rotation(ring, Cause::Requested, now).await.unwrap();
    settle(vault, now).await;
}

fn found(recovered: &Recovered) -> Vec<(Ring, Found)> {
    let mut found: Vec<_> = recovered.keys.iter().map(|key| (key.ring, key.found)).collect();
    found.sort_by_key(|(ring, _)| *ring);
    found
}

#[tokio::test]
async fn old_copies_under_a_key_encryption_key_that_is_gone_are_read_by_escrow() {
    let story = Story::begin().await;
    let today = story.go_on().await;
    let (keks, newer) = (copied(&today), story.home.key_database());
    assert!(matches!(
        story.open_old(keks.clone()).await,
        Err(OpenError::KekWrong { .. })
    ));
    let before = fs::read(&story.old_keys).unwrap();
    let stranger = KeyPair::make(Algorithm::XWing).unwrap();
    for (newer, recipient) in [
        (None, Some(&story.recipient)),
        (Some(newer.as_path()), None),
        (Some(newer.as_path()), Some(&stranger)),
    ] {
        let lost = story.try_recover(&keks, newer, recipient, true).await;
        assert!(matches!(lost, Err(RecoveryError::Lost(lost)) if lost.len() == 2));
    }
    let expected = vec![
        (Ring::Names, Found::Escrow),
        (Ring::Values, Found::Escrow),
        (Ring::Sealing, Found::Newer),
        (Ring::Mac, Found::Newer),
    ];
    for apply in [false, true] {
        let unchanged = fs::read(&story.old_keys).unwrap() == before;
        assert!(unchanged, "neither a refusal nor a dry run changes a byte");
        let recipient = Some(&story.recipient);
        let recovered = story
            .try_recover(&keks, Some(&newer), recipient, apply)
            .await
            .unwrap();
        assert_eq!(
            (found(&recovered), recovered.is_log_new),
            (expected.clone(), false)
        );
    }
    let vault = story.open_old(keks.clone()).await.unwrap();
    story.read_old(&vault).await;
    drop(vault);
    let again = story.try_recover(&keks, None, None, true).await.unwrap();
    assert!(
        again.keys.iter().all(|key| key.found == Found::InPlace),
        "safe to repeat"
    );
}

#[tokio::test]
async fn with_every_key_encryption_key_gone_the_newest_key_database_and_escrow_are_enough() {
    let story = Story::begin().await;
    drop(story.go_on().await);
    let (keks, newer) = (copied(&fresh_keks()), story.home.key_database());
    let recipient = Some(&story.recipient);
    let recovered = story
        .try_recover(&keks, Some(&newer), recipient, true)
        .await
        .unwrap();
    let expected = vec![
        (Ring::Names, Found::Escrow),
        (Ring::Values, Found::Escrow),
        (Ring::Sealing, Found::Replaced),
        (Ring::Mac, Found::Replaced),
    ];
    assert_eq!((found(&recovered), recovered.is_log_new), (expected, true));
    let vault = story.open_old(keks.clone()).await.unwrap();
    story.read_old(&vault).await;
    // It is an installation like any other: its keys go on in their lives.
    let now = SystemTime::now();
    vault.beat(now).await.unwrap();
    assert!(vault.lead(now).await.unwrap());
    for ring in Ring::MASTER {
        rotate(&vault, ring, now).await;
        let lines = vault.key_lines(ring).await.unwrap();
        assert_eq!(lines.len(), 1, "the recovered key was destroyed");
        assert_eq!(lines[0].state, KeyState::Active);
    }
    story.read_old(&vault).await;
}

#[tokio::test]
async fn a_backup_from_the_middle_of_a_rotation_needs_both_keys_and_gets_them() {
    let story = Story::begin().await;
    let installation = story.open(story.home.keks()).await;
    let now = SystemTime::now();
    lead(&installation, now).await;
    installation.write("other", &[("C", "third")], 0).await.unwrap();
    let ring = Ring::Values;
    installation
        .vault
        .begin_rotation(ring, Cause::Requested, now)
        .await
        .unwrap();
    // Activated, and one of two environments re-encrypted.
    installation.vault.advance(now, 1).await.unwrap();
    installation.vault.advance(now, 1).await.unwrap();
    installation.vault.leave().await.unwrap();
    installation.close().await;
    story.back_up();
    let rest = story.open(story.home.keks()).await;
    let later = now + std::time::Duration::from_secs(61);
    lead(&rest, later).await;
    settle(&rest.vault, later).await;
    rest.vault.leave().await.unwrap();
    rest.close().await;
    let even_later = later + std::time::Duration::from_secs(61);
    drop(story.go_on_at(even_later).await);
    let (keks, newer) = (copied(&fresh_keks()), story.home.key_database());
    let recipient = Some(&story.recipient);
    let recovered = story
        .try_recover(&keks, Some(&newer), recipient, true)
        .await
        .unwrap();
    let states = |state| {
        let values = recovered.keys.iter().filter(|key| key.ring == ring);
        values
            .filter(|key| (key.state, key.found) == (state, Found::Escrow))
            .count()
    };
    assert_eq!((states(KeyState::Active), states(KeyState::Retiring)), (1, 1));
    let vault = story.open_old(keks).await.unwrap();
    story.read_old(&vault).await;
    let other = vault.read("other").await.unwrap().unwrap();
    assert_eq!(crate::fixture::pairs(&other.dotenv), owned(&[("C", "third")]));
}

#[tokio::test]
async fn a_key_that_was_never_destroyed_is_not_in_escrow_but_the_newer_database_has_it() {
    let story = Story::begin().await;
    let (today, now) = (fresh_keks(), SystemTime::now());
    let installation = story.open(story.both(&today)).await;
    lead(&installation, now).await;
    installation.vault.rewrap(now).await.unwrap();
    installation.close().await;
    let newer = story.home.key_database();
    let recipient = Some(&story.recipient);
    let gone = copied(&fresh_keks());
    let lost = story.try_recover(&gone, Some(&newer), recipient, true).await;
    assert!(matches!(lost, Err(RecoveryError::Lost(lost)) if lost.len() == 2));
    let keks = copied(&today);
    let recovered = story.try_recover(&keks, Some(&newer), None, true).await.unwrap();
    assert!(recovered.keys.iter().all(|key| key.found == Found::Newer));
    let vault = story.open_old(keks).await.unwrap();
    story.read_old(&vault).await;
}

#[tokio::test]
async fn a_value_database_beside_a_newer_key_database_is_not_readable_whatever_is_escrowed() {
    let story = Story::begin().await;
    let today = story.go_on().await;
    let keys = Arc::new(SqliteKeys::open(&story.home.key_database()).await.unwrap());
    let values = Arc::new(SqliteValues::open(&story.old_values).await.unwrap());
    let vault = Vault::open(keys, values, copied(&today)).await.unwrap();
    assert!(matches!(vault.read("uid").await, Err(ReadError::Tampered { .. })));
}

#[tokio::test]
async fn a_database_of_another_installation_or_of_none_helps_nobody() {
    let (story, other) = (Story::begin().await, Home::new());
    other.open().await.close().await;
    let keks = story.home.keks();
    let foreign = story
        .try_recover(&keks, Some(&other.key_database()), None, true)
        .await;
    assert!(matches!(foreign, Err(RecoveryError::OtherInstallation { .. })));
    let empty = story.home.path().join("empty.db");
    let newer = story.try_recover(&keks, Some(&empty), None, true).await;
    assert_eq!(newer, Err(RecoveryError::Empty { which: "newer" }));
}

#[tokio::test]
async fn a_database_that_is_open_is_told_from_one_that_is_not() {
    let story = Story::begin().await;
    for path in [story.home.key_database(), story.home.value_database()] {
        assert!(!is_in_use(&path).await.unwrap());
    }
    let installation = story.home.open().await;
    for path in [story.home.key_database(), story.home.value_database()] {
        assert!(is_in_use(&path).await.unwrap(), "{}", path.display());
    }
    assert_eq!(
        installation.read("uid").await,
        owned(&OLD),
        "it was not disturbed"
    );
    installation.close().await;
    assert!(!is_in_use(&story.home.key_database()).await.unwrap());
    assert!(is_in_use(&story.home.path().join("missing.db")).await.is_err());
}
