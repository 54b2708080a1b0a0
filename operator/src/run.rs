//! Composition: from arguments to a running operator, and down again.
//!
//! A part that is missing keeps the process waiting, not ready, and saying what for: exiting would only make
//! Kubernetes restart it, with less to be seen.

mod consumers;
mod ending;
mod probe;
mod requests;
mod rotation;
mod servers;
mod upkeep;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use kube::{Client, Config};
use rustls::ClientConfig;
use splitvault_crypto::sealing::PublicKey;
use splitvault_values::grpc::RemoteValues;
use splitvault_values::grpc::tls::channel;
use splitvault_values::{ValueStore, arm_failpoints};
use splitvault_vault::{LifeStore as _, OpenError, SqliteKeys, Vault};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::args::Args;
use crate::events::Events;
use crate::health::{Part, Readiness};
use crate::kek::Providers;
use crate::latest::Latest;
use crate::metrics::Metrics;
use crate::missed::Missed;
use crate::pki::{Certificates, Keeper, Names, Rotation};
use crate::restart::Rolls;
use crate::{controller, health, kek, logs, sweep};

/// The longest pause between two attempts to get a part.
const PATIENCE: Duration = Duration::from_secs(15);

/// Does what the command line says, until SIGTERM.
///
/// # Errors
/// What keeps the process from doing anything at all, such as an address in use. A missing key or database does
/// not: it waits, not ready, and says what for.
pub fn run(args: Args) -> anyhow::Result<()> {
    // A second installation in one process (tests) is no fault.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    arm_failpoints();
    logs::start(&args.log, args.log_format)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(operate(args))
}

async fn operate(args: Args) -> anyhow::Result<()> {
    let escrow = args.escrow.recipient()?;
    let shutdown = ending::stop_on_signals().context("cannot listen for signals")?;
    let (metrics, readiness) = (Metrics::new(), Readiness::default());
    let health = bind(args.listen.health_listen).await?;
    tracing::info!(health = %health.local_addr()?, version = env!("CARGO_PKG_VERSION"), "starting");
    let end = CancellationToken::new();
    let health = tokio::spawn(health::serve(
        health,
        readiness.clone(),
        metrics.clone(),
        end.clone(),
    ));
    let client = client().await?;
    let operator = Operator {
        rotation: Rotation::new(client.clone(), &args.namespace, args.renewal.authority()),
        client,
        store: args.store_address()?,
        keks: Providers::new(args.keks.rings()?),
        escrow,
        args: Arc::new(args),
        certificates: Certificates::default(),
        metrics,
        readiness,
        shutdown: shutdown.clone(),
    };
    let watching = tokio::spawn(operator.keks.clone().watch(operator.metrics.clone()));
    let worked = match shutdown.run_until_cancelled(operator.open()).await {
        Some(vault) => operator.work(vault).await,
        None => Ok(()),
    };
    end.cancel();
    watching.abort();
    health.abort();
    tracing::info!("stopped");
    worked
}

/// The API server ends a watch after 290 s at the latest; what is silent for longer is dead and is connected anew.
async fn client() -> anyhow::Result<Client> {
    let mut config = Config::infer().await.context("cannot find the cluster")?;
    config.read_timeout = Some(Duration::from_secs(295));
    Client::try_from(config).context("cannot set up the connection to the cluster")
}

#[derive(Clone)]
struct Operator {
    args: Arc<Args>,
    store: String,
    keks: Providers,
    /// To whom destroyed master keys are sealed.
    escrow: Option<PublicKey>,
    client: Client,
    certificates: Certificates,
    /// For whoever may ask for a rotation of the CA.
    rotation: Rotation,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: CancellationToken,
}

impl Operator {
    /// Certificates, keys, database: in this order, because the channel to the store needs the first.
    async fn open(&self) -> Opened {
        let mut keeper = self.keeper();
        let ends = self.persist(Part::Certificates, async || keeper.look(SystemTime::now()).await);
        self.tell_expiry(ends.await);
        self.readiness.ready(Part::Certificates);
        let values: Arc<dyn ValueStore> = self.persist(Part::Certificates, async || self.values()).await;
        let (database, namespace) = (&self.args.database, &self.args.namespace);
        let vault = self.persist(Part::Database, async || {
            let keys = Arc::new(SqliteKeys::open(database).await?);
            let in_use = keys.root().await?.as_ref().is_some_and(kek::has_file_keys);
            let keks = self.keks.keks(&self.client, namespace, in_use).await;
            let keks = keks.inspect_err(|error| self.readiness.missing(Part::Kek, chain(error)))?;
            let vault = Vault::open(keys, Arc::clone(&values), keks).await;
            let vault = vault.inspect_err(|error| self.tell_kek(error))?;
            self.readiness.ready(Part::Kek);
            if let Some(witness) = self.witness() {
                witness.check(&vault).await?;
            }
            // Until the others know of this one, a key may become active that it does not have.
            vault.beat(SystemTime::now()).await?;
            anyhow::Ok(vault.with_escrow(self.escrow.clone()))
        });
        let vault = Arc::new(vault.await);
        if let Some(recipient) = &self.escrow {
            tracing::info!(recipient = %recipient.id(), "destroyed master keys are escrowed");
        }
        self.readiness.ready(Part::Database);
        Opened {
            vault,
            values,
            keeper,
        }
    }

    /// A provider that does not unwrap is a matter of key-encryption keys; anything else, of the database.
    fn tell_kek(&self, error: &OpenError) {
        match error {
            OpenError::KekWrong { .. } | OpenError::Kek { .. } => {
                self.readiness.missing(Part::Kek, error.to_string());
            }
            OpenError::Keys(_)
            | OpenError::Damaged { .. }
            | OpenError::Missing { .. }
            | OpenError::Random => self.readiness.ready(Part::Kek),
        }
    }

    fn keeper(&self) -> Keeper {
        let (namespace, service) = (&self.args.namespace, &self.args.service);
        let names = Names::of_services(namespace, service, "splitvault-store");
        let (client, certificates) = (self.client.clone(), self.certificates.clone());
        let probe = Arc::new(probe::StoreProbe(self.store.clone()));
        Keeper::new(client, names, certificates, self.args.renewal.authority(), probe)
    }

    fn values(&self) -> anyhow::Result<Arc<dyn ValueStore>> {
        let first = self.certificates.client().context("no client certificate yet")?;
        let certificates = self.certificates.clone();
        let config =
            move || -> Arc<ClientConfig> { certificates.client().unwrap_or_else(|| Arc::clone(&first)) };
        Ok(Arc::new(RemoteValues::new(channel(
            &self.store,
            host(&self.store),
            config,
        )?)))
    }

    /// Serves and reconciles until told to stop or until a part of it ends, then lets what is in flight finish, within bounds.
    async fn work(&self, opened: Opened) -> anyhow::Result<()> {
        let Opened {
            vault,
            values,
            keeper,
        } = opened;
        let events = Arc::new(Events::new(self.client.clone(), self.args.pod_name.clone()));
        let (suspicions, suspected) = controller::suspicions();
        let mut tasks = JoinSet::new();
        let latest = Latest::new(self.client.clone());
        self.serve_delivery(&mut tasks, &vault, &events, suspicions.clone(), latest.clone())
            .await?;
        self.serve_webhook(&mut tasks, &vault, latest).await?;
        self.publish_first(&keeper, &vault).await;
        self.readiness.ready(Part::Servers);
        tracing::info!("serving");
        self.answer_requests(&mut tasks, &vault, &events, suspicions.clone());
        let rolls = self.restart(&mut tasks, &events, suspicions.clone());
        let missed = self.search(&mut tasks, &vault, &events, suspicions.clone());
        self.rotate(&mut tasks, &vault, suspicions);
        let context = self.controller(&vault, events, rolls, missed);
        let (renews, renewed) = watch::channel(upkeep::current(&vault));
        let concurrency = self.args.pace.concurrency;
        tasks.spawn(controller::run(
            context,
            suspected,
            renewed,
            concurrency,
            self.shutdown.clone(),
        ));
        let (keks, shutdown) = (self.keks.clone(), self.shutdown.clone());
        tasks.spawn(kek::run(Arc::clone(&vault), keks, shutdown));
        tasks.spawn(
            self.clone()
                .look(keeper, self.sealing_life(&vault), Arc::clone(&vault), renews),
        );
        tasks.spawn(sweep::run(
            self.client.clone(),
            vault,
            self.metrics.clone(),
            self.shutdown.clone(),
        ));
        tasks.spawn(sweep::probe(values, self.metrics.clone(), self.shutdown.clone()));
        let ended = ending::wait(&mut tasks, &self.shutdown).await;
        self.readiness.missing(Part::Servers, "stopping");
        tracing::info!("stopping");
        self.shutdown.cancel();
        if !ending::drain(tasks, self.args.pace.drain).await {
            tracing::warn!("what was still in flight was cut off");
        }
        Ok(ended?)
    }

    fn controller(
        &self,
        vault: &Arc<Vault>,
        events: Arc<Events>,
        rolls: Rolls,
        missed: Missed,
    ) -> controller::Context {
        controller::Context {
            client: self.client.clone(),
            vault: Arc::clone(vault),
            events,
            metrics: self.metrics.clone(),
            poll: self.args.pace.poll,
            followed: controller::Followed::default(),
            grantee: format!("{}:{}", self.args.namespace, self.args.service_account),
            room: controller::Room::default(),
            tally: controller::Tally::default(),
            outputs: controller::Outputs::default(),
            rolls,
            missed,
        }
    }

    /// Tries until it works; says why it does not, once for each reason.
    async fn persist<T, E: Into<anyhow::Error>>(
        &self,
        part: Part,
        mut attempt: impl AsyncFnMut() -> Result<T, E>,
    ) -> T {
        let mut pause = Duration::from_millis(500);
        loop {
            let why = match attempt().await {
                Ok(got) => return got,
                Err(error) => format!("{:#}", error.into()),
            };
            tracing::error!(part = ?part, "{why}; will try again");
            self.readiness.missing(part, why);
            tokio::time::sleep(pause).await;
            pause = PATIENCE.min(pause * 2);
        }
    }
}

struct Opened {
    vault: Arc<Vault>,
    values: Arc<dyn ValueStore>,
    keeper: Keeper,
}

/// The host of `HOST:PORT`.
fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}
