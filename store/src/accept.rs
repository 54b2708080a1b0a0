//! From a listening socket to authenticated connections. Whoever fails the handshake never reaches gRPC.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::Stream;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use crate::metrics::{Handshake, Metrics, OpenConnection};

/// How many may come, and how slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Handshakes at once; more wait in the kernel's queue.
    pub handshakes: usize,
    /// Authenticated connections at once; more are closed.
    pub connections: usize,
    /// From the first byte to the end of the handshake.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes: 64,
            connections: 256,
            handshake: Duration::from_secs(5),
        }
    }
}

/// Accepts until `shutdown`; yields connections that are authenticated.
pub(crate) fn accept(
    listener: TcpListener,
    config: Arc<ArcSwap<ServerConfig>>,
    limits: Limits,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Connections {
    let (sender, receiver) = mpsc::channel(16);
    let door = Door {
        config,
        limits,
        metrics,
        sender,
        handshakes: Arc::new(Semaphore::new(limits.handshakes)),
        connections: Arc::new(Semaphore::new(limits.connections)),
    };
    tokio::spawn(shutdown.run_until_cancelled_owned(door.watch(listener)));
    Connections(receiver)
}

struct Door {
    config: Arc<ArcSwap<ServerConfig>>,
    limits: Limits,
    metrics: Metrics,
    sender: mpsc::Sender<Connection>,
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Door {
    async fn watch(self, listener: TcpListener) {
        let door = Arc::new(self);
        while let Ok(turn) = Arc::clone(&door.handshakes).acquire_owned().await {
            match listener.accept().await {
                Ok((tcp, _)) => {
                    let door = Arc::clone(&door);
                    tokio::spawn(async move {
                        door.admit(tcp).await;
                        drop(turn);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Out of file descriptors, most likely: accepting again at once would only spin.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn admit(&self, tcp: TcpStream) {
        let outcome = match tokio::time::timeout(self.limits.handshake, self.handshake(tcp)).await {
            Ok(Ok(tls)) => self.hand_over(tls).await,
            Ok(Err(error)) => {
                // rustls names the fault, not the content. The peer is not logged: pods' addresses are noise.
                tracing::info!(%error, "handshake refused");
                Handshake::Refused
            }
            Err(_) => Handshake::TimedOut,
        };
        self.metrics.handshake(outcome);
    }

    async fn handshake(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        tcp.set_nodelay(true)?;
        TlsAcceptor::from(self.config.load_full()).accept(tcp).await
    }

    async fn hand_over(&self, tls: TlsStream<TcpStream>) -> Handshake {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            tracing::warn!(limit = self.limits.connections, "too many connections");
            return Handshake::TooMany;
        };
        let connection = Connection {
            tls,
            _permit: permit,
            _open: self.metrics.connection(),
        };
        match self.sender.send(connection).await {
            Ok(()) => Handshake::Accepted,
            Err(_) => Handshake::TooMany,
        }
    }
}

/// Authenticated connections as they come.
pub(crate) struct Connections(mpsc::Receiver<Connection>);

impl Stream for Connections {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|connection| connection.map(Ok))
    }
}

/// One authenticated connection; counts against the limit as long as it is open.
pub(crate) struct Connection {
    tls: TlsStream<TcpStream>,
    _permit: OwnedSemaphorePermit,
    _open: OpenConnection,
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(context)
    }
}
