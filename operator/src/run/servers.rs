//! The two servers: what each is made of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use splitvault_vault::Vault;
use tokio::task::JoinSet;

use super::{Operator, bind};
use crate::consent::Consent;
use crate::delivery::{self, Board, Deliveries};
use crate::events::Events;
use crate::image::Images;
use crate::latest::Latest;
use crate::names::VaultNames;
use crate::serve::{Limits, serve};
use crate::{controller, inject, webhook};

const NO_TLS: &str = "cannot set up TLS 1.3";
/// Open files for everything but those who wait: other connections, databases.
const OTHER_FILES: usize = 4096;

/// How many sidecars may wait, given how many are to and how many files may be open. Raises that limit as far as it
/// goes: container runtimes start processes with 1,024, for the sake of programs that use `select`.
fn waiting(many: u16) -> usize {
    let many = usize::from(many);
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(many + OTHER_FILES).unwrap_or(u64::MAX);
    let current = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let current = limit.current.map_or(wanted, |before| before.max(current));
    let raised = Rlimit {
        current: Some(current),
        maximum: limit.maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => Some(current),
        Err(_) => limit.current,
    };
    let files = files.and_then(|files| usize::try_from(files).ok());
    let most = files.map_or(many, |files| files.saturating_sub(OTHER_FILES).min(many));
    tracing::info!(most, "sidecars that may wait for changes");
    most
}

impl Operator {
    fn consent(&self) -> Consent {
        Consent::to(self.args.passages.iter().cloned())
    }

    pub(super) async fn serve_delivery(
        &self,
        tasks: &mut JoinSet<()>,
        vault: &Arc<Vault>,
        events: &Arc<Events>,
        suspicions: controller::Suspicions,
        latest: Latest,
    ) -> anyhow::Result<()> {
        let board = Board::default();
        let deliveries = Deliveries {
            client: self.client.clone(),
            latest: latest.clone(),
            vault: Arc::clone(vault),
            events: Arc::clone(events),
            metrics: self.metrics.clone(),
            bundle: self.certificates.bundle(),
            trusted: self.certificates.trusted(),
            suspicions,
            consent: self.consent(),
            board: board.clone(),
            shutdown: self.shutdown.clone(),
        };
        tasks.spawn(delivery::follow(
            self.client.clone(),
            latest,
            board,
            self.shutdown.clone(),
        ));
        let limits = Limits {
            name: "delivery",
            connections: 1024,
            bench: waiting(self.args.pace.waiting),
            // A sidecar asks a question or two on each.
            age: Duration::from_secs(60),
        };
        let config = self.certificates.server_config().context(NO_TLS)?;
        let (address, router) = (self.args.listen.delivery_listen, delivery::router(deliveries));
        self.serve(tasks, address, router, config, limits).await
    }

    pub(super) async fn serve_webhook(
        &self,
        tasks: &mut JoinSet<()>,
        vault: &Arc<Vault>,
        latest: Latest,
    ) -> anyhow::Result<()> {
        let sidecar = &self.args.sidecar;
        let config = inject::InjectConfig {
            image: sidecar.image.clone(),
            pull_policy: sidecar.pull_policy.clone(),
            operator_url: self.args.operator_url(),
            log_level: sidecar.log.clone(),
            environment_files: sidecar.environment_files.decided(),
        };
        let settings = self.args.image_lookup.settings()?;
        let images = settings.map(|settings| Images::new(settings, self.metrics.clone()));
        let state = webhook::WebhookState {
            client: self.client.clone(),
            latest,
            names: Arc::new(VaultNames(Arc::clone(vault))),
            images: images.transpose()?,
            config: Arc::new(config),
            ca: self.certificates.bundle(),
            stamps: Arc::clone(vault) as _,
            namespace: self.args.namespace.clone(),
            consent: self.consent(),
            metrics: self.metrics.clone(),
        };
        let limits = Limits {
            name: "webhook",
            connections: 256,
            bench: 0,
            // The API server keeps its own, and connects anew.
            age: Duration::from_secs(10 * 60),
        };
        let clients = self.args.webhook_clients.verifier()?;
        let config = self.certificates.server_config_for(clients).context(NO_TLS)?;
        let (address, router) = (self.args.listen.webhook_listen, webhook::router(state));
        self.serve(tasks, address, router, config, limits).await
    }

    async fn serve(
        &self,
        tasks: &mut JoinSet<()>,
        address: SocketAddr,
        router: axum::Router,
        config: Arc<ServerConfig>,
        limits: Limits,
    ) -> anyhow::Result<()> {
        let listener = bind(address).await?;
        let (metrics, shutdown) = (self.metrics.clone(), self.shutdown.clone());
        tracing::info!(server = limits.name, listen = %listener.local_addr()?, "listening");
        tasks.spawn(async move {
            if let Err(error) = serve(listener, router, config, limits, metrics, shutdown).await {
                tracing::error!(%error, server = limits.name, "the server failed");
            }
        });
        Ok(())
    }
}
