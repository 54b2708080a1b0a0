//! What is done about pods and the workloads that make them.

use std::sync::Arc;

use splitvault_vault::Vault;
use tokio::task::JoinSet;

use super::Operator;
use crate::controller::Suspicions;
use crate::events::Events;
use crate::missed::{self, Missed, Scanner};
use crate::restart::{self, Roller, Rolls, Work};

impl Operator {
    /// Answers where the controller says what is to be restarted.
    pub(super) fn restart(&self, tasks: &mut JoinSet<()>, events: &Arc<Events>, moved: Suspicions) -> Rolls {
        let rolls = Rolls::default();
        let roller = Roller {
            client: self.client.clone(),
            rolls: rolls.clone(),
            pace: self.args.restart.pace(),
            events: Arc::clone(events),
            metrics: self.metrics.clone(),
            moved,
            work: Work::default(),
        };
        tasks.spawn(restart::run(roller, self.shutdown.clone()));
        rolls
    }

    /// Answers where the controller reads which pods started without their variables.
    pub(super) fn search(
        &self,
        tasks: &mut JoinSet<()>,
        vault: &Arc<Vault>,
        events: &Arc<Events>,
        moved: Suspicions,
    ) -> Missed {
        let found = Missed::default();
        let scanner = Scanner {
            client: self.client.clone(),
            watchman: Arc::clone(vault) as _,
            pace: self.args.restart.search(),
            namespace: self.args.namespace.clone(),
            found: found.clone(),
            events: Arc::clone(events),
            metrics: self.metrics.clone(),
            moved,
        };
        tasks.spawn(missed::run(scanner, self.shutdown.clone()));
        found
    }
}
