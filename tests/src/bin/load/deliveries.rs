//! Deliveries of twenty variables, as sidecars ask for them.

use anyhow::{Result, ensure};
use http::Request;
use http_body_util::Full;
use splitvault_crypto::sealing::{Algorithm, Context, KeyPair};
use splitvault_wire::{DELIVER_PATH, DeliverRequest, DeliverResponse, Delivery};

use crate::connection::{From, One, Server};
use crate::figures::{Client, Figures, Process, drive};
use crate::installation::{Installation, Programs};
use crate::pods::Pod;
use crate::reference::Reference;

/// Connections, each of another address: one may not have as many tokens reviewed as a client asks for.
const CONNECTIONS: u32 = 512;

/// A pod's sidecar, before it connects.
pub(crate) struct Sidecar {
    pod: Pod,
    token: String,
    body: bytes::Bytes,
}

impl Sidecar {
    /// Asks with this key, and with this tag.
    pub(crate) fn new(pod: Pod, key: &KeyPair, tag: Option<&str>, wait: Option<u32>) -> Result<Self> {
        let asked = DeliverRequest {
            public_key: key.public().to_bytes(),
            vault_secrets: vec![pod.vault_secret()],
            tag: tag.map(str::to_owned),
            problem: None,
            wait_seconds: wait,
            refused: None,
        };
        Ok(Self {
            pod,
            token: format!("Bearer {}", pod.token()),
            body: serde_json::to_vec(&asked)?.into(),
        })
    }

    pub(crate) fn request(&self) -> Result<Request<Full<bytes::Bytes>>> {
        let request = Request::post(DELIVER_PATH)
            .header("host", "splitvault-operator")
            .header("content-type", "application/json")
            .header("authorization", &self.token);
        Ok(request.body(self.body.clone().into())?)
    }

    /// Opens an answer; answers its tag.
    pub(crate) fn open(&self, key: &KeyPair, answer: &[u8]) -> Result<String> {
        let answer: DeliverResponse = serde_json::from_slice(answer)?;
        let context = Context::Delivery {
            pod_uid: &self.pod.uid(),
        };
        let opened = key.open(&context, &answer.sealed).map_err(anyhow::Error::msg)?;
        // EXPOSE: what is in it was made up for this.
        let delivery = Delivery::from_json(opened.expose()).map_err(anyhow::Error::msg)?;
        let variables = delivery.environments.iter().map(|one| one.variables.len());
        ensure!(variables.sum::<usize>() == 20, "not twenty variables");
        Ok(answer.tag)
    }
}

/// Sidecars that keep their connections, and take turns.
struct Keeping {
    sidecars: Vec<(Sidecar, One)>,
    turn: usize,
}

impl Client for Keeping {
    async fn once(&mut self) -> Result<()> {
        self.turn = (self.turn + 1) % self.sidecars.len();
        let (sidecar, connection) = &mut self.sidecars[self.turn];
        connection.ask(sidecar.request()?).await.map(drop)
    }
}

/// Sidecars of pods that have just started, one after another.
struct Starting {
    server: Server,
    key: KeyPair,
    next: u32,
    step: u32,
}

impl Client for Starting {
    async fn once(&mut self) -> Result<()> {
        self.next += self.step;
        let sidecar = Sidecar::new(Pod(self.next), &self.key, None, None)?;
        let mut connection = self.server.one(From(self.next)).await?;
        connection.ask(sidecar.request()?).await.map(drop)
    }
}

/// Prints the figures.
#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) async fn measure(programs: &Programs) -> Result<()> {
    let installation = Installation::start(programs).await?;
    let delivery = installation.delivery()?;
    let key = KeyPair::make(Algorithm::X25519).map_err(anyhow::Error::msg)?;
    let first = Sidecar::new(Pod(0), &key, None, None)?;
    let answer = delivery.one(From(0)).await?.ask(first.request()?).await?;
    first.open(&key, &answer)?;
    println!("answers of {} bytes", answer.len());
    let reference = Reference::start(answer.len())?;
    let bare = reference.server(b"http/1.1")?;
    let (processes, others) = (installation.processes(), [reference.process(), Process::own()]);
    for at_once in [1, 8, 32, 64] {
        let figures = drive(keeping(&delivery, &key, at_once).await?, &processes).await?;
        let other = drive(keeping(&bare, &key, at_once).await?, &others).await?;
        tell(
            &format!("{at_once} at once over kept connections"),
            &figures,
            &other,
        );
    }
    for at_once in [1, 8, 32] {
        let figures = drive(starting(&delivery, at_once)?, &processes).await?;
        let other = drive(starting(&bare, at_once)?, &others).await?;
        tell(
            &format!("{at_once} at once, a connection for each"),
            &figures,
            &other,
        );
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn tell(what: &str, figures: &Figures, other: &Figures) {
    println!(
        "{what}: {figures}; two cores of the operator's: {:.0}/s, shared with the store: {:.0}/s",
        figures.capacity(&["operator"]),
        figures.capacity(&["operator", "store"])
    );
    println!("  reference: {other}; ratio {:.2}", figures.rate() / other.rate());
}

async fn keeping(server: &Server, key: &KeyPair, at_once: u32) -> Result<Vec<Keeping>> {
    let mut clients = Vec::new();
    let each = CONNECTIONS / at_once;
    for client in 0..at_once {
        let mut sidecars = Vec::new();
        for number in client * each..(client + 1) * each {
            let sidecar = Sidecar::new(Pod(number), key, None, None)?;
            sidecars.push((sidecar, server.one(From(number)).await?));
        }
        clients.push(Keeping { sidecars, turn: 0 });
    }
    Ok(clients)
}

fn starting(server: &Server, at_once: u32) -> Result<Vec<Starting>> {
    let starting = |next| -> Result<Starting> {
        Ok(Starting {
            server: server.clone(),
            key: KeyPair::make(Algorithm::X25519).map_err(anyhow::Error::msg)?,
            next,
            step: at_once,
        })
    };
    (0..at_once).map(starting).collect()
}
