//! What is counted about pods and the workloads that make them.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct Consumers {
    restarts: Family<Outcome, Counter>,
    missed: Gauge,
    evictions: Family<Outcome, Counter>,
}

impl Consumers {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "restarts",
            "What became of workloads that were to be restarted for a change, by outcome",
            self.restarts.clone(),
        );
        registry.register(
            "missed_pods",
            "Pods that ask for a VaultSecret and started without it",
            self.missed.clone(),
        );
        registry.register(
            "missed_pod_evictions",
            "Evictions of such pods, by outcome",
            self.evictions.clone(),
        );
    }
}

impl Metrics {
    /// A workload was to be restarted for a change; the word comes from a closed set.
    pub fn restarted(&self, outcome: &'static str) {
        self.0
            .consumers
            .restarts
            .get_or_create(&Outcome { outcome })
            .inc();
    }

    /// How many pods ask for a VaultSecret and started without it.
    pub fn missed_pods(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.consumers.missed.set(count);
    }

    /// Such a pod was to be evicted; the word comes from a closed set.
    pub fn evicted(&self, outcome: &'static str) {
        self.0
            .consumers
            .evictions
            .get_or_create(&Outcome { outcome })
            .inc();
    }
}
