//! HTTP over TLS 1.3 on a listener, until told to stop: the shape of webhook and delivery.

mod arrival;
mod bench;
mod line;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustix::net::sockopt;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::crowd::{Crowd, Place};
use crate::metrics::Metrics;
use arrival::{Answering, Arriving, arriving};
use bench::Benches;
pub use bench::{Bench, Sitting, Stay};
use line::{Held, Holding, Line};

/// From the first byte to the end of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// From one request to the end of the headers of the next, over HTTP/1: a sidecar asks anew within a fraction of a
/// second or connects again, and API servers speak HTTP/2.
const HEADERS: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// For what is in flight when a connection's time is over.
const GRACE: Duration = Duration::from_secs(20);
const STREAMS: u32 = 128;
/// Of headers: over HTTP/1 also what is kept of a connection before it is parsed.
const HEADER_BYTES: u16 = 32 * 1024;
/// A peer that says nothing for so long is asked by TCP whether it is there,
const SILENCE: Duration = Duration::from_secs(30);
/// again after each of these,
const ASK: Duration = Duration::from_secs(10);
/// and given up after so many without an answer.
const ASKS: u32 = 3;
/// One address may have one of so many connections: more than the pods of a node need that come from one address,
/// and than an API server does, which sends its requests over few.
const SHARE: usize = 8;

/// The address that a request comes from, as an extension of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// How a server is known, and how many may come.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Its name in metrics.
    pub name: &'static str,
    /// Connections at once. For more, and for those of one address beyond its share, others give way on which no
    /// complete request is being answered; where there are none, the newcomer is closed.
    pub connections: usize,
    /// Connections besides these whose requests are held back for long; see [`Sitting`].
    pub bench: usize,
    /// How long a connection may last that does not sit on the bench: whoever says nothing, or reads nothing, does not
    /// keep its place for good.
    pub age: Duration,
}

/// Answers with `router` until `shutdown`, then lets requests in flight finish. The caller bounds how long.
///
/// # Errors
/// When TLS cannot be set up; a client's failure is only that client's.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: Arc<ServerConfig>,
    limits: Limits,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let (clients, line) = (TaskTracker::new(), Arc::<Line>::default());
    let door = Arc::new(Door {
        acceptor: TlsAcceptor::from(config),
        router,
        limits,
        metrics,
        shutdown: shutdown.clone(),
        seats: Arc::new(Semaphore::new(limits.connections)),
        peers: Crowd::new((limits.connections / SHARE).max(1)),
        benches: Benches::new(
            limits.bench,
            (limits.connections / SHARE).max(1),
            Arc::clone(&line),
        ),
        line,
    });
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, address)) => {
                let peer = Peer(address.ip().to_canonical());
                let door = Arc::clone(&door);
                clients.spawn(async move { door.admit(tcp, peer).await });
            }
            Err(error) => {
                tracing::warn!(%error, server = limits.name, "cannot accept a connection");
                // Out of file descriptors, most likely: accepting again at once would only spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    clients.close();
    clients.wait().await;
    Ok(())
}

struct Door {
    acceptor: TlsAcceptor,
    router: Router,
    limits: Limits,
    metrics: Metrics,
    shutdown: CancellationToken,
    seats: Arc<Semaphore>,
    peers: Arc<Crowd<IpAddr>>,
    benches: Benches,
    line: Arc<Line>,
}

/// What a connection has until it ends.
struct Seat {
    seat: OwnedSemaphorePermit,
    share: Place<IpAddr>,
}

impl Door {
    async fn admit(&self, tcp: TcpStream, peer: Peer) {
        let name = self.limits.name;
        let Seat { seat, share } = match self.seat(peer.0) {
            Ok(seat) => seat,
            Err(outcome) => return self.metrics.handshake(name, outcome),
        };
        let sitting = self.benches.seat(seat, share);
        let attended = self.attend(tcp, peer, &sitting);
        if sitting.displaced().run_until_cancelled(attended).await.is_none() {
            self.metrics.handshake(name, "displaced");
        }
    }

    /// A free seat, or that of the one connection which is longest in line; or why there is none.
    fn seat(&self, peer: IpAddr) -> Result<Seat, &'static str> {
        let free = || Arc::clone(&self.seats).try_acquire_owned().ok();
        if let Some(share) = self.peers.enter(peer) {
            let seat = free().or_else(|| seat_of(self.line.displace(Holding::has_seat)?.held));
            return seat.map(|seat| Seat { seat, share }).ok_or("too_many");
        }
        // One that sits on the bench has no seat to hand on.
        let any = self.seats.available_permits() > 0;
        let of_use = |other: &Holding| other.is_from(peer) && (any || other.has_seat());
        let Holding { held, share, .. } = self.line.displace(of_use).ok_or("too_many_of_peer")?;
        let seat = seat_of(held).or_else(free).ok_or("too_many")?;
        Ok(Seat { seat, share })
    }

    async fn attend(&self, tcp: TcpStream, peer: Peer, sitting: &Sitting) {
        let name = self.limits.name;
        let outcome = match tokio::time::timeout(HANDSHAKE, self.handshake(tcp)).await {
            Ok(Ok(tls)) => {
                self.metrics.handshake(name, "accepted");
                return self.speak(tls, peer, sitting).await;
            }
            Ok(Err(_)) => "refused",
            Err(_) => "timed_out",
        };
        self.metrics.handshake(name, outcome);
    }

    async fn handshake(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        tcp.set_nodelay(true)?;
        notice_death(&tcp)?;
        self.acceptor.accept(tcp).await
    }

    async fn speak(&self, tls: TlsStream<TcpStream>, peer: Peer, sitting: &Sitting) {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .max_buf_size(HEADER_BYTES.into());
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES.into());
        let service = service_fn(|request: Request<Incoming>| {
            let (request, answering) = announced(request, peer, sitting.clone());
            let answer = self.router.clone().oneshot(request);
            async move {
                let _answering = answering;
                answer.await
            }
        });
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(tls), service));
        // How a connection ends is its client's business.
        loop {
            tokio::select! {
                _ended = connection.as_mut() => return,
                () = self.shutdown.cancelled() => break,
                () = tokio::time::sleep(self.limits.age) => if !sitting.waits() { break },
            }
        }
        connection.as_mut().graceful_shutdown();
        let _ended = tokio::time::timeout(GRACE, connection).await;
    }
}

/// Says where a request comes from, and keeps its connection from the end of its body until the response is there.
fn announced(
    request: Request<Incoming>,
    peer: Peer,
    sitting: Sitting,
) -> (Request<Arriving<Incoming>>, Answering) {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(peer);
    parts.extensions.insert(sitting.clone());
    let (body, answering) = arriving(body, sitting);
    (Request::from_parts(parts, body), answering)
}

fn seat_of(held: Held) -> Option<OwnedSemaphorePermit> {
    match held {
        Held::Seat(seat) => Some(seat),
        Held::Bench { .. } => None,
    }
}

/// A connection whose other end is gone, with its node for example, breaks within a minute though nobody writes to it.
fn notice_death(tcp: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, SILENCE)?;
    sockopt::set_tcp_keepintvl(tcp, ASK)?;
    sockopt::set_tcp_keepcnt(tcp, ASKS)?;
    Ok(())
}

#[cfg(test)]
mod tests;
