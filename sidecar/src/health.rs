//! Health on the pod's loopback, where a pod asks for it: `/healthz` and `/readyz`.
//!
//! Whoever asks is in the same pod, and gets one line and the end of the connection. An answer names no VaultSecret and
//! no variable. No request is kept longer, or larger, than it takes to tell which of the two it asks for.

mod http;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use splitvault_wire::pod::GATE_ENV;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::log::{self, Changes};
use crate::target::Target;

/// Answered at the same time; others wait.
const CONNECTIONS: usize = 16;
/// For a request and its answer.
const LIMIT: Duration = Duration::from_secs(2);
/// Between two tries to listen.
const AGAIN: Duration = Duration::from_secs(5);
/// Bytes that are read, and thrown away, after a request.
const REST: u64 = 64 * 1024;

/// What `/readyz` tells.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    target: Arc<Target>,
    behind: watch::Receiver<bool>,
}

impl Health {
    /// The files are in `target`; `behind` says whether there is something newer that could not be written.
    pub(crate) fn of(target: Target, behind: watch::Receiver<bool>) -> Self {
        let target = Arc::new(target);
        Self { target, behind }
    }

    /// Why not.
    fn ready(&self) -> Result<(), &'static str> {
        if !self.target.has(GATE_ENV) {
            Err("the variables are not there yet: the log of this container says why")
        } else if *self.behind.borrow() {
            Err("newer variables could not be written: the log of this container says why")
        } else {
            Ok(())
        }
    }
}

/// Answers at a port for as long as the sidecar runs; nobody, where none is asked for.
pub(crate) async fn serve(health: Option<(u16, Health)>) {
    match health {
        None => std::future::pending().await,
        Some((port, health)) => accept(listen(port).await, health).await,
    }
}

/// Variables matter more than this: a port that somebody else has is told, and tried again.
async fn listen(port: u16) -> TcpListener {
    let mut reasons = Changes::new(false);
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => {
                log::say(format_args!("answers /healthz and /readyz on 127.0.0.1:{port}"));
                return listener;
            }
            Err(error) => {
                reasons.say(format_args!("cannot listen on 127.0.0.1:{port}: {error}"));
            }
        }
        sleep(AGAIN).await;
    }
}

async fn accept(listener: TcpListener, health: Health) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // It is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((tcp, _)) => {
                let health = health.clone();
                tokio::spawn(async move {
                    // Who is late or gone gets no answer.
                    let _answered = timeout(LIMIT, answer(tcp, &health)).await;
                    drop(place);
                });
            }
            // No descriptor is free, for example; it passes.
            Err(_) => sleep(LIMIT).await,
        }
    }
}

async fn answer(mut tcp: TcpStream, health: &Health) -> io::Result<()> {
    let mut head = [0; http::HEAD];
    let mut length = 0;
    let answer = loop {
        match tcp.read(&mut head[length..]).await? {
            0 => return Ok(()),
            read => length += read,
        }
        if let Some(answer) = http::answer(&head[..length], || health.ready()) {
            break answer;
        }
    };
    tcp.write_all(answer.as_bytes()).await?;
    tcp.shutdown().await?;
    // A connection that ends with bytes unread is reset, and the answer may be lost.
    tokio::io::copy(&mut tcp.take(REST), &mut tokio::io::sink()).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
