//! Each pair of hands: one database and its key, and the other half of the puzzle missing.

use splitvault_crypto::sealing::KeyPair;
use splitvault_crypto::{Coordinates, FileKek, Id, KeyRing, Names, OpenError, Purpose, Values};
use splitvault_vault::keys::{Ring, Root};
use splitvault_vault::{KeyStore as _, LifeStore as _};

use crate::fixture::{Home, Installation};

const NAME: &str = "CANARY_NAME_QUAGGA_51";
const VALUE: &str = "canary-value-thylacine-07";
const COMMENT: &str = "canary-comment-dodo-33";
const UID: &str = "canary-uid-moa-12";

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// A ring as its thief has it: the wrapped keys and the key-encryption key.
fn ring<P: Purpose>(root: &Root, ring: Ring, kek: &FileKek<P>) -> KeyRing<P> {
    let key = root.keys.iter().find(|key| key.ring == ring).unwrap();
    let wrapped = key.wrapped.as_deref().unwrap();
    KeyRing::new(kek.unwrap(root.installation, key.id, wrapped).unwrap())
}

struct Scene {
    home: Home,
    root: Root,
    environment: Id,
    ids: Vec<Id>,
    _installation: Installation,
}

/// One environment of one variable, changed once, so that there is history and deleted bytes in both logs.
async fn scene() -> Scene {
    let home = Home::new();
    let installation = home.open().await;
    for value in ["before", VALUE] {
        let mut variables = crate::fixture::dotenv(&[(NAME, value)]).into_variables();
        variables[0].comment = Some(splitvault_crypto::SecretString::copy_of(COMMENT));
        let dotenv = splitvault_dotenv::Dotenv::from_variables(variables).unwrap();
        let source = splitvault_vault::SourceDigestInput(value.as_bytes());
        let created = [splitvault_dotenv::Name::parse(NAME).unwrap()];
        installation
            .vault
            .write(UID, &dotenv, &source, &created, 1)
            .await
            .unwrap();
    }
    let head = installation.keys.standing(UID).await.unwrap().head.unwrap();
    let ids = home.key_hand().await.blobs("SELECT id FROM entry").await;
    Scene {
        root: installation.keys.root().await.unwrap().unwrap(),
        environment: head.environment,
        ids: ids
            .iter()
            .map(|id| Id::from_bytes(id.as_slice().try_into().unwrap()))
            .collect(),
        home,
        _installation: installation,
    }
}

impl Scene {
    /// Every place that something could belong to: a thief may guess them all.
    fn everywhere(&self) -> impl Iterator<Item = Coordinates> {
        let entries = self.ids.iter().chain([&Id::ZERO]);
        entries.flat_map(|entry| {
            (0..4).map(|revision| Coordinates {
                installation: self.root.installation,
                environment: self.environment,
                revision,
                entry: *entry,
            })
        })
    }

    /// What this ring opens of these envelopes, all plaintexts together.
    fn opened<P: Purpose>(&self, ring: &KeyRing<P>, envelopes: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let attempts = envelopes
            .iter()
            .flat_map(|envelope| self.everywhere().map(move |at| (envelope, at)));
        attempts
            .filter_map(|(envelope, at)| ring.open(&at, envelope).ok())
            .map(|plaintext| plaintext.expose().to_vec())
            .collect()
    }

    async fn key_envelopes(&self) -> Vec<Vec<u8>> {
        let mut hand = self.home.key_hand().await;
        let mut all = hand.blobs("SELECT envelope FROM entry").await;
        all.extend(hand.blobs("SELECT envelope FROM manifest").await);
        all
    }

    async fn value_envelopes(&self) -> Vec<Vec<u8>> {
        self.home
            .value_hand()
            .await
            .blobs("SELECT envelope FROM value")
            .await
    }
}

#[tokio::test]
async fn the_value_database_and_its_key_reveal_no_name() {
    let scene = scene().await;
    let ring = ring::<Values>(&scene.root, Ring::Values, &scene.home.kek("values.kek"));
    let envelopes = scene.value_envelopes().await;
    let opened = scene.opened(&ring, &envelopes);
    assert_eq!(opened.len(), 2, "the thief's key fits");
    assert!(
        opened.iter().any(|plaintext| plaintext == VALUE.as_bytes()),
        "it does open the value"
    );
    let database = scene.home.bytes(&scene.home.value_database());
    for text in [NAME, COMMENT, UID] {
        assert!(
            opened.iter().all(|plaintext| !holds(plaintext, text.as_bytes())),
            "{text}"
        );
        assert!(!holds(&database, text.as_bytes()), "{text} in clear");
    }
    assert!(!holds(&database, scene.environment.as_bytes()), "no link either");
    assert!(scene.ids.iter().all(|id| !holds(&database, id.as_bytes())));
    // The search finds what is there.
    assert!(envelopes.iter().all(|envelope| holds(&database, envelope)));
    assert!(!holds(&database, VALUE.as_bytes()), "without the key, no value");
}

#[tokio::test]
async fn the_key_database_and_its_key_reveal_no_value() {
    let scene = scene().await;
    let ring = ring::<Names>(&scene.root, Ring::Names, &scene.home.kek("names.kek"));
    let envelopes = scene.key_envelopes().await;
    let opened = scene.opened(&ring, &envelopes);
    assert_eq!(opened.len(), 4, "the thief's key fits");
    assert!(
        opened.iter().any(|plaintext| holds(plaintext, NAME.as_bytes())),
        "it does open the name"
    );
    assert!(opened.iter().all(|plaintext| !holds(plaintext, VALUE.as_bytes())));
    let database = scene.home.bytes(&scene.home.key_database());
    for text in [NAME, COMMENT, VALUE] {
        assert!(!holds(&database, text.as_bytes()), "{text} in clear");
    }
    // The search finds what is there.
    assert!(holds(&database, UID.as_bytes()));
    let tokens = scene
        .home
        .value_hand()
        .await
        .blobs("SELECT token FROM value")
        .await;
    for token in tokens {
        assert!(!holds(&database, &token), "without the key, no link");
        assert!(
            opened.iter().any(|plaintext| holds(plaintext, &token)),
            "with it, the link"
        );
    }
}

#[tokio::test]
async fn neither_key_opens_anything_of_the_other_database() {
    let scene = scene().await;
    let (names_kek, values_kek) = (scene.home.kek("names.kek"), scene.home.kek("values.kek"));
    let names = ring::<Names>(&scene.root, Ring::Names, &names_kek);
    let values = ring::<Values>(&scene.root, Ring::Values, &values_kek);
    let (key_envelopes, value_envelopes) = (scene.key_envelopes().await, scene.value_envelopes().await);
    assert!(scene.opened(&values, &key_envelopes).is_empty());
    assert!(scene.opened(&names, &value_envelopes).is_empty());
    let at = scene.everywhere().next().unwrap();
    assert!(matches!(
        names.open(&at, &value_envelopes[0]),
        Err(OpenError::UnknownKey(_))
    ));
    // Nor is a wrapped key of one ring opened by the key-encryption key of the other.
    let key = scene
        .root
        .keys
        .iter()
        .find(|key| key.ring == Ring::Values)
        .unwrap();
    let wrapped = key.wrapped.as_deref().unwrap();
    assert!(
        names_kek
            .unwrap(scene.root.installation, key.id, wrapped)
            .is_err()
    );
}

#[tokio::test]
async fn neither_key_encryption_key_alone_opens_a_sealing_key() {
    let scene = scene().await;
    let root = &scene.root;
    let (names, values) = (
        scene.home.kek::<Names>("names.kek"),
        scene.home.kek::<Values>("values.kek"),
    );
    let key = root.keys.iter().find(|key| key.ring == Ring::Sealing).unwrap();
    let (label, wrapped) = (format!("sealing-key/{}", key.id), key.wrapped.as_deref().unwrap());
    assert!(values.open_bytes(root.installation, &label, wrapped).is_err());
    let inner = names.open_bytes(root.installation, &label, wrapped).unwrap();
    assert!(
        KeyPair::from_bytes(&inner).is_err(),
        "what is inside is wrapped again"
    );
    // With both it does open, so the above looked at the right thing.
    let pair = values
        .open_bytes(root.installation, &label, inner.expose())
        .unwrap();
    assert_eq!(KeyPair::from_bytes(&pair).unwrap().id(), key.id);
}
