//! The rotation of master keys: what drives it.

use std::sync::Arc;

use splitvault_vault::Vault;
use tokio::task::JoinSet;

use super::Operator;
use crate::controller::Suspicions;
use crate::rotation::{self, Rate, Rotator, ScheduleFiles};

impl Operator {
    pub(super) fn rotate(&self, tasks: &mut JoinSet<()>, vault: &Arc<Vault>, suspicions: Suspicions) {
        let rotator = Rotator {
            vault: Arc::clone(vault),
            client: self.client.clone(),
            namespace: self.args.namespace.clone(),
            schedule: ScheduleFiles::new(&self.args.rotation),
            dice: rotation::roll,
            rate: Rate::new(self.args.rotation.rotation_rate),
            metrics: self.metrics.clone(),
            suspicions,
        };
        tasks.spawn(rotation::run(rotator, self.shutdown.clone()));
    }
}
