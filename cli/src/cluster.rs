//! The user's cluster, by the user's kubeconfig.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client, Config};
use splitvault_crypto::sealing::PublicKey;

use crate::args::Cluster;
use crate::fault::Fault;
use crate::output;

/// Where the operator publishes its key.
const CONFIG_MAP: &str = "splitvault-sealing-keys";
/// The key to seal to now.
const CURRENT: &str = "current";
/// For the connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
const OFFLINE: &str = "to seal without a cluster, give the key by --key-file";

/// The namespace of the kubeconfig's context, `default` when it has none.
pub(crate) fn namespace(cluster: &Cluster) -> Result<String, Fault> {
    let config = runtime()?.block_on(config(cluster));
    config.map(|config| config.default_namespace).map_err(|fault| {
        Fault::usage(format!(
            "no namespace: none is given, and no kubeconfig says one: {fault}"
        ))
        .next("give --namespace: the payload opens in no other")
    })
}

/// The key that the operator publishes.
pub(crate) fn sealing_key(cluster: &Cluster) -> Result<PublicKey, Fault> {
    runtime()?.block_on(async {
        let config = config(cluster).await?;
        if config.accept_invalid_certs {
            output::warn(
                "the kubeconfig does not verify the API server's certificate: whoever is in between can make you seal to \
                 a key of theirs",
            );
        }
        fetch(config, &cluster.operator_namespace).await
    })
}

/// The user's cluster, connected to.
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// The namespace of the kubeconfig's context.
    pub(crate) namespace: String,
    /// Where it is, for messages.
    pub(crate) url: String,
}

impl Connection {
    /// By the user's kubeconfig, or a pod's ServiceAccount.
    pub(crate) async fn open(cluster: &Cluster) -> Result<Self, Fault> {
        let config = config(cluster).await?;
        let (url, namespace) = (config.cluster_url.to_string(), config.default_namespace.clone());
        let client = Client::try_from(config)
            .map_err(|error| Fault::failure(format!("cannot use the kubeconfig for {url}: {error}")))?;
        Ok(Self {
            client,
            namespace,
            url,
        })
    }
}

/// Runs a command that talks to the cluster.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    runtime()?.block_on(work)
}

fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Fault::failure(format!("cannot start: {error}")))
}

async fn config(cluster: &Cluster) -> Result<Config, Fault> {
    let options = KubeConfigOptions {
        context: cluster.context.clone(),
        ..KubeConfigOptions::default()
    };
    let read = match &cluster.kubeconfig {
        Some(path) => match Kubeconfig::read_from(path) {
            Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
            Err(error) => Err(error),
        },
        None => Config::from_kubeconfig(&options).await,
    };
    let mut config = match (read, Config::incluster()) {
        (Ok(config), _) => config,
        // A pod, such as a CI job's, has no kubeconfig but a ServiceAccount.
        (Err(_), Ok(config)) if cluster.context.is_none() && cluster.kubeconfig.is_none() => config,
        (Err(error), _) => return Err(no_kubeconfig(&error)),
    };
    config.connect_timeout = Some(PATIENCE);
    config.read_timeout = Some(PATIENCE);
    config.default_retry = false;
    Ok(config)
}

async fn fetch(config: Config, namespace: &str) -> Result<PublicKey, Fault> {
    let url = config.cluster_url.to_string();
    let object = format!("ConfigMap {namespace}/{CONFIG_MAP}");
    let client = Client::try_from(config).map_err(|error| {
        Fault::failure(format!("cannot use the kubeconfig for {url}: {error}")).next(OFFLINE)
    })?;
    let config_maps: Api<ConfigMap> = Api::namespaced(client, namespace);
    let found = config_maps
        .get(CONFIG_MAP)
        .await
        .map_err(|error| refused(&error, &object, &url))?;
    let text = found
        .data
        .and_then(|mut data| data.remove(CURRENT))
        .ok_or_else(|| {
            Fault::failure(format!("{object} at {url} has no key `{CURRENT}`"))
                .next("the operator writes it; see whether it runs: kubectl -n splitvault-system get pods")
        })?;
    text.trim().parse().map_err(|error| {
        Fault::failure(format!(
            "{object} at {url} holds no sealing key under `{CURRENT}`: {error}"
        ))
        .next("is this CLI older than the operator? `splitvault version` tells")
    })
}

fn no_kubeconfig(error: &KubeconfigError) -> Fault {
    Fault::failure(format!("no cluster to ask: {}", chain(error))).next(format!(
        "check KUBECONFIG, --kubeconfig and --context; {OFFLINE} and --namespace"
    ))
}

fn refused(error: &kube::Error, object: &str, url: &str) -> Fault {
    let kube::Error::Api(status) = error else {
        let message = format!("cannot read {object}: {url} does not answer: {}", chain(error));
        return Fault::failure(message).next(format!("check the kubeconfig's context; {OFFLINE}"));
    };
    let (message, next) = match status.code {
        404 => (
            "is not there",
            "is Splitvault installed, and in this namespace (--operator-namespace)?",
        ),
        403 => (
            "may not be read by you",
            "ask for the Role splitvault-sealing-keys, or for the key itself (--key-file)",
        ),
        401 => (
            "was refused: you are not logged in",
            "log in to the cluster again",
        ),
        _ => ("cannot be read", OFFLINE),
    };
    let detail = &status.message;
    Fault::failure(format!("{object} at {url} {message}: {detail}")).next(next)
}

/// An error and its causes, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
