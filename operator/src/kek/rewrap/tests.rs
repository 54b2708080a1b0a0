//! The loop by itself, on a clock of its own: a provider whose key changes, which goes away, or which breaks off.

mod provider;

use std::collections::BTreeSet;

use splitvault_crypto::SecretString;
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_kms::State;
use splitvault_vault::keys::Deed;
use splitvault_vault::memory::{MemoryKeys, MemoryValues};
use splitvault_vault::{Keks, SourceDigestInput};

use super::*;
use provider::Kms;

/// Master keys of both rings, the sealing key pair and the MAC key.
const KEYS: usize = 4;

struct World {
    keys: Arc<MemoryKeys>,
    values: Arc<MemoryValues>,
    vault: Arc<Vault>,
    kms: Kms,
    news: watch::Sender<Health>,
    stop: CancellationToken,
}

/// A vault with something in it, whose process leads, and the loop beside it.
async fn world() -> World {
    let (keys, values) = (Arc::new(MemoryKeys::default()), Arc::new(MemoryValues::default()));
    let kms = Kms::default();
    let vault = Vault::open(keys.clone(), values.clone(), kms.keks())
        .await
        .unwrap();
    let world = World {
        keys,
        values,
        vault: Arc::new(vault),
        kms,
        news: watch::Sender::new(up()),
        stop: CancellationToken::new(),
    };
    let variable = Variable {
        name: Name::parse("GREETING").unwrap(),
        value: SecretString::copy_of("hello"),
        comment: None,
    };
    let dotenv = Dotenv::from_variables(vec![variable]).unwrap();
    let source = SourceDigestInput(b"source");
    world.vault.write("web", &dotenv, &source, &[], 2).await.unwrap();
    world
}

fn up() -> Health {
    Health {
        state: State::Up,
        key: None,
    }
}

impl World {
    async fn lead(&self) {
        assert!(self.vault.lead(SystemTime::now()).await.unwrap());
    }

    /// Starts the loop, and lets it look around.
    async fn start(&self) {
        let (vault, healths, stop) = (
            Arc::clone(&self.vault),
            vec![self.news.subscribe()],
            self.stop.clone(),
        );
        tokio::spawn(async move { stop.run_until_cancelled(follow(&vault, healths)).await });
        tokio::time::sleep(PAUSE * 2).await;
    }

    /// The provider has another key, and says so.
    fn rotate(&self) {
        self.kms.rotate();
        self.news.send_replace(up());
    }

    fn wrapped(&self) -> BTreeSet<Vec<u8>> {
        let keys = self.keys.keys();
        keys.into_iter().filter_map(|key| key.wrapped).collect()
    }

    /// Everything that is stored of environments, in both databases.
    fn rows(&self) -> impl PartialEq + std::fmt::Debug {
        let mut envelopes = self.keys.envelopes();
        envelopes.sort();
        (envelopes, self.values.contents())
    }

    async fn all_current(&self) -> bool {
        self.vault.wrapped_under_former().await == Ok(0)
    }

    async fn rewrapped(&self) -> usize {
        let log = self.vault.key_log().await.unwrap();
        log.iter().filter(|event| event.deed == Deed::Rewrapped).count()
    }

    async fn still_serves(&self) {
        let read = self.vault.read("web").await.unwrap().unwrap();
        assert_eq!(read.dotenv.get("GREETING").unwrap().value.expose(), "hello");
        let again = self.another().await;
        assert!(
            again.read("web").await.unwrap().is_some(),
            "what is wrapped opens"
        );
    }

    /// A process that starts now.
    async fn another(&self) -> Vault {
        let (keys, values) = (self.keys.clone(), self.values.clone());
        Vault::open(keys, values, self.kms.keks()).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn keys_follow_to_the_new_key_of_their_provider_and_no_row_is_touched() {
    let world = world().await;
    world.lead().await;
    world.start().await;
    let (rows, wrapped) = (world.rows(), world.wrapped());
    assert_eq!((wrapped.len(), world.rewrapped().await), (KEYS, 0));
    for round in 1..=2 {
        world.rotate();
        tokio::time::sleep(PAUSE * 2).await;
        assert!(world.all_current().await);
        assert_eq!(world.rewrapped().await, KEYS * round, "each once");
        assert_eq!(world.rows(), rows);
        assert!(world.wrapped().is_disjoint(&wrapped), "no old wrapping is left");
        world.still_serves().await;
    }
    let changes = world.keys.changes();
    world.news.send_replace(up());
    tokio::time::sleep(LOOK * 2).await;
    assert_eq!(
        world.keys.changes(),
        changes,
        "news of no new key changes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_key_that_nobody_told_of_is_noticed_all_the_same() {
    let world = world().await;
    world.lead().await;
    world.start().await;
    world.kms.rotate();
    tokio::time::sleep(PAUSE * 2).await;
    assert!(!world.all_current().await);
    tokio::time::sleep(LOOK).await;
    assert!(world.all_current().await);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_away_is_tried_again_and_again_until_it_is_back() {
    let world = world().await;
    world.lead().await;
    world.start().await;
    let (rows, wrapped) = (world.rows(), world.wrapped());
    world.kms.rotate();
    world.kms.go_away();
    world.news.send_replace(up());
    for _ in 0..5 {
        let asked = world.kms.asked();
        tokio::time::sleep(AGAIN + PAUSE).await;
        assert!(world.kms.asked() > asked, "it is tried again");
        assert!(
            world.vault.read("web").await.unwrap().is_some(),
            "deliveries go on"
        );
    }
    assert_eq!((world.wrapped(), world.rewrapped().await), (wrapped, 0));
    world.kms.come_back();
    tokio::time::sleep(AGAIN + PAUSE).await;
    assert!(world.all_current().await);
    assert_eq!((world.rewrapped().await, world.rows() == rows), (KEYS, true));
    world.still_serves().await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_breaks_off_anywhere_leaves_keys_that_open_and_the_rest_is_made_up_for() {
    // As many answers as a whole round takes, and one more, so that the last time nothing breaks.
    for answers in 0..40 {
        let world = world().await;
        world.lead().await;
        world.start().await;
        let rows = world.rows();
        world.kms.break_off_after(answers);
        world.rotate();
        tokio::time::sleep(PAUSE * 2).await;
        let done = world.rewrapped().await;
        let open = world.kms.is_broken();
        world.kms.come_back();
        world.still_serves().await;
        tokio::time::sleep(AGAIN + PAUSE).await;
        assert!(world.all_current().await, "after {answers} answers");
        assert_eq!(
            world.rewrapped().await,
            KEYS,
            "after {answers} answers: each key once"
        );
        assert_eq!(world.rows(), rows);
        world.stop.cancel();
        if !open {
            assert_eq!(done, KEYS);
            return;
        }
    }
    panic!("a round takes fewer answers");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_waits_and_takes_over() {
    let world = world().await;
    let leader = world.another().await;
    assert!(leader.lead(SystemTime::now()).await.unwrap());
    world.start().await;
    world.rotate();
    tokio::time::sleep(AGAIN * 3).await;
    assert_eq!(world.rewrapped().await, 0);
    leader.leave().await.unwrap();
    world.lead().await;
    tokio::time::sleep(AGAIN + PAUSE).await;
    assert!(world.all_current().await);
}
