//! The process as Kubernetes sees it.

use std::fs;

use bytes::Bytes;
use splitvault_values::ValueStore as _;
use splitvault_values::sqlite::SqliteValues;

use crate::fixture::eventually;
use crate::process::{Home, command};

#[tokio::test]
async fn it_waits_for_its_certificates_and_says_so() {
    let home = Home::new();
    let process = home.start().await;
    assert_eq!(process.ask("/healthz").0, 200);
    assert_eq!(
        process.ask("/readyz"),
        (503, "waiting for certificates\n".to_owned())
    );
    home.authority.write(&home.tls());
    process.ready().await;
    assert_eq!(home.operator(&process).await.list(None, 1).await, Ok(vec![]));
}

#[tokio::test]
async fn an_unusable_database_keeps_it_waiting_and_untouched() {
    let home = Home::new();
    home.authority.write(&home.tls());
    let garbage = b"not a database at all ".repeat(500);
    fs::write(home.database(), &garbage).unwrap();
    let process = home.start().await;
    eventually("the reason is told", async || {
        process.ask("/readyz") == (503, "waiting for the database: not_a_database\n".to_owned())
    })
    .await;
    assert_eq!(process.ask("/healthz").0, 200);
    assert!(fs::read(home.database()).unwrap() == garbage);
    fs::remove_file(home.database()).unwrap();
    process.ready().await;
}

#[tokio::test]
async fn it_stops_on_sigterm_with_everything_in_one_file() {
    let home = Home::new();
    home.authority.write(&home.tls());
    let mut process = home.start().await;
    let operator = home.operator(&process).await;
    let tokens = operator.put(vec![Bytes::from_static(b"kept")]).await.unwrap();
    process.terminate();
    assert!(process.ended().await.success());
    assert!(
        !home.database().with_extension("db-wal").exists(),
        "the write-ahead log is gone"
    );
    let values = SqliteValues::open(&home.database()).await.unwrap();
    assert_eq!(
        values.get(&tokens).await.unwrap(),
        [Some(Bytes::from_static(b"kept"))]
    );
}

#[tokio::test]
async fn it_stops_on_sigterm_while_it_waits() {
    let home = Home::new();
    let mut process = home.start().await;
    process.terminate();
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn logs_and_metrics_tell_neither_envelopes_nor_tokens() {
    let home = Home::new();
    home.authority.write(&home.tls());
    let process = home.start().await;
    let operator = home.operator(&process).await;
    let tokens = operator
        .put(vec![Bytes::from_static(b"canary-envelope"); 3])
        .await
        .unwrap();
    operator.get(&tokens).await.unwrap();
    operator.delete(&tokens[..1]).await.unwrap();
    let (status, metrics) = process.ask("/metrics");
    assert_eq!(status, 200);
    for line in [
        "splitvault_store_requests_total{operation=\"put\",outcome=\"ok\"} 1",
        "splitvault_store_request_duration_seconds_count{operation=\"get\"} 1",
        "splitvault_store_items_total{operation=\"delete\"} 1",
        "splitvault_store_connections 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is not in {metrics}"
        );
    }
    assert!(
        metrics.contains("splitvault_store_database_size_bytes "),
        "{metrics}"
    );
    let log = process.log();
    assert!(log.contains("\"serving\""), "the search finds what is there");
    let spellings = tokens.iter().flat_map(|token| {
        let bytes = token.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [
            hex.to_uppercase(),
            hex,
            format!("{bytes:?}"),
            bytes.escape_ascii().to_string(),
        ]
    });
    for needle in spellings.chain(["canary-envelope".to_owned()]) {
        assert!(!log.contains(&needle) && !metrics.contains(&needle));
    }
}

#[tokio::test]
async fn check_tells_a_sound_database_from_a_damaged_one() {
    let home = Home::new();
    let values = SqliteValues::open(&home.database()).await.unwrap();
    values.put(vec![Bytes::from(vec![7; 30_000]); 5]).await.unwrap();
    values.close().await;
    let sound = command(&home.database()).arg("check").output().unwrap();
    assert!(sound.status.success());
    assert_eq!(sound.stdout, b"sound: 5 values, 150000 bytes of envelopes\n");
    let length = fs::metadata(home.database()).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(home.database())
        .unwrap()
        .set_len(length / 2)
        .unwrap();
    let damaged = command(&home.database()).arg("check").output().unwrap();
    assert!(!damaged.status.success());
}
