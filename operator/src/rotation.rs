//! The rotation of master keys, as the operator drives it: a steady beat, a steady draw, and the steps that follow.
//!
//! Nothing here tells a rotation that is near from one that is far: the beat and the draw come at a pace that does not
//! depend on any outcome, and a draw that hits nothing leaves no word in log, metric or cluster.

mod pace;
mod schedule;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use splitvault_vault::{Advance, Batch, KeyState, Ring, RotationError, Vault};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::controller::Suspicions;
use crate::metrics::Metrics;
use crate::witness::Witness;

pub use pace::Rate;
pub use schedule::ScheduleFiles;

/// Between two looks, and the longest time between two signs of life to the other replicas.
const BEAT: Duration = Duration::from_secs(5);
/// Between two draws.
const DRAW: Duration = Duration::from_secs(60);
/// Between two tries to open what is in quarantine.
const RETRY: Duration = Duration::from_secs(10 * 60);
/// How often it is tried to give the lease back, and how long apart.
const FAREWELLS: usize = 5;
const FAREWELL: Duration = Duration::from_secs(1);
/// Rows in one batch.
const ROWS: usize = 1_000;

/// What drives the rotation.
pub struct Rotator {
    /// The keys and both databases.
    pub vault: Arc<Vault>,
    /// Where the end of the key log is remembered; nowhere when both databases go with the process.
    pub witness: Option<Witness>,
    /// What is drawn by.
    pub schedule: ScheduleFiles,
    /// What is drawn: the operating system's randomness, but in tests.
    pub dice: fn() -> Result<u64, RotationError>,
    /// How fast rows are re-encrypted.
    pub rate: Rate,
    /// Counts.
    pub metrics: Metrics,
    /// Whose objects are to be looked at.
    pub suspicions: Suspicions,
}

/// What is remembered between looks; losing it loses nothing.
struct Memory {
    draw: Instant,
    retry: Instant,
    /// Whether anything may have changed that people are shown.
    news: bool,
    shown: Instant,
    quarantined: BTreeSet<String>,
}

/// Says a thing once for as long as it lasts.
#[derive(Default)]
struct Complaint(Option<String>);

/// Works until `shutdown`, and then says that this replica goes.
pub async fn run(rotator: Rotator, shutdown: CancellationToken) {
    let leads = AtomicBool::new(false);
    // Two loops: however long a step takes, the lease is renewed and the other replicas hear of this one.
    let working = async { tokio::join!(rotator.be_there(&leads), rotator.work(&leads)) };
    shutdown.run_until_cancelled(working).await;
    for _ in 0..FAREWELLS {
        match rotator.vault.leave().await {
            Ok(()) => return,
            Err(error) => tracing::warn!("the lease is not given back yet: {error}"),
        }
        tokio::time::sleep(FAREWELL).await;
    }
    tracing::warn!("the lease is not given back: whoever leads next waits until it has run out");
}

/// The operating system's randomness.
///
/// # Errors
/// When it has none to give.
pub fn roll() -> Result<u64, RotationError> {
    getrandom::u64().map_err(|_| RotationError::Random)
}

/// Every few seconds, whatever else goes on.
fn beat() -> Interval {
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

impl Rotator {
    /// Says that this replica is there, what it has seen, and that it would lead.
    async fn be_there(&self, leads: &AtomicBool) {
        let (mut beat, mut complaint) = (beat(), Complaint::default());
        loop {
            beat.tick().await;
            let led = leads.load(Ordering::Relaxed);
            let taken = self.take_part().await;
            let now = *taken.as_ref().unwrap_or(&false);
            leads.store(now, Ordering::Relaxed);
            if now != led {
                tracing::info!(leads = now, "leadership of the rotation of keys");
            }
            self.metrics.leads(now);
            complaint.tell(taken.err());
        }
    }

    async fn take_part(&self) -> Result<bool, RotationError> {
        let now = SystemTime::now();
        self.vault.beat(now).await?;
        let leads = self.vault.lead(now).await?;
        self.remember().await?;
        Ok(leads)
    }

    /// Has the end of the key log remembered outside the database.
    async fn remember(&self) -> Result<(), RotationError> {
        match &self.witness {
            Some(witness) => witness.remember(&self.vault).await,
            None => Ok(()),
        }
    }

    async fn work(&self, leads: &AtomicBool) {
        let (mut beat, mut complaint, now) = (beat(), Complaint::default(), Instant::now());
        let mut memory = Memory {
            draw: now,
            retry: now + RETRY,
            news: true,
            shown: now,
            quarantined: BTreeSet::new(),
        };
        loop {
            beat.tick().await;
            if leads.load(Ordering::Relaxed) {
                complaint.tell(self.look(&mut memory).await.err());
            }
        }
    }

    async fn look(&self, memory: &mut Memory) -> Result<(), RotationError> {
        let now = Instant::now();
        if memory.draw <= now {
            memory.draw = now + DRAW;
            self.draw(SystemTime::now()).await?;
        }
        if memory.retry <= now {
            memory.retry = now + RETRY;
            self.vault.retry_quarantined().await?;
        }
        loop {
            let step = self.vault.advance(SystemTime::now(), ROWS).await?;
            memory.news |= !matches!(step, Advance::Idle | Advance::Waiting);
            match step {
                Advance::Idle | Advance::Waiting => break,
                Advance::Moved { ring, key, state } => self.tell(ring, &key.to_string(), state),
                Advance::Resealed(batch) => self.pace(batch).await,
            }
            if memory.shown.elapsed() >= BEAT {
                self.show(memory).await?;
            }
        }
        // What was done is remembered outside the database before anything else is.
        self.remember().await?;
        self.show(memory).await
    }

    async fn draw(&self, now: SystemTime) -> Result<(), RotationError> {
        let schedule = self.schedule.read();
        for (ring, cause) in self.vault.draw(&schedule, now, self.dice).await? {
            tracing::info!(ring = ring.label(), "a master key is being replaced");
            self.metrics.rotation_begun(ring.label(), cause.label());
        }
        Ok(())
    }

    fn tell(&self, ring: Ring, key: &str, state: KeyState) {
        tracing::info!(ring = ring.label(), key, "a master key is {} now", state.label());
    }

    async fn pace(&self, batch: Batch) {
        self.metrics.resealed(batch.rows);
        self.rate.spend(batch.rows).await;
    }

    /// Metrics, and the objects that have something in quarantine now, or no more.
    async fn show(&self, memory: &mut Memory) -> Result<(), RotationError> {
        memory.shown = Instant::now();
        if !memory.news && memory.quarantined.is_empty() {
            return Ok(());
        }
        let progress = self.vault.progress().await?;
        for (ring, state) in Ring::MASTER
            .into_iter()
            .flat_map(|ring| KeyState::ALL.map(|state| (ring, state)))
        {
            let count = progress.keys(ring).filter(|key| key.state == state).count();
            self.metrics.master_keys(ring.label(), state.label(), count);
        }
        let found = &progress.quarantined;
        self.metrics.to_reseal(progress.remaining, found.len());
        let quarantined: BTreeSet<_> = found.iter().map(|found| found.uid.clone()).collect();
        for uid in memory.quarantined.symmetric_difference(&quarantined) {
            self.suspicions.raise_uid(uid);
        }
        (memory.quarantined, memory.news) = (quarantined, false);
        Ok(())
    }
}

impl Complaint {
    fn tell(&mut self, error: Option<RotationError>) {
        let why = error.map(|error| error.to_string());
        if let Some(why) = &why
            && self.0.as_ref() != Some(why)
        {
            tracing::warn!("the rotation of keys waits: {why}");
        }
        self.0 = why;
    }
}

#[cfg(test)]
mod tests;
