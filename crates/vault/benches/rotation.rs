//! Rotation of a whole installation, beside the raw write speed of the same databases and beside reads, in one run.
//!
//! `cargo bench -p splitvault-vault --bench rotation [-- ENVIRONMENTS [ROWS-PER-SECOND]]`; by default 5,000 environments of
//! 20 variables, and as fast as it goes.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark for people")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use splitvault_crypto::{FileKek, Id, SecretString};
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_values::sqlite::SqliteValues;
use splitvault_values::{Token, ValueStore as _};
use splitvault_vault::keys::{Commit, KeyStore as _, LifeStore as _, Ring, Row};
use splitvault_vault::{Advance, Cause, Keks, SourceDigestInput, SqliteKeys, Vault};

const VARIABLES: usize = 20;
const BATCH: usize = 1_000;

struct Stores {
    keys: Arc<SqliteKeys>,
    values: Arc<SqliteValues>,
    vault: Arc<Vault>,
    _directory: tempfile::TempDir,
}

async fn stores() -> Stores {
    let directory = tempfile::tempdir().unwrap();
    let keys = Arc::new(SqliteKeys::open(&directory.path().join("keys.db")).await.unwrap());
    let values = SqliteValues::open(&directory.path().join("values.db")).await;
    let values = Arc::new(values.unwrap());
    let keks = Keks {
        names: FileKek::make().unwrap().into(),
        values: FileKek::make().unwrap().into(),
    };
    let vault = Vault::open(keys.clone(), values.clone(), keks).await.unwrap();
    Stores {
        keys,
        values,
        vault: Arc::new(vault),
        _directory: directory,
    }
}

fn uid(number: usize) -> String {
    // Spread like the random UIDs of objects.
    let spread = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{spread:016x}-{number}")
}

async fn fill(stores: &Stores, environments: usize) {
    for number in 0..environments {
        let variable = |n: usize| Variable {
            name: Name::parse(&format!("VARIABLE_{n}")).unwrap(),
            value: SecretString::copy_of(&format!("postgres://user:secret-{number}@db.example:5432/{n}")),
            comment: None,
        };
        let dotenv = Dotenv::from_variables((0..VARIABLES).map(variable).collect()).unwrap();
        let source = number.to_be_bytes();
        let (uid, source) = (uid(number), SourceDigestInput(&source));
        stores.vault.write(&uid, &dotenv, &source, &[], 0).await.unwrap();
    }
}

/// Rows a second that the two databases take without anything else: rows of the same sizes in transactions of 1,000.
async fn raw(rows: usize) -> (f64, f64) {
    let stores = stores().await;
    let root = stores.keys.root().await.unwrap().unwrap();
    let key = |ring| root.active(ring).unwrap().id;
    let commit = |number: usize| Commit {
        uid: uid(number),
        environment: Id::make().unwrap(),
        expected: None,
        fence: 0,
        names_key: key(Ring::Names),
        values_key: key(Ring::Values),
        revision: 1,
        manifests: vec![(1, vec![0x5a; 1_200])],
        rows: vec![(1, (0..VARIABLES).map(|_| row()).collect())],
        dropped: Vec::new(),
    };
    let row_batches: Vec<Vec<_>> = (0..rows / BATCH)
        .map(|batch| {
            (0..BATCH / VARIABLES)
                .map(|n| commit(batch * BATCH + n))
                .collect()
        })
        .collect();
    let begun = Instant::now();
    for commits in &row_batches {
        stores.keys.commit_all(commits).await.unwrap();
    }
    let keys = rows as f64 / begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    for _ in 0..rows / BATCH {
        let envelopes = vec![Bytes::from(vec![0x5a; 153]); BATCH];
        let _tokens: Vec<Token> = stores.values.put(envelopes).await.unwrap();
    }
    (keys, rows as f64 / begun.elapsed().as_secs_f64())
}

fn row() -> Row {
    Row {
        id: Id::make().unwrap(),
        envelope: vec![0x5a; 217],
    }
}

/// Reads until told to stop; answers how long each took.
async fn read(vault: Arc<Vault>, environments: usize, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let number = took.len().wrapping_mul(7_919) % environments;
        assert!(vault.read(&uid(number)).await.unwrap().is_some());
        took.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    took.sort_unstable();
    took
}

fn tell(what: &str, took: &[Duration]) {
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{what}: {} reads, p50 {:.2} ms, p99 {:.2} ms",
        took.len(),
        at(0.5),
        at(0.99)
    );
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn rotate(stores: &Stores, environments: usize, rate: f64) -> f64 {
    let (vault, now) = (&stores.vault, SystemTime::now());
    vault.beat(now).await.unwrap();
    assert!(vault.lead(now).await.unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let idle = tokio::spawn(read(vault.clone(), environments, stop.clone()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.store(true, Ordering::Relaxed);
    tell("idle", &idle.await.unwrap());
    let before = resident();
    for ring in Ring::MASTER {
        vault.begin_rotation(ring, Cause::Requested, now).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let reads = tokio::spawn(read(vault.clone(), environments, stop.clone()));
    let (mut rows, mut took, mut peak) = (0, Duration::ZERO, 0);
    loop {
        let begun = Instant::now();
        let step = vault.advance(now, BATCH).await.unwrap();
        match step {
            Advance::Resealed(batch) => {
                (rows, took) = (rows + batch.rows, took + begun.elapsed());
                peak = peak.max(resident());
                if rate > 0.0 {
                    let due = Duration::from_secs_f64(batch.rows as f64 / rate);
                    let rest = due.saturating_sub(begun.elapsed());
                    took += rest;
                    tokio::time::sleep(rest).await;
                }
            }
            Advance::Moved { ring, state, .. } => {
                println!(
                    "{} {}: {:.2} s",
                    ring.label(),
                    state.label(),
                    begun.elapsed().as_secs_f64()
                );
            }
            Advance::Idle | Advance::Waiting => break,
        }
    }
    stop.store(true, Ordering::Relaxed);
    tell("while it rotates", &reads.await.unwrap());
    println!("resident: {before} MiB before, {peak} MiB at most while it rotates");
    rows as f64 / took.as_secs_f64()
}

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    let environments = numbers.first().copied().unwrap_or(5_000);
    let rate = numbers.get(1).copied().unwrap_or(0) as f64;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (keys, values) = raw(environments * VARIABLES).await;
        let both = 1.0 / (1.0 / keys + 1.0 / values);
        println!("raw: {keys:.0} key rows/s, {values:.0} values/s, {both:.0} rows/s one after the other");
        let stores = stores().await;
        let begun = Instant::now();
        fill(&stores, environments).await;
        println!(
            "filled {environments} environments in {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        let rotated = rotate(&stores, environments, rate).await;
        println!(
            "rotation: {rotated:.0} rows/s, {:.2} of the raw write speed",
            rotated / both
        );
        println!("of the key database's alone: {:.2}", rotated / keys);
    });
}
