//! Several writers and readers at once, in one process and in two.

use std::sync::Arc;

use splitvault_vault::{KeyStoreError, WriteError};

use crate::fixture::{Home, Installation, owned};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_writers_from_one_state_one_wins_and_no_other_leaves_anything() {
    let home = Home::new();
    let one = Arc::new(home.open().await);
    // A second process on the same files.
    let two = Arc::new(home.open().await);
    one.write("uid", &[("A", "start")], 0).await.unwrap();
    let mut writers = Vec::new();
    for number in 0..16 {
        let installation = if number % 2 == 0 { one.clone() } else { two.clone() };
        writers.push(tokio::spawn(async move {
            let value = format!("writer {number}");
            (
                value.clone(),
                installation.write("uid", &[("A", &value)], 0).await,
            )
        }));
    }
    let mut won: Vec<(u64, String)> = Vec::new();
    for writer in writers {
        match writer.await.unwrap() {
            (value, Ok(written)) => won.push((written.revision, value)),
            (_, Err(error)) => assert_eq!(error, WriteError::Keys(KeyStoreError::Conflict)),
        }
    }
    won.sort();
    let revisions: Vec<_> = won.iter().map(|(revision, _)| *revision).collect();
    let expected: Vec<_> = (2..).take(won.len()).collect();
    assert_eq!(revisions, expected, "each winner has a revision of its own");
    let (_, last) = won.last().expect("one wins");
    assert_eq!(one.read("uid").await, owned(&[("A", last)]));
    assert_eq!(one.tokens().await.len(), 1, "losers took their values back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_make_the_same_environment_make_one() {
    let home = Home::new();
    let (one, two) = (home.open().await, home.open().await);
    let (first, second) = tokio::join!(
        one.write("uid", &[("A", "1")], 0),
        two.write("uid", &[("A", "2")], 0)
    );
    let conflicts = [&first, &second]
        .iter()
        .filter(|result| matches!(result, Err(WriteError::Keys(KeyStoreError::Conflict))))
        .count();
    let revision = one.vault.describe("uid").await.unwrap().unwrap().revision;
    assert_eq!(
        revision + conflicts as u64,
        2,
        "{first:?}, {second:?}: one after the other, or one conflict"
    );
    assert_eq!(one.tokens().await.len(), 1);
}

async fn write_all(installation: Arc<Installation>) {
    for number in 0..40 {
        let value = number.to_string();
        let variables = [("A", value.as_str()), ("B", value.as_str())];
        installation.write("uid", &variables, 0).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_and_sweeps_beside_a_writer_see_whole_revisions() {
    let home = Home::new();
    let installation = Arc::new(home.open().await);
    installation
        .write("uid", &[("A", "x"), ("B", "x")], 0)
        .await
        .unwrap();
    let writer = tokio::spawn(write_all(installation.clone()));
    let mut reads = 0;
    while !writer.is_finished() {
        let found = installation.vault.read("uid").await;
        if let Ok(Some(environment)) = &found {
            let values: Vec<_> = environment
                .dotenv
                .iter()
                .map(|v| v.value.expose().to_owned())
                .collect();
            assert_eq!(values[0], values[1], "a revision is whole");
            reads += 1;
        } else {
            let error = found.unwrap_err();
            assert!(error.is_transient(), "{error}: nobody tampered");
        }
        if let Err(error) = installation.vault.sweep().await {
            assert!(error.is_transient(), "{error}: nobody tampered");
        }
    }
    writer.await.unwrap();
    assert!(reads > 0);
    assert_eq!(installation.read("uid").await, owned(&[("A", "39"), ("B", "39")]));
    installation.vault.sweep().await.unwrap();
    assert_eq!(installation.tokens().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reseal_beside_a_writer_loses_neither() {
    let home = Home::new();
    let installation = Arc::new(home.open().await);
    installation
        .write("uid", &[("A", "x"), ("B", "x")], 0)
        .await
        .unwrap();
    for number in 0..20 {
        let value = number.to_string();
        let variables = [("A", value.as_str()), ("B", value.as_str())];
        let (written, resealed) = tokio::join!(
            installation.write("uid", &variables, 2),
            installation.vault.reseal("uid")
        );
        for error in [written.err(), resealed.err()].into_iter().flatten() {
            assert!(error.is_transient(), "{error}");
        }
        let values = installation.read("uid").await;
        assert_eq!(values[0].1, values[1].1);
    }
    let kept = installation.vault.history("uid").await.unwrap();
    let entries: u32 = kept.iter().map(|past| past.entries).sum();
    installation.vault.sweep().await.unwrap();
    assert_eq!(
        installation.tokens().await.len(),
        2 + usize::try_from(entries).unwrap()
    );
}
