//! Two processes that rotate in turn, the leader killed again and again, while a third writes and reads all the time.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use splitvault_crypto::Id;
use splitvault_values::ValueStore as _;
use splitvault_vault::keys::{Deed, LifeStore as _};
use splitvault_vault::{Advance, Cause, KeyState, Reason, Ring, Vault};

use crate::crash::HOME;
use crate::fixture::{Home, Installation, owned};
use crate::rotation::{lead, settle};

const BEGUN: &str = "SPLITVAULT_TEST_BEGUN";
const ENVIRONMENTS: usize = 8;
const HISTORY: usize = 2;
/// Small enough that a rotation has several batches.
const ROWS: usize = 6;
/// How many leaders are killed at least, and for how long it goes on at least and at most.
const KILLED: usize = 4;
const SPAN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(90);
/// Clocks run faster by this, so that a lease is over in a second.
const HASTE: u32 = 30;
/// Between two writes and between two reads: the third process is not to starve the others on a slow machine.
const PACE: Duration = Duration::from_millis(2);
/// Where a leader is killed, after a random number of batches.
const STEPS: [&str; 4] = [
    "vault::after-put",
    "vault::before-commit",
    "vault::after-commit",
    "rotation::after-change",
];

/// The common clock of all processes.
fn clock(begun: SystemTime) -> SystemTime {
    begun + begun.elapsed().unwrap() * HASTE
}

/// Leads whenever it may, and rotates one ring after the other until it is killed; only when it was started for that.
#[tokio::test]
#[ignore = "runs as a process of its own, which the other kills"]
async fn deed() {
    let (Some(home), Ok(begun)) = (std::env::var_os(HOME), std::env::var(BEGUN)) else {
        return;
    };
    let begun = UNIX_EPOCH + Duration::from_millis(begun.parse().unwrap());
    let installation = Home::at(home.into()).open().await;
    splitvault_values::arm_failpoints();
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    // Nobody outlives the test by much.
    while begun.elapsed().unwrap() < PATIENCE {
        beat.tick().await;
        if let Err(error) = turn(&installation.vault, clock(begun)).await {
            // The other one was faster, or a reader held the log for too long: it comes again.
            assert!(
                matches!(error, Reason::Conflict | Reason::StoreUnavailable),
                "{error:?}"
            );
        }
    }
}

async fn turn(vault: &Vault, now: SystemTime) -> Result<(), Reason> {
    let reason = |error: splitvault_vault::RotationError| error.reason();
    vault.beat(now).await.map_err(reason)?;
    if !vault.lead(now).await.map_err(reason)? {
        return Ok(());
    }
    if vault.advance(now, ROWS).await.map_err(reason)? == Advance::Idle {
        for ring in Ring::MASTER {
            let begun = vault.begin_rotation(ring, Cause::Requested, now);
            begun.await.map_err(reason)?;
        }
    }
    Ok(())
}

/// Two processes that would lead; whoever is killed is followed by another.
struct Crowd<'a> {
    home: &'a Home,
    begun: SystemTime,
    there: Vec<Child>,
    killed: usize,
}

impl Crowd<'_> {
    fn start(&mut self) {
        let random = *Id::make().unwrap().as_bytes();
        let step = STEPS[usize::from(random[0]) % STEPS.len()];
        let passed = random[1] % 12 + 1;
        let begun = self.begun.duration_since(UNIX_EPOCH).unwrap().as_millis();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "rotation_processes::deed", "--ignored", "--nocapture"])
            .env(HOME, self.home.path())
            .env(BEGUN, begun.to_string())
            .env("FAILPOINTS", format!("{step}={passed}*off->return(kill)"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.there.push(child);
    }

    /// Replaces those that were killed at their step; nobody ends otherwise.
    fn tend(&mut self) {
        use std::os::unix::process::ExitStatusExt as _;
        let gone: Vec<_> = self
            .there
            .iter_mut()
            .map(|child| child.try_wait().unwrap())
            .collect();
        for (at, status) in gone.iter().enumerate().rev() {
            if let Some(status) = status {
                assert_eq!(status.signal(), Some(9), "a leader ended by itself: {status}");
                drop(self.there.remove(at));
                self.killed += 1;
                self.start();
            }
        }
    }
}

impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        for child in &mut self.there {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// What the third process wrote: the number in each environment that was acknowledged last, and tried last.
#[derive(Default)]
struct Written {
    acknowledged: [AtomicU64; ENVIRONMENTS],
    tried: [AtomicU64; ENVIRONMENTS],
    reads: AtomicU64,
    over: AtomicBool,
}

impl Written {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

fn uid(environment: usize) -> String {
    format!("uid-{environment}")
}

async fn write_on(installation: &Installation, written: &Written) {
    let (mut number, mut pace) = (1, tokio::time::interval(PACE));
    while !written.is_over() {
        for environment in 0..ENVIRONMENTS {
            pace.tick().await;
            written.tried[environment].store(number, Ordering::SeqCst);
            let text = number.to_string();
            let variables = [("A", text.as_str()), ("B", text.as_str())];
            let done = installation.write(&uid(environment), &variables, HISTORY).await;
            match done {
                Ok(_) => written.acknowledged[environment].store(number, Ordering::SeqCst),
                // It was overtaken too often, which is no acknowledgement; the next number goes through.
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            number += 1;
        }
    }
}

async fn read_on(installation: &Installation, written: &Written) {
    let mut pace = tokio::time::interval(PACE);
    while !written.is_over() {
        for environment in 0..ENVIRONMENTS {
            pace.tick().await;
            let least = written.acknowledged[environment].load(Ordering::SeqCst);
            let found = installation.vault.read(&uid(environment)).await.unwrap();
            let most = written.tried[environment].load(Ordering::SeqCst);
            let Some(found) = found else {
                assert_eq!(least, 0, "an acknowledged write is there");
                continue;
            };
            let mut numbers = found
                .dotenv
                .iter()
                .map(|variable| variable.value.expose().parse().unwrap());
            let (one, two): (u64, u64) = (numbers.next().unwrap(), numbers.next().unwrap());
            assert_eq!(one, two, "one revision, whole");
            assert!((least..=most).contains(&one), "{least} ≤ {one} ≤ {most}");
            written.reads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The third process says that it is there, as a replica does, and sees to the other two.
async fn tend_on(installation: &Installation, crowd: &mut Crowd<'_>, written: &Written) {
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    let begun = Instant::now();
    while begun.elapsed() < SPAN || (crowd.killed < KILLED && begun.elapsed() < PATIENCE) {
        beat.tick().await;
        crowd.tend();
        if let Err(error) = installation.vault.beat(clock(crowd.begun)).await {
            assert_eq!(error.reason(), Reason::StoreUnavailable, "{error}");
        }
    }
    written.over.store(true, Ordering::SeqCst);
}

#[tokio::test]
async fn leaders_that_are_killed_in_turn_lose_no_write_and_keep_everything_readable() {
    let (home, begun) = (Home::new(), SystemTime::now());
    let begun =
        UNIX_EPOCH + Duration::from_millis(begun.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64);
    let installation = home.open().await;
    let mut crowd = Crowd {
        home: &home,
        begun,
        there: Vec::new(),
        killed: 0,
    };
    crowd.start();
    crowd.start();
    let written = Written::default();
    tokio::join!(
        write_on(&installation, &written),
        read_on(&installation, &written),
        tend_on(&installation, &mut crowd, &written),
    );
    let killed = crowd.killed;
    drop(crowd);
    let now = clock(begun) + Duration::from_secs(120);
    lead(&installation, now).await;
    settle(&installation.vault, now).await;
    is_settled(&installation, &written).await;
    let log = installation.vault.key_log().await.unwrap();
    let rotations = log.iter().filter(|event| event.deed == Deed::Destroyed).count();
    let epochs = home.key_hand().await.number("SELECT epoch FROM leader").await;
    let reads = written.reads.load(Ordering::Relaxed);
    let what = format!("{killed} killed, {epochs} epochs, {rotations} keys destroyed, {reads} reads");
    assert!(
        killed >= KILLED && epochs >= 3 && rotations >= 4 && reads >= 100,
        "{what}"
    );
}

async fn is_settled(installation: &Installation, written: &Written) {
    for environment in 0..ENVIRONMENTS {
        let number = written.acknowledged[environment].load(Ordering::SeqCst);
        let tried = written.tried[environment].load(Ordering::SeqCst);
        let read = installation.read(&uid(environment)).await;
        let found: u64 = read[0].1.parse().unwrap();
        assert!((number..=tried).contains(&found), "{number} ≤ {found} ≤ {tried}");
        let text = found.to_string();
        assert_eq!(read, owned(&[("A", &text), ("B", &text)]));
    }
    installation.vault.sweep().await.unwrap();
    let root = installation.keys.root().await.unwrap().unwrap();
    for ring in Ring::MASTER {
        let keys: Vec<_> = root.keys.iter().filter(|key| key.ring == ring).collect();
        let active = keys.iter().filter(|key| key.state == KeyState::Active);
        assert_eq!(active.count(), 1, "{}", ring.label());
        for key in keys.iter().filter(|key| key.state != KeyState::Active) {
            assert_eq!(key.state, KeyState::Destroyed);
            assert_eq!(installation.keys.count(ring, key.id).await, Ok(0));
            assert_eq!(installation.values.count(*key.id.as_bytes()).await, Ok(0));
        }
    }
}
