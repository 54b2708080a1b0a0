//! The controller of VaultRequests: what it is made of.

use std::sync::Arc;

use splitvault_vault::Vault;
use tokio::task::JoinSet;

use super::Operator;
use crate::events::Events;
use crate::{controller, requests};

impl Operator {
    pub(super) fn answer_requests(
        &self,
        tasks: &mut JoinSet<()>,
        vault: &Arc<Vault>,
        events: &Arc<Events>,
        changed: controller::Suspicions,
    ) {
        let context = requests::Context {
            client: self.client.clone(),
            vault: Arc::clone(vault),
            key: Arc::clone(vault) as _,
            authority: self.rotation.clone(),
            events: Arc::clone(events),
            metrics: self.metrics.clone(),
            changed,
            namespace: self.args.namespace.clone(),
            ceiling: self.args.rotation.rotation_max_age,
            bounds: requests::Bounds::default(),
        };
        tasks.spawn(requests::run(context, self.shutdown.clone()));
    }
}
