//! A registry's pull API (OCI distribution specification 1.1): redirects and authentication around a GET.

use bytes::Bytes;
use http::StatusCode;
use splitvault_crypto::SecretString;

use super::challenge::{self, Challenge};
use super::credentials::Credentials;
use super::document::{ACCEPT, CONFIG_LIMIT, MANIFEST_LIMIT};
use super::problem::Problem;
use super::reference::Reference;
use super::transport::Transport;
use super::url::Url;
use super::{digest, document};

/// Requests for one document: a redirect or two, and one more for each server that asks for authentication.
const REQUESTS: usize = 6;

/// One image's registry, for one look-up with one set of credentials.
pub(super) struct Registry<'a> {
    transport: &'a Transport,
    image: &'a Reference,
    credentials: Option<&'a Credentials>,
    /// What each server that asked is sent. The credentials' own words go to the registry and to the token service that
    /// it names; to any other, tokens that were got without credentials.
    authorized: Vec<(Url, SecretString)>,
}

impl<'a> Registry<'a> {
    pub(super) const fn new(
        transport: &'a Transport,
        image: &'a Reference,
        credentials: Option<&'a Credentials>,
    ) -> Self {
        Self {
            transport,
            image,
            credentials,
            authorized: Vec::new(),
        }
    }

    /// The document that a tag or a digest stands for, and its own digest.
    pub(super) async fn manifest(&mut self, version: &str) -> Result<(document::Document, String), Problem> {
        let path = format!("/v2/{}/manifests/{version}", self.image.repository());
        let (content, kind) = self.get(&path, ACCEPT, ("manifest", MANIFEST_LIMIT)).await?;
        let own = if digest::is_one(version) {
            digest::check("manifest", &content, version)?;
            version.to_owned()
        } else {
            digest::of(&content)
        };
        Ok((document::manifest(&content, &kind)?, own))
    }

    /// The config with this digest.
    pub(super) async fn config(&mut self, digest: &str) -> Result<document::Config, Problem> {
        let path = format!("/v2/{}/blobs/{digest}", self.image.repository());
        let (content, _) = self.get(&path, "*/*", ("config", CONFIG_LIMIT)).await?;
        digest::check("config", &content, digest)?;
        document::config(&content)
    }

    /// Body and Content-Type.
    async fn get(
        &mut self,
        path: &str,
        accept: &'static str,
        bound: (&'static str, usize),
    ) -> Result<(Bytes, String), Problem> {
        let plain = &self.transport.plain;
        let mut url = Url::at(self.image.endpoint(), path, plain)?;
        for _ in 0..REQUESTS {
            let known = self.authorized.iter().find(|(server, _)| server.is_of(&url));
            let known = known.map(|(_, authorization)| authorization);
            let answer = self.transport.get(&url, accept, known, bound).await?;
            match answer.status.as_u16() {
                200 => return Ok((answer.body, answer.kind)),
                301 | 302 | 303 | 307 | 308 => url = url.follow(&answer.location, plain)?,
                401 if known.is_none() => {
                    let authorization = self.authorize(&url, &answer.challenges).await?;
                    self.authorized.push((url.clone(), authorization));
                }
                401 | 403 => return Err(Problem::Denied),
                404 => return Err(Problem::Missing),
                status => return Err(Problem::Status(status)),
            }
        }
        Err(Problem::Elsewhere("too many places one after the other"))
    }

    /// What to send to the server that asked with these challenges.
    async fn authorize(&self, asked: &Url, challenges: &[String]) -> Result<SecretString, Problem> {
        let registry = Url::at(self.image.endpoint(), "/", &self.transport.plain)?;
        let credentials = self.credentials.filter(|_| asked.is_of(&registry));
        let basic = credentials.map(Credentials::basic);
        let address = match challenge::choose(challenges, self.image.repository())? {
            Challenge::Basic => return basic.ok_or(Problem::Denied),
            Challenge::Bearer(address) => address,
        };
        let service = Url::parse(&address, &self.transport.plain)?;
        let bound = ("registry's token", challenge::TOKEN_LIMIT);
        let answer = self
            .transport
            .get(&service, "application/json", basic.as_ref(), bound)
            .await?;
        match answer.status {
            StatusCode::OK => challenge::bearer(&answer.body),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Problem::Denied),
            status if status.is_redirection() => Err(Problem::Elsewhere("a token service that redirects")),
            status => Err(Problem::Status(status.as_u16())),
        }
    }
}
