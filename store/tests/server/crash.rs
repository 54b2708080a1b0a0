//! The process killed while it writes: each batch is there whole or not at all, and every acknowledged one is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;
use splitvault_values::grpc::RemoteValues;
use splitvault_values::{Token, ValueStore as _};

use crate::fixture::eventually;
use crate::process::Home;

const BATCH: usize = 40;

/// Envelopes that say which batch they belong to.
fn batch(name: &str) -> Vec<Bytes> {
    (0..BATCH)
        .map(|n| Bytes::from(format!("{name}/{n}/{}", "x".repeat(900))))
        .collect()
}

/// Puts batches until the process is gone; remembers those that were acknowledged.
async fn write(operator: RemoteValues, writer: String, acknowledged: Arc<Mutex<HashSet<String>>>) {
    for number in 0.. {
        let name = format!("{writer}.{number}");
        if operator.put(batch(&name)).await.is_err() {
            return;
        }
        acknowledged.lock().unwrap().insert(name);
    }
}

async fn all(operator: &RemoteValues) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    loop {
        let page = operator.list(tokens.last().copied(), 1000).await.unwrap();
        if page.is_empty() {
            return tokens;
        }
        tokens.extend(page);
    }
}

/// How many envelopes of each batch are there.
async fn batches(operator: &RemoteValues) -> HashMap<String, usize> {
    let found = operator.get(&all(operator).await).await.unwrap();
    let mut counts = HashMap::new();
    for envelope in found {
        let envelope = String::from_utf8(envelope.expect("what is listed is there").to_vec()).unwrap();
        *counts
            .entry(envelope.split('/').next().unwrap().to_owned())
            .or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigkill_in_the_middle_of_puts_leaves_whole_batches() {
    let home = Home::new();
    home.authority.write(&home.tls());
    let acknowledged = Arc::new(Mutex::new(HashSet::new()));
    for round in 1..=3 {
        let mut process = home.start().await;
        let mut writers = Vec::new();
        for writer in 0..4 {
            let operator = home.operator(&process).await;
            writers.push(tokio::spawn(write(
                operator,
                format!("{round}.{writer}"),
                Arc::clone(&acknowledged),
            )));
        }
        eventually("some batches are in", async || {
            acknowledged.lock().unwrap().len() >= 20 * round
        })
        .await;
        process.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        let process = home.start().await;
        let counts = batches(&home.operator(&process).await).await;
        assert!(counts.values().all(|count| *count == BATCH), "a batch is torn");
        let acknowledged = acknowledged.lock().unwrap();
        assert!(
            acknowledged.iter().all(|name| counts.contains_key(name)),
            "an acknowledged batch is lost"
        );
    }
}

/// Killed at a point of the second put: what is there after a restart?
#[cfg(feature = "failpoints")]
async fn second_put_killed_at(point: &str) -> HashMap<String, usize> {
    let home = Home::new();
    home.authority.write(&home.tls());
    let mut process = home
        .start_with(&[("FAILPOINTS", &format!("{point}=1*off->return(kill)"))])
        .await;
    let operator = home.operator(&process).await;
    operator.put(batch("first")).await.unwrap();
    operator.put(batch("second")).await.unwrap_err();
    assert!(!process.ended().await.success());
    let process = home.start().await;
    batches(&home.operator(&process).await).await
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn killed_at_each_step_of_a_put() {
    let first = HashMap::from([("first".to_owned(), BATCH)]);
    assert_eq!(second_put_killed_at("values::before-insert").await, first);
    assert_eq!(
        second_put_killed_at("values::after-insert-before-commit").await,
        first
    );
    let both = HashMap::from([("first".to_owned(), BATCH), ("second".to_owned(), BATCH)]);
    assert_eq!(second_put_killed_at("values::after-commit").await, both);
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn killed_at_each_step_of_a_delete() {
    for point in ["values::before-delete", "values::after-delete-before-commit"] {
        let home = Home::new();
        home.authority.write(&home.tls());
        let mut process = home
            .start_with(&[("FAILPOINTS", &format!("{point}=return(kill)"))])
            .await;
        let operator = home.operator(&process).await;
        let tokens = operator.put(batch("kept")).await.unwrap();
        operator.delete(&tokens).await.unwrap_err();
        assert!(!process.ended().await.success());
        let process = home.start().await;
        let operator = home.operator(&process).await;
        assert_eq!(
            batches(&operator).await,
            HashMap::from([("kept".to_owned(), BATCH)]),
            "{point}"
        );
        operator.delete(&tokens).await.unwrap();
        assert!(all(&operator).await.is_empty());
    }
}
