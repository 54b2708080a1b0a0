//! Admissions of a typical pod, as an API server asks for them.

use anyhow::Result;

use crate::connection::{From, Server, Two};
use crate::figures::{Client, Process, drive};
use crate::installation::{Installation, Programs, review_request};
use crate::reference::Reference;

/// Connections, over which an API server sends all that it asks.
const CONNECTIONS: u32 = 2;

struct ApiServer(Two);

impl Client for ApiServer {
    async fn once(&mut self) -> Result<()> {
        self.0.ask(review_request()?).await.map(drop)
    }
}

/// An API server that connects anew each time.
struct Stranger {
    server: Server,
    from: u32,
    step: u32,
}

impl Client for Stranger {
    async fn once(&mut self) -> Result<()> {
        self.from += self.step;
        let mut connection = self.server.two(From(self.from)).await?;
        connection.ask(review_request()?).await.map(drop)
    }
}

/// Prints the figures.
#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) async fn measure(programs: &Programs) -> Result<()> {
    let installation = Installation::start(programs).await?;
    let webhook = installation.webhook(b"h2")?;
    let answer = webhook.two(From(0)).await?.ask(review_request()?).await?;
    let reference = Reference::start(answer.len())?;
    println!("answers of {} bytes", answer.len());
    let processes = installation.processes();
    let others = [reference.process(), Process::own()];
    for at_once in [1, 8, 32, 64] {
        let figures = drive(api_servers(&webhook, at_once).await?, &processes).await?;
        println!(
            "{at_once} at once over {CONNECTIONS} connections: {figures}; two cores of the operator's: {:.0}/s",
            figures.capacity(&["operator"])
        );
        let other = drive(api_servers(&reference.server(b"h2")?, at_once).await?, &others).await?;
        println!("  reference: {other}; ratio {:.2}", figures.rate() / other.rate());
    }
    let figures = drive(strangers(&webhook, 32), &processes).await?;
    println!(
        "32 at once, a connection for each: {figures}; two cores of the operator's: {:.0}/s",
        figures.capacity(&["operator"])
    );
    let other = drive(strangers(&reference.server(b"h2")?, 32), &others).await?;
    println!("  reference: {other}; ratio {:.2}", figures.rate() / other.rate());
    Ok(())
}

async fn api_servers(server: &Server, at_once: u32) -> Result<Vec<ApiServer>> {
    let mut connections = Vec::new();
    for number in 0..CONNECTIONS {
        connections.push(server.two(From(number)).await?);
    }
    let each = connections.into_iter().cycle();
    Ok(each.take(usize::try_from(at_once)?).map(ApiServer).collect())
}

fn strangers(server: &Server, at_once: u32) -> Vec<Stranger> {
    let stranger = |from| Stranger {
        server: server.clone(),
        from,
        step: at_once,
    };
    (0..at_once).map(stranger).collect()
}
