//! Kubernetes Secrets, read into memory that is zeroized and never through a client that quotes what it reads.

pub mod owned;

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use splitvault_crypto::{SecretBytes, SecretString};
use zeroize::Zeroizing;

use crate::fault::Fault;

/// The most that an answer may have: etcd takes 1.5 MiB, base64 makes a third more of it, managed fields come on top.
const LIMIT: usize = 4 * 1024 * 1024;

/// The data of a Secret.
#[derive(Debug)]
pub struct Secret {
    /// Whether its content, or anything of it, changed.
    pub resource_version: String,
    /// Its type, such as `Opaque`.
    pub kind: String,
    data: BTreeMap<String, SecretBytes>,
}

impl Secret {
    /// The value of one key.
    pub fn get(&self, key: &str) -> Option<&SecretBytes> {
        self.data.get(key)
    }

    /// All keys and values, in the order of the keys.
    pub fn into_data(self) -> BTreeMap<String, SecretBytes> {
        self.data
    }

    /// Reads the JSON of a Secret; it must be an object of that kind and well-formed base64.
    fn parse(json: &[u8]) -> Option<Self> {
        let read: Read<'_> = serde_json::from_slice(json).ok()?;
        let open = |(key, text): (String, Text<'_>)| {
            let bytes = STANDARD.decode(text.0.as_bytes()).ok()?;
            Some((key, SecretBytes::from(bytes)))
        };
        let data: Option<BTreeMap<_, _>> = read.data.unwrap_or_default().into_iter().map(open).collect();
        (read.kind == "Secret").then_some(())?;
        Some(Self {
            resource_version: read.metadata.resource_version,
            kind: read.type_of,
            data: data?,
        })
    }
}

#[derive(Deserialize)]
struct Read<'a> {
    kind: String,
    #[serde(rename = "type", default)]
    type_of: String,
    metadata: Metadata,
    #[serde(borrow)]
    data: Option<BTreeMap<String, Text<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
}

/// Base64 has nothing to escape in JSON, so this borrows from the answer.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// How new what is read has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// What etcd has.
    Newest,
    /// What the API server has in its cache; costs etcd nothing, and may lag behind.
    Any,
}

/// The Secret as it is now, or nothing when there is none.
///
/// # Errors
/// [`Fault::Forbidden`] when RBAC does not grant `get` on this Secret; others as they come.
pub async fn read(client: &Client, namespace: &str, name: &str) -> Result<Option<Secret>, Fault> {
    read_version(client, namespace, name, Version::Newest).await
}

/// The Secret, or nothing when there is none.
///
/// # Errors
/// As [`read`].
pub async fn read_version(
    client: &Client,
    namespace: &str,
    name: &str,
    version: Version,
) -> Result<Option<Secret>, Fault> {
    let Some(mut path) = path(namespace, name) else {
        return Ok(None);
    };
    if version == Version::Any {
        path.push_str("?resourceVersion=0");
    }
    let request = request(Method::GET, &path, None)?;
    match send(client, request).await {
        Ok(json) => Secret::parse(&json).map(Some).ok_or(Fault::Malformed),
        Err(Fault::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Makes the Secret. Whatever is there already stays as it is.
///
/// # Errors
/// [`Fault::Conflict`] when there is one of that name.
pub async fn create(client: &Client, namespace: &str, new: &NewSecret<'_>) -> Result<(), Fault> {
    let path = format!(
        "/api/v1/namespaces/{namespace}/secrets?fieldManager={}",
        crate::MANAGER
    );
    let request = request(
        Method::POST,
        &path,
        Some(("application/json", new.json(namespace))),
    )?;
    send(client, request).await.map(|_| ())
}

/// Makes the Secret have this content, whoever wrote it before.
///
/// # Errors
/// As the API server has them.
pub async fn apply(client: &Client, namespace: &str, new: &NewSecret<'_>) -> Result<(), Fault> {
    let path = path(namespace, new.name).ok_or(Fault::Refused(422))?;
    let path = format!("{path}?force=true&fieldManager={}", crate::MANAGER);
    let body = ("application/apply-patch+yaml", new.json(namespace));
    let request = request(Method::PATCH, &path, Some(body))?;
    send(client, request).await.map(|_| ())
}

/// Sets keys of a Secret, and removes those with `None`, if it is still of this version.
///
/// # Errors
/// [`Fault::Conflict`] when it is not; [`Fault::NotFound`] when it is gone.
pub async fn swap(
    client: &Client,
    namespace: &str,
    name: &str,
    version: &str,
    data: &[(&str, Option<SecretString>)],
) -> Result<(), Fault> {
    let path = path(namespace, name).ok_or(Fault::Refused(422))?;
    let path = format!("{path}?fieldManager={}", crate::MANAGER);
    // EXPOSE: a Secret is where secrets are kept.
    let encode = |value: &SecretString| STANDARD.encode(value.expose());
    let data: BTreeMap<&str, Option<String>> = data
        .iter()
        .map(|(key, value)| (*key, value.as_ref().map(encode)))
        .collect();
    let patch = serde_json::json!({"metadata": {"resourceVersion": version}, "data": data});
    let body = ("application/merge-patch+json", patch.to_string().into_bytes());
    let request = request(Method::PATCH, &path, Some(body))?;
    send(client, request).await.map(|_| ())
}

/// A Secret to be written.
pub struct NewSecret<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type, such as `Opaque`.
    pub kind: &'a str,
    /// What a person reads in the annotation `splitvault.dev/about`.
    pub about: &'a str,
    /// Keys and values.
    pub data: &'a [(&'a str, &'a [u8])],
}

impl NewSecret<'_> {
    fn json(&self, namespace: &str) -> Vec<u8> {
        let data = self
            .data
            .iter()
            .map(|(key, value)| (*key, STANDARD.encode(value)));
        let data: BTreeMap<&str, String> = data.collect();
        let object = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self.name,
                "namespace": namespace,
                "labels": {"app.kubernetes.io/managed-by": crate::MANAGER},
                "annotations": {"splitvault.dev/about": self.about},
            },
            "type": self.kind,
            "data": data,
        });
        object.to_string().into_bytes()
    }
}

/// `None` for what cannot be a name, so that no name can lead anywhere else.
fn path(namespace: &str, name: &str) -> Option<String> {
    let plain = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        !text.is_empty() && text.len() <= 253 && !text.starts_with('.') && text.bytes().all(allowed)
    };
    (plain(namespace) && plain(name)).then(|| format!("/api/v1/namespaces/{namespace}/secrets/{name}"))
}

fn request(method: Method, path: &str, body: Option<(&str, Vec<u8>)>) -> Result<Request<Body>, Fault> {
    request_as("application/json", method, path, body)
}

fn request_as(
    accept: &str,
    method: Method,
    path: &str,
    body: Option<(&str, Vec<u8>)>,
) -> Result<Request<Body>, Fault> {
    let builder = Request::builder()
        .method(method)
        .uri(path)
        .header("accept", accept);
    let built = match body {
        Some((kind, bytes)) => builder.header("content-type", kind).body(Body::from(bytes)),
        None => builder.body(Body::empty()),
    };
    built.map_err(|_| Fault::Malformed)
}

async fn send(client: &Client, request: Request<Body>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let answer = client.send(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LIMIT).collect().await;
    if !matches!(status, StatusCode::OK | StatusCode::CREATED) {
        return Err(Fault::from_status(status.as_u16()));
    }
    let mut body = body.map_err(|_| Fault::Unavailable)?.aggregate();
    let mut json = Zeroizing::new(vec![0; bytes::Buf::remaining(&body)]);
    bytes::Buf::copy_to_slice(&mut body, &mut json);
    Ok(json)
}

#[cfg(test)]
mod tests;
