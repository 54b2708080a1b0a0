//! What a count over a million values costs, and what a look-up beside it.
#![expect(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use splitvault_values::sqlite::SqliteValues;
use splitvault_values::{Token, ValueStore as _, limits};
use tokio::runtime::Runtime;

const VALUES: usize = 1_000_000;
const KEY: [u8; 8] = [7; 8];

/// As large as an envelope of a short value.
fn envelope() -> Bytes {
    let mut envelope = vec![0x5a; 153];
    envelope[1..9].copy_from_slice(&KEY);
    envelope.into()
}

async fn fill(store: &SqliteValues) -> Vec<Token> {
    let mut tokens = Vec::new();
    for _ in 0..VALUES / limits::BATCH {
        tokens = store.put(vec![envelope(); limits::BATCH]).await.unwrap();
    }
    tokens.truncate(20);
    tokens
}

fn million(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = runtime.block_on(SqliteValues::open(&directory.path().join("values.db")));
    let store = Arc::new(store.unwrap());
    let tokens = runtime.block_on(fill(&store));

    let mut group = criterion.benchmark_group("1,000,000 values");
    group.sample_size(10);
    group.bench_function("count", |b| {
        b.iter(|| assert_eq!(runtime.block_on(store.count(KEY)).unwrap(), VALUES as u64));
    });
    group.bench_function("count one part of 256", |b| {
        b.iter(|| black_box(runtime.block_on(store.count_part(KEY, 0x5a)).unwrap()));
    });
    group.bench_function("look up 20", |b| {
        b.iter(|| black_box(runtime.block_on(store.get(&tokens)).unwrap()));
    });
    let counting = runtime.spawn({
        let store = Arc::clone(&store);
        async move {
            loop {
                store.count(KEY).await.unwrap();
            }
        }
    });
    group.bench_function("look up 20 beside a count", |b| {
        b.iter(|| black_box(runtime.block_on(store.get(&tokens)).unwrap()));
    });
    counting.abort();
    group.finish();
}

criterion_group!(benches, million);
criterion_main!(benches);
