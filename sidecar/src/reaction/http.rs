//! A POST to the application on the pod's loopback. It says nothing but that there is something new.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Failed;

/// The longest time for a connection and the head of an answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Whom to call.
#[derive(Debug, Clone)]
pub struct Call {
    /// In the order of the tries; all of them the loopback's.
    addresses: Vec<SocketAddr>,
    host: HeaderValue,
    path: Uri,
    url: String,
}

/// Why there was no success.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("{0}")]
    Connect(#[from] io::Error),
    #[error("{0}")]
    Exchange(#[from] hyper::Error),
    #[error("it answered with status {0}")]
    Status(StatusCode),
    #[error("no answer within {} seconds", LIMIT.as_secs())]
    TimedOut(#[from] tokio::time::error::Elapsed),
}

impl Call {
    /// Reads a URL; `None` for one that does not lead to the loopback. No name server is asked for `localhost`.
    #[must_use]
    pub fn to(url: &str) -> Option<Self> {
        let parsed: Uri = url.parse().ok()?;
        let authority = parsed.authority()?;
        let loopback: &[IpAddr] = match (parsed.scheme_str()?, authority.host()) {
            ("http", "127.0.0.1") => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
            ("http", "[::1]") => &[IpAddr::V6(Ipv6Addr::LOCALHOST)],
            ("http", "localhost") => &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            _ => return None,
        };
        // Nothing before the host, and nothing but a port after it.
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => 80,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        let path = parsed.path_and_query().map_or("/", PathAndQuery::as_str);
        Some(Self {
            addresses: loopback.iter().map(|address| (*address, port).into()).collect(),
            host: HeaderValue::try_from(authority.as_str()).ok()?,
            path: path.parse().ok()?,
            url: url.to_owned(),
        })
    }

    /// Calls once; both answers are for the log.
    pub(super) async fn send(&self) -> Result<String, Failed> {
        let called = timeout(LIMIT, self.post())
            .await
            .unwrap_or_else(|late| Err(late.into()));
        match called {
            Ok(status) => Ok(format!("POST {} answered with status {status}", self.url)),
            Err(error) => Err(Failed::Passing(format!("POST {} failed: {error}", self.url))),
        }
    }

    async fn post(&self) -> Result<StatusCode, CallError> {
        let tcp = TcpStream::connect(&*self.addresses).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await?;
        // It ends with the sender; what breaks it reaches the sender too.
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(self.request()).await;
        // Whatever else there is of an answer is not read.
        driver.abort();
        match answer?.status() {
            status if status.is_success() => Ok(status),
            status => Err(CallError::Status(status)),
        }
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_is_called() {
        let addresses = |url| Call::to(url).map(|call| call.addresses);
        assert_eq!(
            addresses("http://127.0.0.1"),
            Some(vec!["127.0.0.1:80".parse().unwrap()])
        );
        assert_eq!(
            addresses("http://[::1]:8080/x"),
            Some(vec!["[::1]:8080".parse().unwrap()])
        );
        let both = ["127.0.0.1:9", "[::1]:9"].map(|address| address.parse().unwrap());
        assert_eq!(addresses("http://localhost:9/a?b"), Some(both.into()));
        for url in [
            "",
            "127.0.0.1:80",
            "https://127.0.0.1/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "http://user@localhost/",
            "http://localhost@example.com/",
            "http://127.0.0.1:99999/",
            "http://[::ffff:10.0.0.1]/",
            "http:///x",
            "http://127.0.0.1/ x",
        ] {
            assert!(Call::to(url).is_none(), "{url}");
        }
    }

    #[test]
    fn the_request_is_for_the_path_and_has_nothing_else() {
        let request = Call::to("http://localhost:8080/-/reload?now=1")
            .unwrap()
            .request();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "/-/reload?now=1");
        assert_eq!(request.headers().len(), 1);
        assert_eq!(request.headers()[HOST], "localhost:8080");
        let bare = Call::to("http://localhost").unwrap().request();
        assert_eq!(bare.uri(), "/");
    }
}
