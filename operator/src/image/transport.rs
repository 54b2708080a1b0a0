//! One request over one connection: TLS 1.3, HTTP/1.1, so many bytes and no more. Whoever calls bounds the time.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use splitvault_crypto::SecretString;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::problem::Problem;
use super::registries::Registries;
use super::url::Url;

/// Bytes and number of an answer's headers.
const HEADER_BYTES: usize = 64 * 1024;
const HEADERS: usize = 100;
/// What registries are told of us.
const AGENT: &str = concat!("splitvault-operator/", env!("CARGO_PKG_VERSION"));

/// Makes requests.
pub(super) struct Transport {
    tls: TlsConnector,
    /// Those to whom plain HTTP is spoken.
    pub(super) plain: Registries,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) kind: String,
    pub(super) location: String,
    pub(super) challenges: Vec<String>,
    /// Read for status 200 only.
    pub(super) body: Bytes,
}

/// A bundle that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the CA bundle for registries has no certificate, or a broken one")]
pub(super) struct BadBundle;

impl Transport {
    /// Trusts the authorities of the web, which are compiled in, as the image has no others, and those of `bundle` (PEM).
    pub(super) fn new(bundle: Option<&[u8]>, plain: Registries) -> Result<Self, BadBundle> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(bundle) = bundle {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(bundle) {
                roots
                    .add(certificate.map_err(|_| BadBundle)?)
                    .map_err(|_| BadBundle)?;
            }
            (roots.len() > before).then_some(()).ok_or(BadBundle)?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|_| BadBundle)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            plain,
        })
    }

    /// `what` is the answer's name for [`Problem`], `limit` its bytes.
    pub(super) async fn get(
        &self,
        url: &Url,
        accept: &'static str,
        authorization: Option<&SecretString>,
        (what, limit): (&'static str, usize),
    ) -> Result<Answer, Problem> {
        let tcp = connect(url).await?;
        let request = request(url, accept, authorization)?;
        if !url.tls {
            return exchange(tcp, request, what, limit).await;
        }
        let name =
            ServerName::try_from(url.host.clone()).map_err(|_| Problem::Elsewhere("what is no address"))?;
        let stream = self
            .tls
            .connect(name, tcp)
            .await
            .map_err(|error| handshake(&error))?;
        exchange(stream, request, what, limit).await
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("plain", &self.plain)
            .finish_non_exhaustive()
    }
}

async fn connect(url: &Url) -> Result<TcpStream, Problem> {
    let unknown = |_| Problem::Unanswered("the name of its registry cannot be resolved");
    let addresses = tokio::net::lookup_host((url.host.as_str(), url.port))
        .await
        .map_err(unknown)?;
    let mut refused = false;
    for address in addresses {
        if is_link_local(address) {
            refused = true;
        } else if let Ok(stream) = TcpStream::connect(address).await {
            return Ok(stream);
        }
    }
    Err(if refused {
        Problem::Elsewhere("an address of its node's own network")
    } else {
        Problem::Unanswered("its registry cannot be connected to")
    })
}

/// Where clouds answer a node's questions about itself; no registry is there.
fn is_link_local(address: SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn handshake(error: &io::Error) -> Problem {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(_)) => Problem::Untrusted,
        Some(_) => Problem::Unanswered("its registry does not speak TLS 1.3"),
        None => Problem::Unanswered("its registry ended the connection"),
    }
}

fn request(
    url: &Url,
    accept: &'static str,
    authorization: Option<&SecretString>,
) -> Result<Request<Empty<Bytes>>, Problem> {
    let mut request = Request::get(&url.path)
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, accept)
        .body(Empty::new())
        .map_err(|_| Problem::Elsewhere("what is no address"))?;
    if let Some(secret) = authorization {
        // EXPOSE: this is what credentials are for. `sensitive` keeps it out of every Debug.
        let mut value =
            HeaderValue::from_str(secret.expose()).map_err(|_| Problem::Malformed("registry's token"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
    what: &'static str,
    limit: usize,
) -> Result<Answer, Problem> {
    let broken = |_| Problem::Unanswered("its registry ended the connection, or does not speak HTTP");
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Ends with this function, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let (head, body) = response.into_parts();
    let body = if head.status == StatusCode::OK {
        let read = Limited::new(body, limit).collect().await;
        read.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Problem::TooLarge { what, limit }
            } else {
                Problem::Unanswered("its registry ended the connection in the middle of an answer")
            }
        })?
        .to_bytes()
    } else {
        Bytes::new()
    };
    Ok(Answer {
        status: head.status,
        kind: text(&head.headers, &CONTENT_TYPE),
        location: text(&head.headers, &LOCATION),
        challenges: head.headers.get_all(WWW_AUTHENTICATE).iter().map(value).collect(),
        body,
    })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map(value).unwrap_or_default()
}

fn value(value: &HeaderValue) -> String {
    value.to_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_has_whole_certificates() {
        assert!(Transport::new(None, Registries::default()).is_ok());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for bundle in ["", "garbage", broken, "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            assert_eq!(
                Transport::new(Some(bundle.as_bytes()), Registries::default()).err(),
                Some(BadBundle),
                "{bundle}"
            );
        }
    }

    #[test]
    fn addresses_of_the_node_are_known_in_every_form() {
        for address in [
            "169.254.169.254:80",
            "[fe80::1]:80",
            "[::ffff:169.254.169.254]:80",
        ] {
            assert!(is_link_local(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.1:80", "10.0.0.1:80", "[::1]:80", "[fd00::1]:80"] {
            assert!(!is_link_local(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn credentials_are_in_no_debug() {
        let url = Url::parse("https://a.example/", &Registries::default()).unwrap();
        let secret = SecretString::copy_of("Bearer CANARY");
        let request = request(&url, "x", Some(&secret)).unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer CANARY");
        assert!(!format!("{request:?}").contains("CANARY"));
    }
}
