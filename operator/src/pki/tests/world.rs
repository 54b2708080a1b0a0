//! Two operators, a store, the API server's webhook client and sidecars: each with the certificates that it has at a
//! moment, and real handshakes between them.

use std::collections::HashSet;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConnection, RootCertStore, ServerConnection};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};

use super::*;
use crate::fixture::Server;

pub(super) const AUTHORITY: &str = "/api/v1/namespaces/vault/secrets/splitvault-ca";
const STORE: &str = "/api/v1/namespaces/vault/secrets/splitvault-store-tls";
const OPERATOR_NAME: &str = "splitvault-operator.vault.svc";
const STORE_NAME: &str = "splitvault-store.vault.svc";
const HOOKS: [(&str, &str); 2] = [
    (
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/splitvault",
        "MutatingWebhookConfiguration",
    ),
    (
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/splitvault",
        "ValidatingWebhookConfiguration",
    ),
];

/// Short enough that all of it lies in the hour by which certificates are valid before they are made.
pub(super) const PACE: Pace = Pace {
    max_age: Duration::from_secs(600),
    announce: Duration::from_secs(60),
    overlap: Duration::from_secs(60),
};
/// An operator looks at least this often, and the API server follows its own objects within it.
const LOOK: Duration = Duration::from_secs(30);

/// The store's TLS, as kubelet brought it.
#[derive(Default)]
struct Store(Mutex<Option<Arc<ServerConfig>>>);

#[async_trait::async_trait]
impl Probe for Store {
    async fn admits(&self, config: Arc<ClientConfig>) -> bool {
        let server = self.0.lock().unwrap().clone();
        server.is_some_and(|server| shakes(config, server, STORE_NAME))
    }
}

struct Replica {
    keeper: Keeper,
    certificates: Certificates,
    looked: SystemTime,
}

pub(super) struct World {
    pub(super) server: Server,
    pub(super) now: SystemTime,
    replicas: Vec<Replica>,
    store: Arc<Store>,
    /// What the API server expects of the webhook.
    hooks: String,
    /// What sidecars expect of the delivery API, one that never refreshed first.
    pub(super) sidecars: Vec<String>,
    /// Handshakes that were seen to succeed.
    seen: HashSet<(Vec<u8>, String)>,
}

impl World {
    pub(super) async fn new() -> Self {
        let (server, now) = (Server::default(), SystemTime::now());
        for (path, kind) in HOOKS {
            let hooks = json!([{"name": "a", "clientConfig": {}, "sideEffects": "None", "admissionReviewVersions": ["v1"]}]);
            let object = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "webhooks": hooks,
                "metadata": {"name": "splitvault", "resourceVersion": "1"}});
            server.put(path, object);
        }
        let mut world = Self {
            server,
            now,
            replicas: Vec::new(),
            store: Arc::default(),
            hooks: String::new(),
            sidecars: Vec::new(),
            seen: HashSet::new(),
        };
        for at in 0..2 {
            world.start(at);
            world.look(at).await;
        }
        world.tick(Duration::from_secs(1)).await;
        world.sync();
        world.admit(0);
        world.check();
        world
    }

    /// A new process in the place of replica `at`.
    fn start(&mut self, at: usize) {
        let certificates = Certificates::default();
        let names = Names::of_services("vault", "splitvault-operator", "splitvault-store");
        let probe = Arc::clone(&self.store) as Arc<dyn Probe>;
        let keeper = Keeper::new(self.server.client(), names, certificates.clone(), PACE, probe);
        let replica = Replica {
            keeper,
            certificates,
            looked: self.now,
        };
        self.replicas.truncate(at.max(self.replicas.len()));
        if at < self.replicas.len() {
            self.replicas[at] = replica;
        } else {
            self.replicas.push(replica);
        }
    }

    pub(super) async fn look(&mut self, at: usize) {
        let now = self.now;
        let replica = &mut self.replicas[at];
        replica.keeper.look(now).await.unwrap();
        replica.keeper.publish().await.unwrap();
        replica.looked = now;
    }

    /// Both look at the same moment, request by request in turn.
    pub(super) async fn look_together(&mut self) {
        let now = self.now;
        let [one, two] = &mut self.replicas[..] else {
            unreachable!()
        };
        let (one_looked, two_looked) = tokio::join!(one.keeper.look(now), two.keeper.look(now));
        one_looked.unwrap();
        two_looked.unwrap();
        (one.looked, two.looked) = (now, now);
    }

    /// Replica `at` is killed after some more writes and is started again.
    pub(super) async fn crash(&mut self, at: usize, writes: usize) {
        self.server.cut_after(writes);
        let _cut = self.replicas[at].keeper.look(self.now).await;
        let _cut = self.replicas[at].keeper.publish().await;
        self.server.relent();
        self.start(at);
        self.look(at).await;
    }

    pub(super) fn rotation(&self) -> Rotation {
        Rotation::new(self.server.client(), "vault", PACE)
    }

    /// Kubelet brings the store its Secret.
    pub(super) fn sync(&mut self) {
        let secret = self.server.object(STORE);
        let file = |name: &str| STANDARD.decode(secret["data"][name].as_str().unwrap()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&file("tls.key")).unwrap();
        let chain = CertificateDer::pem_slice_iter(&file("tls.crt")).collect::<Result<_, _>>();
        let roots = Arc::new(roots(std::str::from_utf8(&file("ca.crt")).unwrap()));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain.unwrap(), key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        *self.store.0.lock().unwrap() = Some(Arc::new(config));
    }

    /// Time passes; whoever was not looked after for long is.
    pub(super) async fn tick(&mut self, by: Duration) {
        self.hooks = self.published();
        self.now += by;
        for at in 0..self.replicas.len() {
            if self.replicas[at].looked + LOOK <= self.now {
                self.look(at).await;
            }
        }
    }

    fn published(&self) -> String {
        let both = HOOKS.map(|(path, _)| {
            let hooks: Value = self.server.object(path);
            let bundle = hooks["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap();
            String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap()
        });
        both[0].clone()
    }

    /// A pod is injected by replica `at`, and never asks for a refresh.
    pub(super) fn admit(&mut self, at: usize) {
        let bundle = self.replicas[at].certificates.bundle().load_full();
        self.sidecars.push(bundle.to_string());
    }

    /// Sidecar `which` gets what replica `at` hands out now.
    pub(super) fn refresh(&mut self, which: usize, at: usize) {
        let which = which % self.sidecars.len();
        if which > 0 {
            self.sidecars[which] = self.replicas[at].certificates.bundle().load_full().to_string();
        }
    }

    /// How many CAs are trusted.
    pub(super) fn trusted(&self) -> usize {
        self.bundle().matches("BEGIN CERTIFICATE").count()
    }

    pub(super) fn bundle(&self) -> String {
        let bundle = self.server.object(AUTHORITY)["data"]["ca.crt"].clone();
        String::from_utf8(STANDARD.decode(bundle.as_str().unwrap()).unwrap()).unwrap()
    }

    /// Each pair of those that talk to one another gets along.
    pub(super) fn check(&mut self) {
        let mut clients = self.sidecars.clone();
        clients.push(self.hooks.clone());
        for at in 0..self.replicas.len() {
            let certificates = &self.replicas[at].certificates;
            let shown = certificates.0.server.load_full().unwrap();
            let leaf = shown.end_entity_cert().unwrap().to_vec();
            for bundle in &clients {
                if self.seen.insert((leaf.clone(), bundle.clone())) {
                    let server = certificates.server_config().unwrap();
                    assert!(
                        shakes(trusting(bundle), server, OPERATOR_NAME),
                        "operator {at}: {bundle}"
                    );
                }
            }
            let store = self.store.0.lock().unwrap().clone().unwrap();
            let client = certificates.client().unwrap();
            assert!(shakes(client, store, STORE_NAME), "operator {at} and the store");
        }
    }
}

fn roots(bundle: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

/// As a sidecar has it.
pub(super) fn trusting(bundle: &str) -> Arc<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]);
    Arc::new(
        config
            .unwrap()
            .with_root_certificates(roots(bundle))
            .with_no_client_auth(),
    )
}

/// Whether a handshake succeeds on both sides.
pub(super) fn shakes(client: Arc<ClientConfig>, server: Arc<ServerConfig>, name: &str) -> bool {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::Connection::from(ClientConnection::new(client, name).unwrap());
    let mut server = rustls::Connection::from(ServerConnection::new(server).unwrap());
    while client.wants_write() || server.wants_write() {
        if pass(&mut client, &mut server).is_err() || pass(&mut server, &mut client).is_err() {
            return false;
        }
    }
    !client.is_handshaking() && !server.is_handshaking()
}

fn pass(from: &mut rustls::Connection, to: &mut rustls::Connection) -> Result<(), rustls::Error> {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        to.read_tls(&mut rest).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}
