//! Addresses that the operator goes to.

use http::Uri;

use super::problem::Problem;
use super::registries::Registries;

/// Bytes of an address; those of signed downloads are long.
const LONGEST: usize = 8 * 1024;

/// An absolute `https://` address, or `http://` where the administrator lists its host. No user, no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// With the query.
    pub(super) path: String,
}

impl Url {
    /// Of a path at a registry, which is spoken to in plain HTTP if it is among `plain`.
    ///
    /// # Errors
    /// [`Problem::Reference`].
    pub(super) fn at(endpoint: &str, path: &str, plain: &Registries) -> Result<Self, Problem> {
        let scheme = if plain.has(endpoint) { "http" } else { "https" };
        Self::parse(&format!("{scheme}://{endpoint}{path}"), plain).map_err(|_| Problem::Reference)
    }

    /// # Errors
    /// [`Problem::Elsewhere`] for anything that is not such an address.
    pub(super) fn parse(text: &str, plain: &Registries) -> Result<Self, Problem> {
        let malformed = Problem::Elsewhere("what is no address");
        let uri: Uri = match text.len() {
            0..=LONGEST => text.parse().map_err(|_| malformed.clone())?,
            _ => return Err(malformed),
        };
        let authority = uri.authority().ok_or(malformed.clone())?.as_str();
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if plain.has(authority) => false,
            Some("http") => return Err(Problem::Elsewhere("an address without TLS")),
            _ => return Err(malformed),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or(malformed.clone())?;
        if authority.contains('@') {
            return Err(malformed);
        }
        let port = match uri.port() {
            Some(port) => port.as_str().parse().map_err(|_| malformed)?,
            // A port that is none is no port to `http`.
            None if authority != host => return Err(malformed),
            None if tls => 443,
            None => 80,
        };
        Ok(Self {
            tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            path: uri
                .path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }

    /// Where a `Location` leads from here; the path of the same server, or another address.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub(super) fn follow(&self, location: &str, plain: &Registries) -> Result<Self, Problem> {
        if location.starts_with('/') && !location.starts_with("//") && location.len() <= LONGEST {
            let path: http::uri::PathAndQuery = location
                .parse()
                .map_err(|_| Problem::Elsewhere("what is no address"))?;
            return Ok(Self {
                path: path.to_string(),
                ..self.clone()
            });
        }
        Self::parse(location, plain)
    }

    /// Whether both are the same server, so that one may be sent what is for the other.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        (self.tls, &self.host, self.port) == (other.tls, &other.host, other.port)
    }

    /// For the header `Host`.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// As a value in a query (RFC 3986 §2.1).
    pub(super) fn escape(text: &str) -> String {
        let byte = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> Registries {
        Registries::parse(["lab.example:5000"]).unwrap()
    }

    fn parse(text: &str) -> Result<Url, Problem> {
        Url::parse(text, &lab())
    }

    #[test]
    fn https_is_spoken_and_http_where_it_is_listed() {
        let url = parse("https://a.example/v2/b?x=y").unwrap();
        assert_eq!(
            (url.tls, url.port, url.path.as_str(), url.authority()),
            (true, 443, "/v2/b?x=y", "a.example".to_owned())
        );
        assert!(!parse("http://lab.example:5000/").unwrap().tls);
        let plain = Err(Problem::Elsewhere("an address without TLS"));
        for other in [
            "http://a.example/",
            "http://lab.example/",
            "http://lab.example:5001/",
            "http://evil.lab.example:5000/",
        ] {
            assert_eq!(parse(other), plain, "{other}");
        }
        assert!(parse("https://lab.example:5000/").unwrap().tls);
        let lab = lab();
        assert!(
            !Url::at("lab.example:5000", "/v2/", &lab).unwrap().tls
                && Url::at("a.example", "/v2/", &lab).unwrap().tls
        );
        assert_eq!(parse("https://[::1]:8443/").unwrap().authority(), "[::1]:8443");
    }

    #[test]
    fn what_is_no_address_leads_nowhere() {
        let long = format!("https://a.example/{}", "b".repeat(LONGEST));
        for text in [
            "",
            "a",
            "/a",
            "//a.example/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "https://",
            "https:///a",
            "https://user:password@a.example/",
            "https://a.example:99999/",
            "https://a b/",
            "https://a.example/\r\nx: y",
            &long,
        ] {
            assert!(parse(text).is_err(), "{text:.40}");
        }
    }

    #[test]
    fn a_location_is_a_path_or_another_address() {
        let here = parse("https://a.example/v2/x").unwrap();
        let path = here.follow("/elsewhere?a=b", &Registries::default()).unwrap();
        assert!(path.is_of(&here) && path.path == "/elsewhere?a=b");
        let other = here
            .follow("https://b.example/x", &Registries::default())
            .unwrap();
        assert!(!other.is_of(&here));
        assert!(
            !here
                .follow("https://a.example:444/x", &Registries::default())
                .unwrap()
                .is_of(&here)
        );
        for bad in ["http://a.example/x", "//b.example/x", "x", "", "/a b"] {
            assert!(here.follow(bad, &Registries::default()).is_err(), "{bad}");
        }
    }
}
