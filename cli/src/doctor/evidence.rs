//! What is looked at, with the rights that the user has. What may not be looked at is evidence as well.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, LogParams};
use kube::{Api, Client};
use serde_json::Value;
use splitvault_api::{VaultSecret, annotations, located};

use super::SIDECAR;
use crate::cluster::{Connection, chain};
use crate::fault::Fault;
use crate::request::unreachable;

/// VaultSecrets that are looked at; the webhook admits no more in one annotation.
const LIMIT: usize = 32;
/// Events that are read.
const EVENTS: u32 = 50;
/// Lines of the log that are read: the newest, as far as kubelet still has them.
const LINES: i64 = 200;
/// Bytes of them, which is more than the sidecar makes of so many lines. Kubelet cuts off the end, which matters most.
const BYTES: usize = 256 * 1024;

/// The answer to one question.
#[derive(Debug, Clone)]
pub(super) enum Looked<T> {
    /// This.
    Found(T),
    /// There is no such thing.
    Missing,
    /// The user may not look.
    Forbidden,
    /// It did not work.
    Failed(String),
}

/// What an event says.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) warning: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

/// What a diagnosis is made from.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    /// The pod, with all fields, those that this program does not know included.
    pub(super) pod: Value,
    /// The VaultSecrets that it names.
    pub(super) secrets: Vec<(String, Looked<VaultSecret>)>,
    /// The webhook's configuration.
    pub(super) webhook: Looked<Value>,
    /// The pod's events, oldest first.
    pub(super) events: Looked<Vec<Told>>,
    /// The last lines of the sidecar's log, each after the time at which it was written.
    pub(super) log: Looked<String>,
    /// Where Splitvault is installed.
    pub(super) operator_namespace: String,
}

/// Looks at everything.
///
/// # Errors
/// When there is no such pod, or none to ask: then nothing can be said.
pub(super) async fn gather(
    at: &Connection,
    namespace: &str,
    name: &str,
    operator_namespace: &str,
) -> Result<Evidence, Fault> {
    let client = &at.client;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    let pod = api
        .get(name)
        .await
        .map_err(|error| refused(&error, at, namespace, name))?;
    let pod = serde_json::to_value(pod).map_err(|_| Fault::failure("the API server's answer is no pod"))?;
    let mut secrets = Vec::new();
    for asked in named(&pod) {
        let (home, own) = located(namespace, &asked);
        let api: Api<VaultSecret> = Api::namespaced(client.clone(), home);
        let found = looked(api.get(own).await);
        secrets.push((asked, found));
    }
    Ok(Evidence {
        secrets,
        webhook: webhook(client).await,
        events: events(client, namespace, name, pod["metadata"]["uid"].as_str()).await,
        log: log(client, namespace, name).await,
        operator_namespace: operator_namespace.to_owned(),
        pod,
    })
}

/// The VaultSecrets that a pod names, without those that cannot be names.
fn named(pod: &Value) -> Vec<String> {
    let text = pod["metadata"]["annotations"][annotations::INJECT]
        .as_str()
        .unwrap_or_default();
    let names = text.split(',').map(str::trim).filter(|name| is_name(name));
    names.take(LIMIT).map(str::to_owned).collect()
}

/// Whether a VaultSecret can be named like this.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |name: &str| {
        let byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        !name.is_empty() && name.len() <= 253 && !name.starts_with('.') && name.bytes().all(byte)
    };
    match text.split_once('/') {
        Some((namespace, name)) => plain(namespace) && plain(name),
        None => plain(text),
    }
}

async fn webhook(client: &Client) -> Looked<Value> {
    let kind = GroupVersionKind::gvk(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
    );
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
    match looked(api.get("splitvault").await) {
        Looked::Found(found) => serde_json::to_value(found).map_or(Looked::Missing, Looked::Found),
        Looked::Missing => Looked::Missing,
        Looked::Forbidden => Looked::Forbidden,
        Looked::Failed(why) => Looked::Failed(why),
    }
}

async fn events(client: &Client, namespace: &str, name: &str, uid: Option<&str>) -> Looked<Vec<Told>> {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let fields = format!("involvedObject.kind=Pod,involvedObject.name={name}");
    let page = ListParams::default().fields(&fields).limit(EVENTS);
    let mut found = match looked(api.list(&page).await) {
        Looked::Found(list) => list.items,
        Looked::Missing => return Looked::Missing,
        Looked::Forbidden => return Looked::Forbidden,
        Looked::Failed(why) => return Looked::Failed(why),
    };
    // An earlier pod of a StatefulSet had the same name.
    found.retain(|event| uid.is_none() || event.involved_object.uid.as_deref() == uid);
    found.sort_by_key(|event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.or(event.event_time.as_ref().map(|time| time.0))
    });
    let told = found.into_iter().map(|event| Told {
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    });
    Looked::Found(told.collect())
}

async fn log(client: &Client, namespace: &str, name: &str) -> Looked<String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let params = LogParams {
        container: Some(SIDECAR.to_owned()),
        tail_lines: Some(LINES),
        limit_bytes: i64::try_from(BYTES).ok(),
        timestamps: true,
        ..LogParams::default()
    };
    match looked(api.logs(name, &params).await) {
        Looked::Found(log) if log.len() >= BYTES => {
            Looked::Failed(format!("its last {LINES} lines are longer than {BYTES} bytes"))
        }
        other => other,
    }
}

fn looked<T>(answer: Result<T, kube::Error>) -> Looked<T> {
    match answer {
        Ok(found) => Looked::Found(found),
        Err(kube::Error::Api(status)) => match status.code {
            404 => Looked::Missing,
            401 | 403 => Looked::Forbidden,
            // As for the log of a container that has not started.
            _ => Looked::Failed(status.message.clone()),
        },
        Err(error) => Looked::Failed(chain(&error)),
    }
}

fn refused(error: &kube::Error, at: &Connection, namespace: &str, name: &str) -> Fault {
    let kube::Error::Api(status) = error else {
        return unreachable(error, at);
    };
    let pod = format!("pod {namespace}/{name}");
    match status.code {
        404 => Fault::failure(format!("{pod} is not there")).next(format!(
            "see what there is: kubectl -n {namespace} get pods; a pod that was refused says why in an event of its owner: \
             kubectl -n {namespace} get events"
        )),
        403 => Fault::failure(format!("{pod} may not be read by you: {}", status.message))
            .next(format!("kubectl auth can-i get pods -n {namespace}")),
        401 => Fault::failure(format!("{pod} was refused: you are not logged in")).next("log in to the cluster again"),
        _ => Fault::failure(format!("{pod} cannot be read: {}", status.message)),
    }
}
