//! A rotation one draw away and one sixty days away: nothing that can be read tells them apart.
//!
//! One installation is copied into two worlds, which live through the same times. In the one, the draw after the last
//! look hits; in the other, none does for sixty days. The dice of the two differ all the way.

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use splitvault_vault::keys::KeyEvent;
use splitvault_vault::{Advance, Cause, LogHead, Progress, Ring, RotationError, Schedule};
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::fixture::{Hand, Home, Installation};
use crate::rotation::settle;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DRAWS: u32 = 30;
const ROWS: usize = 100;

/// What differs between two processes whatever they do: the random ids that they have among the replicas. Which draws
/// are to come cannot be in them, since they are there before the first.
const OWN: [(&str, &str); 2] = [("leader", "holder"), ("replica", "id")];

/// One world, with all that its inhabitants see.
struct World {
    home: Home,
    installation: Installation,
    trace: Trace,
    /// What the next dice are.
    dice: u64,
}

/// Everything readable at one moment.
#[derive(Debug, PartialEq)]
struct Seen {
    keys: Vec<String>,
    values: Vec<String>,
    /// Names and sizes of all files: how much is in the write-ahead logs tells how much was written.
    files: Vec<(String, u64)>,
    progress: Progress,
    head: LogHead,
    log: Vec<KeyEvent>,
    sealing: usize,
    trace: String,
}

/// What is logged, at every level, by Splitvault itself. The database driver tells of each statement that is slow: that is
/// the machine's clock, and no part of it.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<u8>>>);

impl Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Trace {
    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let trace = self.clone();
        let lines = tracing_subscriber::fmt::layer()
            .without_time()
            .with_ansi(false)
            .with_writer(move || trace.clone());
        tracing_subscriber::registry()
            .with(tracing_subscriber::EnvFilter::new(
                "off,splitvault_vault=trace,splitvault_values=trace,splitvault_crypto=trace,planted=trace",
            ))
            .with(lines)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl World {
    /// Opens a copy of an installation.
    async fn copy_of(home: &Home, dice: u64) -> Self {
        let copy = Home::new();
        for file in fs::read_dir(home.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let installation = copy.open().await;
        Self {
            home: copy,
            installation,
            trace: Trace::default(),
            dice,
        }
    }

    /// What the operator does at each of its looks: a sign of life, the lease, a draw, and what follows from it.
    async fn look(&self, now: SystemTime, dice: u64) -> Vec<(Ring, Cause)> {
        let vault = &self.installation.vault;
        let look = async {
            vault.beat(now).await?;
            assert!(vault.lead(now).await?, "it is alone");
            let begun = vault.draw(&schedule(), now, || Ok(dice)).await?;
            if begun.is_empty() {
                assert_eq!(vault.advance(now, ROWS).await?, Advance::Idle);
            }
            Ok::<_, RotationError>(begun)
        };
        look.with_subscriber(self.trace.subscriber()).await.unwrap()
    }

    async fn see(&self) -> Seen {
        let vault = &self.installation.vault;
        let progress = vault.progress().await.unwrap();
        Seen {
            keys: dump(self.home.key_hand().await).await,
            values: dump(self.home.value_hand().await).await,
            files: self.files(),
            progress,
            head: vault.log_head().await.unwrap(),
            log: vault.key_log().await.unwrap(),
            sealing: vault.sealing_keys().len(),
            trace: self.trace.text(),
        }
    }

    fn files(&self) -> Vec<(String, u64)> {
        let files = fs::read_dir(self.home.path()).unwrap();
        let mut files: Vec<_> = files
            .map(|file| {
                let file = file.unwrap();
                let size = file.metadata().unwrap().len();
                (file.file_name().into_string().unwrap(), size)
            })
            .collect();
        files.sort();
        files
    }
}

/// Every column of every table, the schema included.
async fn dump(mut hand: Hand) -> Vec<String> {
    let mut dump = hand
        .texts("SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY 1")
        .await;
    for table in hand
        .texts("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
        .await
    {
        let columns = hand
            .texts(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .await;
        let columns = columns
            .iter()
            .filter(|column| !OWN.contains(&(&table, column)))
            .map(|column| format!("'{column}=' || quote({column}) || ' '"))
            .collect::<Vec<_>>()
            .join(" || ");
        let rows = format!("SELECT '{table}: ' || {columns} FROM {table} ORDER BY 1");
        dump.extend(hand.texts(&rows).await);
    }
    dump
}

fn schedule() -> Schedule {
    Schedule::new(DAY, 30 * DAY, 90 * DAY, u64::MAX).unwrap()
}

/// An installation with history and a rotation behind it, in two worlds whose dice are high, and never the same.
async fn worlds(now: SystemTime) -> (World, World) {
    let home = Home::new();
    let installation = home.open().await;
    for (uid, value) in [("a", "1"), ("a", "2"), ("b", "1")] {
        installation.write(uid, &[("A", value)], 5).await.unwrap();
    }
    crate::rotation::lead(&installation, now).await;
    for ring in Ring::MASTER {
        let begun = installation.vault.begin_rotation(ring, Cause::Requested, now);
        begun.await.unwrap();
    }
    settle(&installation.vault, now).await;
    installation.vault.leave().await.unwrap();
    installation.close().await;
    let far = World::copy_of(&home, u64::MAX - 1).await;
    (World::copy_of(&home, u64::MAX / 2).await, far)
}

#[tokio::test]
async fn a_near_rotation_and_a_far_one_look_the_same_until_it_begins() {
    let founded = SystemTime::now();
    let (near, far) = worlds(founded).await;
    let mut now = founded + 2 * DAY;
    for draw in 0..DRAWS {
        // Irregular, as looks are: the pace is not the point here.
        now += MINUTE + Duration::from_secs(u64::from(draw * draw % 7));
        for world in [&near, &far] {
            let dice = world.dice - u64::from(draw);
            assert_eq!(world.look(now, dice).await, [], "nothing falls yet");
        }
        assert_eq!(near.see().await, far.see().await, "after draw {draw}");
    }
    let before = near.see().await;
    let hit = near.look(now + MINUTE, 0).await;
    assert_eq!(hit, [(Ring::Names, Cause::Drawn), (Ring::Values, Cause::Drawn)]);
    assert_ne!(near.see().await.keys, before.keys, "what happens is seen");
    for hour in 0..60 * 24 {
        let now = now + MINUTE + hour * 60 * MINUTE;
        assert_eq!(far.look(now, far.dice).await, [], "hour {hour}");
    }
    let after = far.see().await;
    assert_eq!(
        (after.log, after.trace),
        (before.log, before.trace),
        "nothing of it is told"
    );
}

#[tokio::test]
async fn a_rotation_that_is_written_down_ahead_is_found_by_the_same_comparison() {
    let founded = SystemTime::now();
    for place in ["column", "log"] {
        let (near, far) = worlds(founded).await;
        let now = founded + 2 * DAY;
        for (world, next) in [(&near, 1_u64), (&far, 60 * 24)] {
            assert_eq!(world.look(now, world.dice).await, []);
            match place {
                "column" => {
                    let mut hand = world.home.key_hand().await;
                    hand.run("ALTER TABLE wrapped_key ADD COLUMN next INTEGER NOT NULL DEFAULT 0")
                        .await;
                    hand.bend(&format!("UPDATE wrapped_key SET next = {next}")).await;
                }
                "log" => {
                    let said = async { tracing::trace!(target: "planted", next, "drawn") };
                    said.with_subscriber(world.trace.subscriber()).await;
                }
                other => panic!("no such place: {other}"),
            }
        }
        assert_ne!(near.see().await, far.see().await, "{place}");
    }
}
