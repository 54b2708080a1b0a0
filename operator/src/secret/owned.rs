//! Secrets that belong to an object of ours: known by their metadata, whose content never comes back, and written or
//! removed only as long as they are the same object.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Client;
use kube::api::PartialObjectMeta;
use serde_json::json;
use splitvault_dotenv::Variable;

use super::{Version, path, request_as, send};
use crate::fault::Fault;

/// Has the API server answer with an object's metadata, and keep its data to itself.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The only type whose keys are free.
const TYPE: &str = "Opaque";

/// What can be seen of a Secret without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its UID.
    pub uid: String,
    /// Whether anything of it changed.
    pub version: String,
    /// UIDs of the objects that it belongs to.
    pub owners: Vec<String>,
    /// Whether it is on its way out.
    pub leaving: bool,
}

/// A Secret as it is to be. Its data are variables in clear.
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// The object that it belongs to and goes with.
    pub owner: OwnerReference,
    /// What a person reads in the annotation `splitvault.dev/about`.
    pub about: &'a str,
    /// Its keys and values.
    pub variables: &'a [Variable],
}

/// Looks at a Secret, without its content.
///
/// # Errors
/// As the API server has them; a Secret that is not there is none.
pub async fn look(
    client: &Client,
    namespace: &str,
    name: &str,
    version: Version,
) -> Result<Option<Seen>, Fault> {
    let mut path = path(namespace, name).ok_or(Fault::Refused(422))?;
    if version == Version::Any {
        path.push_str("?resourceVersion=0");
    }
    match send(client, request_as(METADATA, Method::GET, &path, None)?).await {
        Ok(json) => seen(&json).map(Some),
        Err(Fault::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Makes the Secret.
///
/// # Errors
/// [`Fault::Conflict`] when there is one of that name, which stays as it is.
pub async fn make(client: &Client, namespace: &str, wanted: &Wanted<'_>) -> Result<Seen, Fault> {
    // Not the name: it goes into the body.
    path(namespace, wanted.name).ok_or(Fault::Refused(422))?;
    let path = format!(
        "/api/v1/namespaces/{namespace}/secrets?fieldManager={}",
        crate::MANAGER
    );
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": wanted.name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": crate::MANAGER},
            "annotations": {"splitvault.dev/about": wanted.about},
            "ownerReferences": [wanted.owner],
        },
        "type": TYPE,
        "data": encoded(wanted.variables),
    });
    let body = ("application/json", object.to_string().into_bytes());
    let made = send(client, request_as(METADATA, Method::POST, &path, Some(body))?).await?;
    seen(&made)
}

/// Gives the Secret of this UID its content back, whole: what somebody added goes. Labels and annotations stay.
///
/// # Errors
/// [`Fault::Refused`] with 422 when it cannot be changed: it is immutable, of another type, or another object.
pub async fn mend(client: &Client, namespace: &str, wanted: &Wanted<'_>, uid: &str) -> Result<Seen, Fault> {
    let path = path(namespace, wanted.name).ok_or(Fault::Refused(422))?;
    let path = format!("{path}?fieldManager={}", crate::MANAGER);
    let patch = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/type", "value": TYPE},
        {"op": "add", "path": "/data", "value": encoded(wanted.variables)},
    ]);
    let body = ("application/json-patch+json", patch.to_string().into_bytes());
    let mended = send(client, request_as(METADATA, Method::PATCH, &path, Some(body))?).await?;
    seen(&mended)
}

/// Removes the Secret, if it still is the one that was seen; one that is gone is no error.
///
/// # Errors
/// [`Fault::Conflict`] when it is another one, or was changed meanwhile.
pub async fn remove(client: &Client, namespace: &str, name: &str, was: &Seen) -> Result<(), Fault> {
    let path = path(namespace, name).ok_or(Fault::Refused(422))?;
    let only = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": was.uid, "resourceVersion": was.version},
    });
    let body = ("application/json", only.to_string().into_bytes());
    match send(client, request_as(METADATA, Method::DELETE, &path, Some(body))?).await {
        Ok(_) | Err(Fault::NotFound) => Ok(()),
        Err(fault) => Err(fault),
    }
}

fn encoded(variables: &[Variable]) -> BTreeMap<&str, String> {
    // EXPOSE: a Secret in clear is what the object asks for.
    let pairs = variables
        .iter()
        .map(|variable| (variable.name.as_str(), STANDARD.encode(variable.value.expose())));
    pairs.collect()
}

fn seen(json: &[u8]) -> Result<Seen, Fault> {
    let read: PartialObjectMeta<k8s_openapi::api::core::v1::Secret> =
        serde_json::from_slice(json).map_err(|_| Fault::Malformed)?;
    let metadata = read.metadata;
    let owners = metadata.owner_references.unwrap_or_default();
    Ok(Seen {
        uid: metadata.uid.ok_or(Fault::Malformed)?,
        version: metadata.resource_version.ok_or(Fault::Malformed)?,
        owners: owners.into_iter().map(|owner| owner.uid).collect(),
        leaving: metadata.deletion_timestamp.is_some(),
    })
}
