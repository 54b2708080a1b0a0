//! What the operator counts. Labels come from closed sets: no name, no namespace, no object.

mod consumers;
mod rotation;
mod waits;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use consumers::Consumers;
use rotation::Rotation;
pub use waits::Waiting;
use waits::Waits;

/// Seconds: an admission is below the first, a reconcile of a thousand variables near the last.
const BUCKETS: [f64; 11] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Admission {
    webhook: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Webhook {
    webhook: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LookUp {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Server {
    server: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    action: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kek {
    ring: &'static str,
    provider: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KekKey {
    ring: &'static str,
    provider: String,
    key_id_hash: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Sealed {
    state: &'static str,
}

/// The operator's metrics; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    reconciles: Family<Reason, Counter>,
    reconcile_duration: Histogram,
    deliveries: Family<Reason, Counter>,
    delivery_duration: Histogram,
    waits: Waits,
    admissions: Family<Admission, Counter>,
    admission_duration: Family<Webhook, Histogram>,
    image_lookups: Family<LookUp, Counter>,
    handshakes: Family<Server, Counter>,
    store_up: Gauge,
    kek_up: Family<Kek, Gauge>,
    kek_key: Family<KekKey, Gauge>,
    swept: Counter,
    sweeps: Family<Reason, Counter>,
    certificate: Gauge<f64, AtomicU64>,
    authority: Gauge,
    authorities: Gauge,
    requests: Family<Request, Counter>,
    sealing_key: Gauge,
    sealed: Family<Sealed, Gauge>,
    rotation: Rotation,
    consumers: Consumers,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("splitvault"),
            reconciles: Family::default(),
            reconcile_duration: histogram(),
            deliveries: Family::default(),
            delivery_duration: histogram(),
            waits: Waits::default(),
            admissions: Family::default(),
            admission_duration: Family::new_with_constructor(histogram as fn() -> Histogram),
            image_lookups: Family::default(),
            handshakes: Family::default(),
            store_up: Gauge::default(),
            kek_up: Family::default(),
            kek_key: Family::default(),
            swept: Counter::default(),
            sweeps: Family::default(),
            certificate: Gauge::default(),
            authority: Gauge::default(),
            authorities: Gauge::default(),
            requests: Family::default(),
            sealing_key: Gauge::default(),
            sealed: Family::default(),
            rotation: Rotation::default(),
            consumers: Consumers::default(),
        };
        inner.consumers.register(&mut inner.registry);
        inner.rotation.register(&mut inner.registry);
        inner.waits.register(&mut inner.registry);
        inner.register_work();
        inner.register_surroundings();
        Self(Arc::new(inner))
    }

    /// One reconcile ended; `reason` is the one of the condition Ready.
    pub fn reconciled(&self, reason: &'static str, took: Duration) {
        self.0.reconciles.get_or_create(&Reason { reason }).inc();
        self.0.reconcile_duration.observe(took.as_secs_f64());
    }

    /// One delivery ended: `Delivered`, `Current`, or a reason of refusal.
    pub fn delivered(&self, reason: &'static str, took: Duration) {
        self.0.deliveries.get_or_create(&Reason { reason }).inc();
        self.0.delivery_duration.observe(took.as_secs_f64());
    }

    /// One admission review was answered; both words come from closed sets.
    pub fn admission(&self, webhook: &'static str, outcome: &'static str, took: Duration) {
        self.0
            .admissions
            .get_or_create(&Admission { webhook, outcome })
            .inc();
        self.0
            .admission_duration
            .get_or_create(&Webhook { webhook })
            .observe(took.as_secs_f64());
    }

    /// What an image runs was asked for; the word comes from a closed set.
    pub fn image_looked_up(&self, outcome: &'static str) {
        self.0.image_lookups.get_or_create(&LookUp { outcome }).inc();
    }

    /// One VaultRequest was answered; both words come from closed sets.
    pub fn requested(&self, action: &'static str, reason: &'static str) {
        self.0.requests.get_or_create(&Request { action, reason }).inc();
    }

    /// One TLS handshake ended.
    pub fn handshake(&self, server: &'static str, outcome: &'static str) {
        self.0.handshakes.get_or_create(&Server { server, outcome }).inc();
    }

    /// Whether the value store answered when last asked.
    pub fn store_up(&self, up: bool) {
        self.0.store_up.set(i64::from(up));
    }

    /// Whether the provider that wraps the keys of a ring works.
    pub fn kek_up(&self, ring: &'static str, provider: &str, up: bool) {
        let provider = provider.to_owned();
        let label = Kek { ring, provider };
        self.0.kek_up.get_or_create(&label).set(i64::from(up));
    }

    /// The hash of the key that a KMS wraps the keys of a ring with, in place of the one before.
    pub fn kek_key(&self, ring: &'static str, provider: &str, before: Option<String>, now: String) {
        let label = |key_id_hash| KekKey {
            ring,
            provider: provider.to_owned(),
            key_id_hash,
        };
        if let Some(before) = before {
            self.0.kek_key.remove(&label(before));
        }
        self.0.kek_key.get_or_create(&label(now)).set(1);
    }

    /// One sweep ended: `Done` or the reason why not; this many orphans are gone.
    pub fn swept(&self, reason: &'static str, removed: u64) {
        self.0.sweeps.get_or_create(&Reason { reason }).inc();
        self.0.swept.inc_by(removed);
    }

    /// When the certificate of webhook and delivery ends, in seconds of Unix time.
    pub fn certificate_expires(&self, unix: i64) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds of this age are exact in an f64"
        )]
        self.0.certificate.set(unix as f64);
    }

    /// When the CA that signs was made, in seconds of Unix time, and how many are trusted: two in a rotation.
    pub fn authorities(&self, made: i64, trusted: usize) {
        self.0.authority.set(made);
        self.0.authorities.set(i64::try_from(trusted).unwrap_or(i64::MAX));
    }

    /// When the current sealing key was made, in seconds of Unix time.
    pub fn sealing_key(&self, made: i64) {
        self.0.sealing_key.set(made);
    }

    /// How many VaultSecrets are sealed to another key than the current one.
    pub fn sealed(&self, state: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.sealed.get_or_create(&Sealed { state }).set(count);
    }

    /// The metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// Never for a String; the encoder's signature has it.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Inner {
    fn register_work(&mut self) {
        let registry = &mut self.registry;
        let (reconciles, deliveries) = (self.reconciles.clone(), self.deliveries.clone());
        registry.register("reconciles", "Reconciles of VaultSecrets, by reason", reconciles);
        registry.register_with_unit(
            "reconcile_duration",
            "Time of a reconcile",
            Unit::Seconds,
            self.reconcile_duration.clone(),
        );
        registry.register("deliveries", "Answers to sidecars, by reason", deliveries);
        registry.register_with_unit(
            "delivery_duration",
            "Time to answer a sidecar",
            Unit::Seconds,
            self.delivery_duration.clone(),
        );
        registry.register(
            "requests",
            "Answers to VaultRequests, by action and reason",
            self.requests.clone(),
        );
        registry.register(
            "admissions",
            "Admission reviews, by webhook and outcome",
            self.admissions.clone(),
        );
        registry.register(
            "image_lookups",
            "Questions for what an image runs, by outcome",
            self.image_lookups.clone(),
        );
        registry.register_with_unit(
            "admission_duration",
            "Time to answer an admission review",
            Unit::Seconds,
            self.admission_duration.clone(),
        );
    }

    fn register_surroundings(&mut self) {
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        let registry = &mut self.registry;
        registry.register("build", "What is running", Info::new(version));
        registry.register(
            "handshakes",
            "TLS handshakes, by server and outcome",
            self.handshakes.clone(),
        );
        registry.register(
            "store_up",
            "Whether the value store answered when last asked",
            self.store_up.clone(),
        );
        registry.register(
            "kek_up",
            "Whether the provider that wraps a ring's keys worked when last asked",
            self.kek_up.clone(),
        );
        registry.register(
            "kek_key",
            "The key of a KMS that wraps a ring's keys, by the hash of its key_id",
            self.kek_key.clone(),
        );
        registry.register(
            "orphans_removed",
            "Values that nothing pointed to and that were removed",
            self.swept.clone(),
        );
        registry.register("sweeps", "Searches for orphans, by reason", self.sweeps.clone());
        registry.register(
            "certificate_expiry_timestamp",
            "When the server certificate ends, in Unix time",
            self.certificate.clone(),
        );
        registry.register_with_unit(
            "authority_created_timestamp",
            "When the certificate authority that signs was made, in Unix time",
            Unit::Seconds,
            self.authority.clone(),
        );
        registry.register(
            "authorities",
            "Certificate authorities that are trusted; two in a rotation",
            self.authorities.clone(),
        );
        registry.register_with_unit(
            "sealing_key_created_timestamp",
            "When the current sealing key was made, in Unix time",
            Unit::Seconds,
            self.sealing_key.clone(),
        );
        registry.register(
            "sealed_objects",
            "VaultSecrets that are not sealed to the current key: to an old one that opens, or to an unknown one",
            self.sealed.clone(),
        );
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

#[cfg(test)]
mod tests;
