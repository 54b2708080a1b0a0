//! What has to be looked at again and again: certificates, bundles, the published sealing key.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use splitvault_crypto::KeyId;
use splitvault_vault::Vault;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Operator, chain};
use crate::pki::Keeper;
use crate::sealing::{self, Life, LifeError};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(30);
/// The same while something is not where it belongs.
const SOON: Duration = Duration::from_secs(2);
/// Between two looks at the ages of sealing keys.
const TEND: Duration = Duration::from_secs(10 * 60);
/// Bounds one look: a connection that went dead must not keep certificates from being renewed.
const DEADLINE: Duration = Duration::from_secs(60);

impl Operator {
    /// Keeps certificates, bundles and the published sealing key as they should be.
    /// Tells when the key is `renewed`.
    pub(super) async fn look(
        self,
        mut keeper: Keeper,
        life: Life,
        vault: Arc<Vault>,
        renewed: watch::Sender<Option<KeyId>>,
    ) {
        let (mut tended, mut searched) = (None::<Instant>, None);
        let looking = async {
            loop {
                if tended.is_none_or(|then| then.elapsed() >= TEND) {
                    tended = Some(Instant::now());
                    let tending = self.tend(&life, &mut searched);
                    if tokio::time::timeout(DEADLINE, tending).await.is_err() {
                        tracing::warn!("looking after the sealing keys takes too long; will try again");
                    }
                }
                let complete = tokio::time::timeout(DEADLINE, self.look_once(&mut keeper, &vault)).await;
                let current = current(&vault);
                renewed.send_if_modified(|known| std::mem::replace(known, current) != current);
                let pause = if complete == Ok(true) { LOOK } else { SOON };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.rotation.started() => {}
                    () = life.renewed() => tended = None,
                }
            }
        };
        self.shutdown.run_until_cancelled(looking).await;
    }

    /// What looks after the sealing keys.
    pub(super) fn sealing_life(&self, vault: &Arc<Vault>) -> Life {
        let pace = self.args.renewal.sealing_key();
        Life::new(self.client.clone(), Arc::clone(vault), pace)
    }

    async fn tend(&self, life: &Life, searched: &mut Option<SystemTime>) {
        match life.tend(searched, SystemTime::now()).await {
            Ok(made) => self.metrics.sealing_key(made.map_or(0, unix)),
            Err(LifeError::NotLeader) => {}
            Err(error) => tracing::error!("{}", chain(&error)),
        }
    }

    async fn look_once(&self, keeper: &mut Keeper, vault: &Vault) -> bool {
        match keeper.look(SystemTime::now()).await {
            Ok(ends) => {
                self.tell_expiry(ends);
                if let Some((made, trusted)) = keeper.authorities() {
                    self.metrics.authorities(unix(made), trusted);
                }
            }
            Err(error) => tracing::error!("{}; what was in use stays in use", chain(&error)),
        }
        self.publish(keeper, vault).await
    }

    /// Whoever waits for the operator may seal and inject at once; Helm makes the webhooks a moment after us.
    pub(super) async fn publish_first(&self, keeper: &Keeper, vault: &Vault) {
        for _ in 0..5 {
            if self.publish(keeper, vault).await || self.shutdown.is_cancelled() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Tells the cluster what it needs to know of us; answers whether everything is where it belongs.
    pub(super) async fn publish(&self, keeper: &Keeper, vault: &Vault) -> bool {
        let hooks = keeper.publish().await;
        let hooks = hooks
            .inspect_err(|error| tracing::error!("{}", chain(error)))
            .unwrap_or(false);
        let pairs = vault.sealing_keys();
        let keys: Vec<_> = pairs.iter().map(|pair| pair.public()).collect();
        let published = sealing::publish(&self.client, &self.args.namespace, &keys).await;
        hooks
            && published
                .inspect_err(|fault| tracing::error!(%fault, "cannot publish the sealing keys"))
                .is_ok()
    }

    pub(super) fn tell_expiry(&self, ends: SystemTime) {
        self.metrics.certificate_expires(unix(ends));
    }
}

/// The sealing key to seal to now.
pub(super) fn current(vault: &Vault) -> Option<KeyId> {
    vault.sealing_keys().first().map(|pair| pair.id())
}

fn unix(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
