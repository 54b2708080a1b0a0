//! Sidecars that wait for a change, and what they say went wrong.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Metrics, Reason};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct Waits {
    waiting: Gauge,
    ended: Family<Reason, Counter>,
    problems: Family<Kind, Counter>,
}

/// One wait, until it is said how it ended; when nobody says so, its client went away.
pub struct Waiting {
    metrics: Metrics,
    reason: &'static str,
}

impl Waits {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "waiting_sidecars",
            "Sidecars whose question is held until something changes",
            self.waiting.clone(),
        );
        registry.register("waits", "Waits that ended, by how", self.ended.clone());
        registry.register(
            "sidecar_problems",
            "Questions of sidecars that told of a problem, by kind",
            self.problems.clone(),
        );
    }
}

impl Metrics {
    /// One more sidecar waits.
    pub fn waits(&self) -> Waiting {
        self.0.waits.waiting.inc();
        Waiting {
            metrics: self.clone(),
            reason: "Gone",
        }
    }

    /// A sidecar told of a problem with its question; the word comes from a closed set.
    pub fn problem(&self, kind: &'static str) {
        self.0.waits.problems.get_or_create(&Kind { kind }).inc();
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        usize::try_from(self.0.waits.waiting.get()).unwrap_or_default()
    }
}

impl Waiting {
    /// It ended: `Changed`, `Elapsed` or `Stopping`.
    pub fn ended(mut self, reason: &'static str) {
        self.reason = reason;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let waits = &self.metrics.0.waits;
        waits.waiting.dec();
        waits.ended.get_or_create(&Reason { reason: self.reason }).inc();
    }
}
