//! An insider: somebody with write access to the key database and the ring of names, but not the ring of values.

use splitvault_crypto::{FileKek, SecretString};
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_values::sqlite::SqliteValues;

use super::*;
use crate::entry::{self, Claim, Entry};
use crate::kek::Keks;
use crate::keys::{Commit, Row};
use crate::{ReadError, SourceDigestInput, SqliteKeys, manifest};

async fn vault(directory: &std::path::Path) -> Vault {
    let keys = SqliteKeys::open(&directory.join("keys.db")).await.unwrap();
    let values = SqliteValues::open(&directory.join("values.db")).await.unwrap();
    let keks = Keks {
        names: FileKek::make().unwrap().into(),
        values: FileKek::make().unwrap().into(),
    };
    Vault::open(Arc::new(keys), Arc::new(values), keks).await.unwrap()
}

async fn write(vault: &Vault, uid: &str, value: &str) {
    let variable = |name| Variable {
        name: Name::parse(name).unwrap(),
        value: SecretString::copy_of(&format!("{name} {value}")),
        comment: None,
    };
    let dotenv = Dotenv::from_variables(vec![variable("A"), variable("B")]).unwrap();
    let source = SourceDigestInput(value.as_bytes());
    vault.write(uid, &dotenv, &source, &[], 1).await.unwrap();
}

async fn entries(vault: &Vault, uid: &str) -> (Head, Vec<Entry>) {
    let (head, rows) = vault.keys.current(uid).await.unwrap().unwrap();
    let rings = vault.rings.load_full();
    let manifest = vault.manifest(&rings, &head).unwrap();
    let entries = vault
        .entries(&rings, &head, head.revision, &manifest, &rows)
        .unwrap();
    (head, entries)
}

/// Puts forged rows in place, with a manifest that agrees with them.
async fn forge(vault: &Vault, head: &Head, rows: Vec<Row>) {
    let rings = vault.rings.load_full();
    let mut manifest = vault.manifest(&rings, head).unwrap();
    manifest.writes += 1;
    manifest.rows = manifest::list(&rows);
    let place = vault.place(head.environment);
    let sealed = manifest.seal(&rings.names, place, head.revision).unwrap();
    let commit = Commit {
        uid: head.uid.clone(),
        environment: head.environment,
        expected: Some(head.writes),
        fence: vault.keys.standing(&head.uid).await.unwrap().fence,
        names_key: rings.names.active(),
        values_key: rings.values.active(),
        revision: head.revision,
        manifests: vec![(head.revision, sealed)],
        rows: vec![(head.revision, rows)],
        dropped: Vec::new(),
    };
    vault.keys.commit(&commit).await.unwrap();
}

/// Rows with the names that are there and other claims.
fn rows(vault: &Vault, head: &Head, entries: &[Entry], claims: &[Claim]) -> Vec<Row> {
    let place = vault.place(head.environment);
    let rows = (0..).zip(entries.iter().zip(claims));
    rows.map(|(order, (entry, claim))| {
        let variable = Variable {
            name: entry.name.clone(),
            value: SecretString::copy_of(""),
            comment: None,
        };
        entry::seal(
            &vault.rings.load().names,
            place,
            head.revision,
            claim,
            order,
            &variable,
        )
        .unwrap()
    })
    .collect()
}

async fn tampered(vault: &Vault) -> &'static str {
    match vault.read("uid").await {
        Err(ReadError::Tampered { what }) => what,
        other => panic!("not noticed: {other:?}"),
    }
}

#[tokio::test]
async fn swapped_tokens_are_noticed_even_under_a_forged_manifest() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path()).await;
    write(&vault, "uid", "1").await;
    let (head, entries) = entries(&vault, "uid").await;
    let [a, b] = [entries[0].claim, entries[1].claim];
    let with = |claim: Claim, other: Claim, digest: [u8; 32]| Claim {
        token: other.token,
        digest,
        ..claim
    };
    let only_tokens = [with(a, b, a.digest), with(b, a, b.digest)];
    forge(&vault, &head, rows(&vault, &head, &entries, &only_tokens)).await;
    assert_eq!(tampered(&vault).await, "the values: one is replaced");

    let head = vault.keys.standing("uid").await.unwrap().head.unwrap();
    let and_digests = [with(a, b, b.digest), with(b, a, a.digest)];
    forge(&vault, &head, rows(&vault, &head, &entries, &and_digests)).await;
    assert_eq!(tampered(&vault).await, "a value");

    let head = vault.keys.standing("uid").await.unwrap().head.unwrap();
    forge(&vault, &head, rows(&vault, &head, &entries, &[b, a])).await;
    assert_eq!(
        tampered(&vault).await,
        "the content: not that of the manifest",
        "names changed places, ids and all"
    );
}

#[tokio::test]
async fn values_of_another_environment_or_revision_open_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path()).await;
    write(&vault, "other", "1").await;
    write(&vault, "uid", "1").await;
    let (_, older) = entries(&vault, "uid").await;
    write(&vault, "uid", "2").await;
    let (_, foreign) = entries(&vault, "other").await;
    let (_, own) = entries(&vault, "uid").await;
    for stolen in [&foreign, &older] {
        let head = vault.keys.standing("uid").await.unwrap().head.unwrap();
        let claims = [stolen[0].claim, stolen[1].claim];
        forge(&vault, &head, rows(&vault, &head, &own, &claims)).await;
        assert_eq!(tampered(&vault).await, "a value");
    }
    let head = vault.keys.standing("uid").await.unwrap().head.unwrap();
    let claims = [own[0].claim, own[1].claim];
    forge(&vault, &head, rows(&vault, &head, &own, &claims)).await;
    assert!(
        vault.read("uid").await.unwrap().is_some(),
        "its own values do open: the forgery itself is sound"
    );
}

#[tokio::test]
async fn an_envelope_of_one_kind_is_none_of_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path()).await;
    write(&vault, "uid", "1").await;
    let (head, entries) = entries(&vault, "uid").await;
    let place = vault.place(head.environment);
    let claim = Claim {
        id: Id::ZERO,
        ..entries[0].claim
    };
    let row = rows(&vault, &head, &entries[..1], &[claim]).remove(0);
    let as_manifest = Head {
        manifest: row.envelope,
        ..head.clone()
    };
    assert!(matches!(
        vault.manifest(&vault.rings.load(), &as_manifest),
        Err(Breach::Tampered("a manifest"))
    ));
    let as_row = Row {
        id: Id::ZERO,
        envelope: head.manifest.clone(),
    };
    let opened = entry::open(&vault.rings.load().names, place, head.revision, &as_row);
    assert!(matches!(opened, Err(Breach::Tampered("a row"))));
}
