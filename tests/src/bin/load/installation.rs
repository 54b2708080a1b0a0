//! An operator and a store of their own, as two processes over two databases in a directory that goes with them.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::{Value, json};
use splitvault_crypto::sealing::{Context, PublicKey};
use tempfile::TempDir;

use crate::api::Api;
use crate::connection::{Authority, From, Server};
use crate::figures::Process;
use crate::pods::{self, NAMESPACE, VAULT_SECRETS};

const SYSTEM: &str = "splitvault-system";
const PATIENCE: Duration = Duration::from_secs(60);

/// The programs to start.
pub(crate) struct Programs {
    pub(crate) operator: PathBuf,
    pub(crate) store: PathBuf,
}

/// Ends when it is dropped.
pub(crate) struct Installation {
    pub(crate) api: Api,
    operator: Child,
    store: Child,
    webhook: SocketAddr,
    delivery: SocketAddr,
    bundle: String,
    _directory: TempDir,
}

impl Installation {
    /// Starts everything, with [`VAULT_SECRETS`] of twenty variables each that are stored, and pods that ask for them.
    pub(crate) async fn start(programs: &Programs) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let authority = Authority::new()?;
        let (api, address) = Api::start(&authority).await?;
        let [webhook, delivery, store] = [free()?, free()?, free()?];
        let kubeconfig = directory.path().join("kubeconfig");
        fs::write(&kubeconfig, config(address, &authority))?;
        let operator = Command::new(&programs.operator)
            .env("KUBECONFIG", &kubeconfig)
            .env("SPLITVAULT_NAMESPACE", SYSTEM)
            .env(
                "SPLITVAULT_SIDECAR_IMAGE",
                "registry.example/splitvault-sidecar:1",
            )
            .env("SPLITVAULT_DATABASE", directory.path().join("keys.db"))
            .env(
                "SPLITVAULT_STORE",
                format!("https://splitvault-store:{}", store.port()),
            )
            .env("SPLITVAULT_WEBHOOK_LISTEN", webhook.to_string())
            .env("SPLITVAULT_DELIVERY_LISTEN", delivery.to_string())
            .env("SPLITVAULT_HEALTH_LISTEN", "127.0.0.1:0")
            .env("MIMALLOC_ALLOW_THP", "0")
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("operator.log"))?)
            .spawn()
            .context("starting the operator")?;
        let tls = directory.path().join("tls");
        fs::create_dir(&tls)?;
        let secret = format!("/api/v1/namespaces/{SYSTEM}/secrets/splitvault-store-tls");
        let secret = until("the store's certificate", || api.get(&secret)).await?;
        for file in ["ca.crt", "tls.crt", "tls.key"] {
            fs::write(tls.join(file), decoded(&secret["data"][file])?)?;
        }
        let bundle = String::from_utf8(decoded(&secret["data"]["ca.crt"])?)?;
        let store = Command::new(&programs.store)
            .env("SPLITVAULT_DATABASE", directory.path().join("values.db"))
            .env("SPLITVAULT_LISTEN", store.to_string())
            .env("SPLITVAULT_HEALTH_LISTEN", "127.0.0.1:0")
            .env("SPLITVAULT_TLS_DIR", &tls)
            .env("MIMALLOC_ALLOW_THP", "0")
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("store.log"))?)
            .spawn()
            .context("starting the store")?;
        let installation = Self {
            api,
            operator,
            store,
            webhook,
            delivery,
            bundle,
            _directory: directory,
        };
        installation.fill().await?;
        Ok(installation)
    }

    /// Makes the VaultSecrets, waits until they are stored, and makes the pods.
    async fn fill(&self) -> Result<()> {
        let path = format!("/api/v1/namespaces/{SYSTEM}/configmaps/splitvault-sealing-keys");
        let keys = until("the sealing key", || self.api.get(&path)).await?;
        let key = keys["data"]["current"].as_str().context("no key")?;
        let key: PublicKey = key.parse()?;
        for number in 0..VAULT_SECRETS {
            let name = pods::vault_secret(number);
            self.api
                .put(&path_of(&name), sealed(&name, &key, &pods::variables())?);
        }
        for number in 0..VAULT_SECRETS {
            let path = path_of(&pods::vault_secret(number));
            until("all VaultSecrets to be stored", || {
                let object = self.api.get(&path)?;
                object["status"]["digest"].is_string().then_some(())
            })
            .await?;
        }
        let review: Value = serde_json::from_slice(REVIEW)?;
        let mut pod = review["request"]["object"].clone();
        let mut webhook = self.webhook(b"h2")?.two(From(0)).await?;
        let answer: Value = serde_json::from_slice(&webhook.ask(review_request()?).await?)?;
        ensure!(
            answer["response"]["allowed"] == true,
            "the pod is refused: {answer}"
        );
        let patch = serde_json::from_slice::<json_patch::Patch>(&decoded(&answer["response"]["patch"])?)?;
        json_patch::patch(&mut pod, &patch)?;
        pod["metadata"]["name"] = json!(pods::NAME);
        pod["metadata"]["uid"] = json!(pods::UID);
        pod["status"] = json!({"phase": "Running", "podIP": "10.244.0.10", "hostIP": "10.0.0.1", "qosClass": "Burstable"});
        self.api.put_pods(&pod);
        Ok(())
    }

    /// Has a VaultSecret have another content.
    pub(crate) fn change(&self, number: u32, content: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{SYSTEM}/configmaps/splitvault-sealing-keys");
        let keys = self.api.get(&path).context("no sealing key")?;
        let key = keys["data"]["current"].as_str().context("no key")?;
        let key: PublicKey = key.parse()?;
        let name = pods::vault_secret(number);
        let mut object = self.api.get(&path_of(&name)).context("no VaultSecret")?;
        object["spec"] = sealed(&name, &key, content)?["spec"].take();
        let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
        object["metadata"]["generation"] = json!(generation + 1);
        self.api.put(&path_of(&name), object);
        Ok(())
    }

    pub(crate) fn webhook(&self, protocol: &[u8]) -> Result<Server> {
        Server::new(self.webhook, "splitvault-operator", &self.bundle, protocol)
    }

    pub(crate) fn delivery(&self) -> Result<Server> {
        Server::new(self.delivery, "splitvault-operator", &self.bundle, b"http/1.1")
    }

    pub(crate) fn operator(&self) -> Process {
        Process {
            name: "operator",
            pid: self.operator.id(),
        }
    }

    /// All whose CPU time counts.
    pub(crate) fn processes(&self) -> [Process; 3] {
        let store = Process {
            name: "store",
            pid: self.store.id(),
        };
        [self.operator(), store, Process::own()]
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        for child in [&mut self.operator, &mut self.store] {
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// What an API server asks when a controller makes a typical pod.
pub(crate) const REVIEW: &[u8] = include_bytes!("review.json");

/// The same as a request, as compact as an API server writes it.
pub(crate) fn review_request() -> Result<Request<http_body_util::Full<bytes::Bytes>>> {
    let review: Value = serde_json::from_slice(REVIEW)?;
    let request = Request::post("https://splitvault-operator/mutate-pods?timeout=10s")
        .header("content-type", "application/json")
        .header("accept", "application/json, */*")
        .header("user-agent", "kube-apiserver-admission");
    Ok(request.body(bytes::Bytes::from(review.to_string()).into())?)
}

fn config(api: SocketAddr, authority: &Authority) -> String {
    let cluster = json!({"server": format!("https://{api}"), "certificate-authority-data": STANDARD.encode(authority.pem())});
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "load",
        "clusters": [{"name": "load", "cluster": cluster}],
        "users": [{"name": "load", "user": {"token": "load"}}],
        "contexts": [{"name": "load", "context": {"cluster": "load", "user": "load"}}],
    })
    .to_string()
}

fn path_of(vault_secret: &str) -> String {
    format!("/apis/splitvault.dev/v1alpha1/namespaces/{NAMESPACE}/vaultsecrets/{vault_secret}")
}

/// A VaultSecret as it is after `splitvault seal … | kubectl apply`, which writes down what it did.
fn sealed(name: &str, key: &PublicKey, content: &str) -> Result<Value> {
    let context = Context::Manifest {
        namespace: NAMESPACE,
        name,
    };
    let payload = key
        .seal(&context, content.as_bytes())
        .map_err(anyhow::Error::msg)?;
    let mut object = json!({
        "apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"source": {"sealed": {"keyID": key.id().to_string(), "payload": STANDARD.encode(payload)}}},
    });
    let applied = object.to_string();
    let metadata = &mut object["metadata"];
    metadata["generation"] = json!(1);
    metadata["creationTimestamp"] = json!("2026-11-01T10:00:00Z");
    metadata["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
    metadata["managedFields"] = json!([{
        "apiVersion": "splitvault.dev/v1alpha1", "manager": "kubectl-client-side-apply", "operation": "Update",
        "time": "2026-11-01T10:00:00Z", "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}},
            "f:spec": {".": {}, "f:source": {".": {}, "f:sealed": {".": {}, "f:keyID": {}, "f:payload": {}}}},
        },
    }, {
        "apiVersion": "splitvault.dev/v1alpha1", "manager": "splitvault", "operation": "Apply", "subresource": "status",
        "time": "2026-11-01T10:00:01Z", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:status": {
            "f:conditions": {"k:{\"type\":\"Ready\"}": {".": {}, "f:lastTransitionTime": {}, "f:message": {}, "f:reason": {}, "f:status": {}}},
            "f:digest": {}, "f:entries": {}, "f:observedGeneration": {}, "f:revision": {},
        }},
    }]);
    Ok(object)
}

fn decoded(base64: &Value) -> Result<Vec<u8>> {
    Ok(STANDARD.decode(base64.as_str().context("no base64")?)?)
}

/// A port of loopback that nobody uses.
fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
