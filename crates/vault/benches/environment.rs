//! What a write, a read, a look and a re-encryption of an environment of 20 variables cost, on files.
#![expect(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use splitvault_crypto::{FileKek, SecretString};
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_values::sqlite::SqliteValues;
use splitvault_vault::{Keks, SourceDigestInput, SqliteKeys, Vault, Written};
use tokio::runtime::Runtime;

fn environment(round: u64) -> Dotenv {
    let variable = |n| Variable {
        name: Name::parse(&format!("VARIABLE_{n}")).unwrap(),
        value: SecretString::from(format!("{round:020}-{n:020}")),
        comment: None,
    };
    Dotenv::from_variables((0..20).map(variable).collect()).unwrap()
}

async fn write(vault: &Vault, dotenv: &Dotenv) -> Written {
    let source = SourceDigestInput(b"bench");
    vault.write("uid", dotenv, &source, &[], 5).await.unwrap()
}

fn twenty(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let vault = runtime.block_on(async {
        let keys = SqliteKeys::open(&directory.path().join("keys.db")).await.unwrap();
        let values = SqliteValues::open(&directory.path().join("values.db"))
            .await
            .unwrap();
        let keks = Keks {
            names: FileKek::make().unwrap().into(),
            values: FileKek::make().unwrap().into(),
        };
        Vault::open(Arc::new(keys), Arc::new(values), keks).await.unwrap()
    });
    let round = AtomicU64::new(0);
    runtime.block_on(write(&vault, &environment(0)));

    let mut group = criterion.benchmark_group("20 variables");
    group.bench_function("read", |b| {
        b.iter(|| black_box(runtime.block_on(vault.read("uid")).unwrap()));
    });
    group.bench_function("describe", |b| {
        b.iter(|| black_box(runtime.block_on(vault.describe("uid")).unwrap()));
    });
    group.bench_function("write the same", |b| {
        let same = environment(0);
        b.iter(|| black_box(runtime.block_on(write(&vault, &same))));
    });
    group.bench_function("write", |b| {
        b.iter(|| {
            let next = environment(round.fetch_add(1, Ordering::Relaxed) + 1);
            black_box(runtime.block_on(write(&vault, &next)))
        });
    });
    group.bench_function("reseal with 5 older revisions", |b| {
        b.iter(|| black_box(runtime.block_on(vault.reseal("uid")).unwrap()));
    });
    group.finish();
}

criterion_group!(benches, twenty);
criterion_main!(benches);
