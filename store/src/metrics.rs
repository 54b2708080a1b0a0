//! What the store counts: operations, outcomes, durations, connections. Labels come from closed sets; no token,
//! no size of a single envelope, nothing about a client.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use splitvault_values::{StoreError, Token, ValueStore};
use tokio::time::Instant;

/// Seconds: a point read is below the first, a full put on a slow disk near the last.
const BUCKETS: [f64; 12] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0,
];

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshake {
    Accepted,
    Refused,
    TimedOut,
    TooMany,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    operation: &'static str,
    outcome: &'static str,
}

/// The store's metrics; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Operation, Histogram>,
    items: Family<Operation, Counter>,
    handshakes: Family<Outcome, Counter>,
    connections: Gauge,
    certificate: Gauge<f64, AtomicU64>,
}

impl Metrics {
    /// Nothing counted yet. The size of the files at `database` is read at each scrape.
    pub fn new(database: PathBuf) -> Self {
        let requests = Family::default();
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        let (items, handshakes) = (Family::default(), Family::default());
        let (connections, certificate) = (Gauge::default(), Gauge::default());
        let mut registry = Registry::with_prefix("splitvault_store");
        registry.register(
            "requests",
            "Requests answered, by operation and outcome",
            Family::clone(&requests),
        );
        registry.register_with_unit(
            "request_duration",
            "Time to answer",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register(
            "items",
            "Envelopes put, tokens looked up, deleted or listed",
            Family::clone(&items),
        );
        registry.register(
            "handshakes",
            "TLS handshakes, by outcome",
            Family::clone(&handshakes),
        );
        registry.register(
            "connections",
            "Authenticated connections open now",
            Gauge::clone(&connections),
        );
        registry.register(
            "certificate_expiry_timestamp",
            "When the server certificate ends, in Unix time",
            Gauge::clone(&certificate),
        );
        registry.register_collector(Box::new(DatabaseSize(database)));
        Self(Arc::new(Inner {
            registry,
            requests,
            durations,
            items,
            handshakes,
            connections,
            certificate,
        }))
    }

    /// The metrics in the OpenMetrics text format.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }

    pub(crate) fn handshake(&self, handshake: Handshake) {
        let outcome = match handshake {
            Handshake::Accepted => "accepted",
            Handshake::Refused => "refused",
            Handshake::TimedOut => "timed_out",
            Handshake::TooMany => "too_many",
        };
        self.0.handshakes.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn connection(&self) -> OpenConnection {
        self.0.connections.inc();
        OpenConnection(self.0.connections.clone())
    }

    pub(crate) fn certificate_expires(&self, unix: i64) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds of this age are exact in an f64"
        )]
        self.0.certificate.set(unix as f64);
    }

    fn request(&self, operation: &'static str, items: usize, error: Option<StoreError>, took: Duration) {
        let outcome = error.map_or("ok", StoreError::label);
        self.0
            .requests
            .get_or_create(&Request { operation, outcome })
            .inc();
        self.0
            .durations
            .get_or_create(&Operation { operation })
            .observe(took.as_secs_f64());
        if error.is_none() {
            self.0
                .items
                .get_or_create(&Operation { operation })
                .inc_by(items as u64);
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// Counts one open connection until dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The bytes of the database and of its write-ahead log, read when asked.
#[derive(Debug)]
struct DatabaseSize(PathBuf);

impl Collector for DatabaseSize {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut log = self.0.clone().into_os_string();
        log.push("-wal");
        let size = |path: PathBuf| path.metadata().map_or(0, |file| file.len());
        let bytes = size(self.0.clone()) + size(log.into());
        let gauge = ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
        let help = "Bytes of the database and its write-ahead log";
        let metric =
            encoder.encode_descriptor("database_size", help, Some(&Unit::Bytes), gauge.metric_type())?;
        gauge.encode(metric)
    }
}

/// A value store that counts.
#[derive(Debug)]
pub struct Measured<S> {
    store: S,
    metrics: Metrics,
}

impl<S: ValueStore> Measured<S> {
    /// Counts what this store does.
    pub fn new(store: S, metrics: Metrics) -> Self {
        Self { store, metrics }
    }

    async fn measure<T>(
        &self,
        operation: &'static str,
        items: impl FnOnce(&T) -> usize,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let answer = work.await;
        let (items, error) = match &answer {
            Ok(answer) => (items(answer), None),
            Err(error) => (0, Some(*error)),
        };
        self.metrics.request(operation, items, error, start.elapsed());
        answer
    }
}

#[async_trait]
impl<S: ValueStore> ValueStore for Measured<S> {
    async fn put(&self, envelopes: Vec<Bytes>) -> Result<Vec<Token>, StoreError> {
        self.measure("put", Vec::len, self.store.put(envelopes)).await
    }

    async fn get(&self, tokens: &[Token]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.measure("get", Vec::len, self.store.get(tokens)).await
    }

    async fn delete(&self, tokens: &[Token]) -> Result<(), StoreError> {
        self.measure("delete", |()| tokens.len(), self.store.delete(tokens))
            .await
    }

    async fn list(&self, after: Option<Token>, limit: u32) -> Result<Vec<Token>, StoreError> {
        self.measure("list", Vec::len, self.store.list(after, limit))
            .await
    }

    async fn count_part(&self, key: [u8; 8], first: u8) -> Result<u64, StoreError> {
        self.measure("count", |_| 0, self.store.count_part(key, first))
            .await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.measure("checkpoint", |()| 0, self.store.checkpoint()).await
    }
}
