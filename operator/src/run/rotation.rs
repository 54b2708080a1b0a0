//! The rotation of master keys: what drives it.

use std::sync::Arc;

use splitvault_vault::Vault;
use tokio::task::JoinSet;

use super::Operator;
use crate::controller::Suspicions;
use crate::rotation::{self, Rate, Rotator, ScheduleFiles};
use crate::witness::Witness;

impl Operator {
    pub(super) fn rotate(&self, tasks: &mut JoinSet<()>, vault: &Arc<Vault>, suspicions: Suspicions) {
        let rotator = Rotator {
            vault: Arc::clone(vault),
            witness: self.witness(),
            schedule: ScheduleFiles::new(&self.args.rotation),
            dice: rotation::roll,
            rate: Rate::new(self.args.rotation.rotation_rate),
            metrics: self.metrics.clone(),
            suspicions,
        };
        tasks.spawn(rotation::run(rotator, self.shutdown.clone()));
    }

    /// What remembers the end of the key log; a database that goes with the process is not to be remembered by the next.
    pub(super) fn witness(&self) -> Option<Witness> {
        let (client, namespace) = (&self.client, &self.args.namespace);
        (!self.args.ephemeral).then(|| Witness::new(client.clone(), namespace))
    }
}
