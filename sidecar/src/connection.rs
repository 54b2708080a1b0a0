//! One connection to the operator: TCP, TLS, HTTP/1.1.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use crate::ask::AskError;

/// An operator that says nothing for so long is asked by TCP whether it is there,
const SILENCE: Duration = Duration::from_secs(30);
/// again after each of these,
const ASK: Duration = Duration::from_secs(10);
/// and given up after so many without an answer: within a minute, though the sidecar only waits.
const ASKS: u32 = 3;

/// It ends when it is dropped.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Connection {
    /// Connects to whoever proves to be `name`.
    pub(crate) async fn open(
        host: &str,
        port: u16,
        name: &ServerName<'static>,
        tls: &Arc<ClientConfig>,
    ) -> Result<Self, AskError> {
        let tcp = TcpStream::connect((host, port)).await;
        let tcp = tcp.and_then(|tcp| prepare(&tcp).map(|()| tcp));
        let tcp = tcp.map_err(|source| AskError::Connect {
            host: host.to_owned(),
            port,
            source,
        })?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let tls = connector.connect(name.clone(), tcp).await;
        let tls = tls.map_err(|source| AskError::in_handshake(host, source))?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        // What breaks it reaches the sender too.
        let driver = tokio::spawn(connection).abort_handle();
        Ok(Self { sender, driver })
    }

    /// Sends a request, and waits for the head of its answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, AskError> {
        Ok(self.sender.send_request(request).await?)
    }

    /// Whether it can take another request.
    pub(crate) async fn ready(&mut self) -> Result<(), AskError> {
        Ok(self.sender.ready().await?)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, SILENCE)?;
    sockopt::set_tcp_keepintvl(tcp, ASK)?;
    sockopt::set_tcp_keepcnt(tcp, ASKS)?;
    Ok(())
}
