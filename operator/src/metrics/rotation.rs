//! What is counted of the rotation of master keys. All of it is about what has happened or is happening; nothing is about
//! when the next rotation comes.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Keys {
    ring: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Begun {
    ring: &'static str,
    cause: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct Rotation {
    leader: Gauge,
    keys: Family<Keys, Gauge>,
    begun: Family<Begun, Counter>,
    rows: Counter,
    remaining: Gauge,
    quarantined: Gauge,
}

impl Rotation {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "rotation_leader",
            "Whether this replica leads the rotation of keys",
            self.leader.clone(),
        );
        registry.register(
            "master_keys",
            "Master keys that are not destroyed, by ring and state",
            self.keys.clone(),
        );
        registry.register(
            "master_key_rotations",
            "Rotations of master keys that this process began, by ring and cause",
            self.begun.clone(),
        );
        registry.register(
            "reencrypted_rows",
            "Rows that were encrypted under a new key, each with its value",
            self.rows.clone(),
        );
        registry.register(
            "environments_to_reencrypt",
            "Environments that are not under the active keys yet",
            self.remaining.clone(),
        );
        registry.register(
            "quarantined_revisions",
            "Revisions that cannot be opened and keep an old key from being destroyed",
            self.quarantined.clone(),
        );
    }
}

impl Metrics {
    /// Whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.0.rotation.leader.set(i64::from(leads));
    }

    /// How many keys of a ring are in a state; both words come from closed sets.
    pub fn master_keys(&self, ring: &'static str, state: &'static str, count: usize) {
        let keys = &self.0.rotation.keys;
        keys.get_or_create(&Keys { ring, state }).set(number(count));
    }

    /// A rotation was begun; both words come from closed sets.
    pub fn rotation_begun(&self, ring: &'static str, cause: &'static str) {
        self.0.rotation.begun.get_or_create(&Begun { ring, cause }).inc();
    }

    /// Rows were re-encrypted.
    pub fn resealed(&self, rows: usize) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.0.rotation.rows.inc_by(rows);
    }

    /// What is left to re-encrypt, and what cannot be.
    pub fn to_reseal(&self, environments: u64, quarantined: usize) {
        let environments = i64::try_from(environments).unwrap_or(i64::MAX);
        self.0.rotation.remaining.set(environments);
        self.0.rotation.quarantined.set(number(quarantined));
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
