//! From many clients that ask again and again to figures.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Before anything counts.
const WARM_UP: Duration = Duration::from_secs(2);
/// What counts.
const TIME: Duration = Duration::from_secs(8);
/// Of `/proc/PID/stat`: USER_HZ is 100 on every Linux that Rust runs on.
const TICK: Duration = Duration::from_millis(10);

/// A client that waits for each answer before it asks again.
pub(crate) trait Client: Send + 'static {
    /// Asks once.
    fn once(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// A process whose CPU time counts.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Ascending.
    took: Vec<Duration>,
    time: Duration,
    /// CPU time of each process for one request.
    cpu: Vec<(&'static str, Duration)>,
}

impl Process {
    /// This process: the clients, and the load equipment.
    pub(crate) fn own() -> Self {
        Self {
            name: "clients",
            pid: std::process::id(),
        }
    }

    /// CPU time so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let (_, fields) = stat.rsplit_once(')').context("no stat")?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        let ticks = |field: usize| -> Result<u32> { Ok(fields.get(field).context("no field")?.parse()?) };
        Ok(TICK * (ticks(11)? + ticks(12)?))
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident(&self) -> Result<u32> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.context("no VmRSS")?.trim().trim_end_matches(" kB");
        Ok(kib.trim().parse()?)
    }
}

/// Has all these clients ask for a while.
pub(crate) async fn drive<C: Client>(clients: Vec<C>, processes: &[Process]) -> Result<Figures> {
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let stop = stop.clone();
        tasks.spawn(async move {
            let mut asked = Vec::new();
            while !stop.is_cancelled() {
                let began = Instant::now();
                client.once().await?;
                asked.push((began, began.elapsed()));
            }
            anyhow::Ok(asked)
        });
    }
    tokio::time::sleep(WARM_UP).await;
    let (from, before) = (Instant::now(), spent(processes)?);
    tokio::time::sleep(TIME).await;
    let (to, after) = (Instant::now(), spent(processes)?);
    stop.cancel();
    let mut took = Vec::new();
    while let Some(asked) = tasks.join_next().await {
        let asked = asked?.context("a client failed")?;
        // Those that ended meanwhile, as their answers are what the CPU time was for.
        let ended = asked
            .into_iter()
            .filter(|(began, took)| (from..to).contains(&(*began + *took)));
        took.extend(ended.map(|(_, took)| took));
    }
    took.sort();
    let requests = u32::try_from(took.len())?.max(1);
    let names = processes.iter().map(|process| process.name);
    let spent = before
        .into_iter()
        .zip(after)
        .map(|(before, after)| (after - before) / requests);
    Ok(Figures {
        cpu: names.zip(spent).collect(),
        time: to - from,
        took,
    })
}

fn spent(processes: &[Process]) -> Result<Vec<Duration>> {
    processes.iter().map(Process::cpu).collect()
}

impl Figures {
    /// In a second.
    pub(crate) fn rate(&self) -> f64 {
        let requests = u32::try_from(self.took.len()).unwrap_or(u32::MAX);
        f64::from(requests) / self.time.as_secs_f64()
    }

    fn rank(&self, percent: usize) -> Duration {
        let rank = (self.took.len() * percent).div_ceil(100);
        self.took.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// How many a second two cores would bear that do nothing but what is `ours`.
    pub(crate) fn capacity(&self, ours: &[&str]) -> f64 {
        let ours = self.cpu.iter().filter(|(name, _)| ours.contains(name));
        let each: Duration = ours.map(|(_, cpu)| *cpu).sum();
        2.0 / each.as_secs_f64()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms; CPU of each:",
            self.rate(),
            milliseconds(self.rank(50)),
            milliseconds(self.rank(99))
        )?;
        for (name, cpu) in &self.cpu {
            write!(f, " {name} {:.0} µs", cpu.as_secs_f64() * 1e6)?;
        }
        Ok(())
    }
}

/// For people.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
