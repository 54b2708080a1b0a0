//! The controller of VaultRequests: what it is made of.

use std::sync::Arc;

use splitvault_vault::Vault;
use tokio::task::JoinSet;

use super::Operator;
use crate::controller;
use crate::events::Events;
use crate::requests::{self, StampKey};

impl Operator {
    pub(super) fn answer_requests(
        &self,
        tasks: &mut JoinSet<()>,
        vault: &Arc<Vault>,
        events: &Arc<Events>,
        key: Arc<dyn StampKey>,
        changed: controller::Suspicions,
    ) {
        let context = requests::Context {
            client: self.client.clone(),
            vault: Arc::clone(vault),
            key,
            events: Arc::clone(events),
            metrics: self.metrics.clone(),
            changed,
            namespace: self.args.namespace.clone(),
            bounds: requests::Bounds::default(),
        };
        tasks.spawn(requests::run(context, self.shutdown.clone()));
    }
}
