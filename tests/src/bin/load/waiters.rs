//! Sidecars that wait for a change, and sidecars that all start together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use splitvault_crypto::sealing::{Algorithm, KeyPair};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::connection::{From, Server};
use crate::deliveries::Sidecar;
use crate::figures::{Process, milliseconds};
use crate::installation::{Installation, Programs};
use crate::pods::{self, Pod, VAULT_SECRETS};

/// As many as the operator lets wait.
const WAITING: u32 = 10_000;
/// As long as the operator lets them.
const SECONDS: u32 = 600;
/// That come at once.
const AT_ONCE: usize = 64;
/// What is measured while nothing changes.
const QUIET: Duration = Duration::from_secs(30);
/// After a failure: anything up to a ceiling that doubles from one to the other, as the sidecar's `pace` has it.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// For a connection, and for an answer; a sidecar has no more patience.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(20));

/// Prints the figures.
#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) async fn measure(programs: &Programs) -> Result<()> {
    let installation = Installation::start(programs).await?;
    let operator = installation.operator();
    let key = Arc::new(KeyPair::make(Algorithm::X25519).map_err(anyhow::Error::msg)?);
    let tags = tags(&installation, &key).await?;
    println!("before: {}", resident(&operator)?);
    let (told, mut ended) = mpsc::unbounded_channel();
    let began = Instant::now();
    let waiters = wait(&installation.delivery()?, &key, &tags, told).await?;
    println!(
        "{WAITING} wait, asked within {:.1} s: {}",
        began.elapsed().as_secs_f64(),
        resident(&operator)?
    );
    let before = operator.cpu()?;
    tokio::time::sleep(QUIET).await;
    let spent = (operator.cpu()? - before).as_secs_f64() / QUIET.as_secs_f64();
    println!(
        "nothing changes: {}, {:.2} % of a core",
        resident(&operator)?,
        spent * 100.0
    );
    ensure!(ended.try_recv().is_err(), "a wait ended though nothing changed");
    tell_a_change(&installation, &mut ended).await?;
    drop(waiters);
    println!("gone: {}", resident(&operator)?);
    stampede(&installation, &key).await?;
    println!("after all: {}", resident(&operator)?);
    Ok(())
}

fn resident(process: &Process) -> Result<String> {
    Ok(format!("RSS {:.1} MiB", f64::from(process.resident()?) / 1024.0))
}

/// The tag of each VaultSecret's delivery.
async fn tags(installation: &Installation, key: &KeyPair) -> Result<Vec<String>> {
    let (mut tags, delivery) = (Vec::new(), installation.delivery()?);
    for number in 0..VAULT_SECRETS {
        let sidecar = Sidecar::new(Pod(number), key, None, None)?;
        let answer = delivery.one(From(number)).await?.ask(sidecar.request()?).await?;
        tags.push(sidecar.open(key, &answer)?);
    }
    Ok(tags)
}

/// Has all of them wait; each tells when its wait ends. They go when what is answered is dropped.
async fn wait(
    server: &Server,
    key: &Arc<KeyPair>,
    tags: &[String],
    told: mpsc::UnboundedSender<(u32, StatusCode)>,
) -> Result<JoinSet<Result<()>>> {
    let (turns, mut waiters) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    let (sent, mut all) = mpsc::unbounded_channel();
    for number in 0..WAITING {
        let tag = tags
            .get(usize::try_from(number % VAULT_SECRETS)?)
            .context("no tag")?;
        let sidecar = Sidecar::new(Pod(number), key, Some(tag), Some(SECONDS))?;
        let (server, turns) = (server.clone(), Arc::clone(&turns));
        let (told, sent) = (told.clone(), sent.clone());
        waiters.spawn(async move {
            let turn = turns.acquire_owned().await?;
            let mut connection = server.one(From(number)).await?;
            let answer = connection.send(sidecar.request()?);
            sent.send(())?;
            let release = async {
                // Long enough for the operator to see that there is nothing to deliver.
                tokio::time::sleep(Duration::from_millis(100)).await;
                drop(turn);
            };
            let (answer, ()) = tokio::join!(answer, release);
            let (status, _) = answer?;
            told.send((number, status))?;
            Ok(())
        });
    }
    for _ in 0..WAITING {
        all.recv().await.context("a waiter failed")?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(waiters)
}

/// How long it takes until all who wait for one VaultSecret know that it changed.
#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
async fn tell_a_change(
    installation: &Installation,
    ended: &mut mpsc::UnboundedReceiver<(u32, StatusCode)>,
) -> Result<()> {
    let began = Instant::now();
    installation.change(0, &pods::variables().replace("value", "another"))?;
    let mut took = Vec::new();
    for _ in 0..WAITING / VAULT_SECRETS {
        let (number, status) = ended.recv().await.context("all waiters are gone")?;
        ensure!(
            number % VAULT_SECRETS == 0 && status == StatusCode::NO_CONTENT,
            "waiter {number} of another VaultSecret, or status {status}"
        );
        took.push(began.elapsed());
    }
    println!(
        "a change is stored and told to the first of {} after {:.0} ms, to the last after {:.0} ms",
        took.len(),
        took.first().copied().map(milliseconds).unwrap_or_default(),
        took.last().copied().map(milliseconds).unwrap_or_default()
    );
    Ok(())
}

/// Has all of them start at the same moment, with nothing, and try until they have their variables.
#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
async fn stampede(installation: &Installation, key: &Arc<KeyPair>) -> Result<()> {
    let (server, mut pods) = (installation.delivery()?, JoinSet::new());
    let (began, before) = (Instant::now(), installation.operator().cpu()?);
    for number in 0..WAITING {
        let (server, key) = (server.clone(), Arc::clone(key));
        pods.spawn(async move {
            start(&server, &key, number)
                .await
                .map(|tries| (began.elapsed(), tries))
        });
    }
    let (mut took, mut tries) = (Vec::new(), 0);
    while let Some(pod) = pods.join_next().await {
        let (after, of_pod) = pod??;
        took.push(after);
        tries += of_pod;
    }
    took.sort();
    let rank = |percent: usize| {
        took.get((took.len() * percent).div_ceil(100) - 1)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{WAITING} start at once: half have their variables after {:.1} s, 99 of 100 after {:.1} s, all after {:.1} s; \
         {tries} tries, {:.1} s of the operator's CPU",
        rank(50).as_secs_f64(),
        rank(99).as_secs_f64(),
        rank(100).as_secs_f64(),
        (installation.operator().cpu()? - before).as_secs_f64()
    );
    Ok(())
}

/// Tries until there is a delivery; answers how often.
async fn start(server: &Server, key: &KeyPair, number: u32) -> Result<u32> {
    let sidecar = Sidecar::new(Pod(number), key, None, None)?;
    let mut ceiling = BACK_OFF.0;
    for tries in 1.. {
        let delivered = async {
            let connection = tokio::time::timeout(PATIENCE.0, server.one(From(number))).await;
            let mut connection = connection??;
            tokio::time::timeout(PATIENCE.1, connection.ask(sidecar.request()?)).await?
        };
        if delivered.await.is_ok() {
            return Ok(tries);
        }
        let random = f64::from(getrandom::u32()?) / f64::from(u32::MAX);
        tokio::time::sleep(ceiling.mul_f64(random)).await;
        ceiling = BACK_OFF.1.min(ceiling * 2);
    }
    Ok(u32::MAX)
}
