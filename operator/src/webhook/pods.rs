//! Pods that ask for variables.

use std::collections::BTreeMap;
use std::time::Duration;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation};
use serde::Deserialize;
use serde_json::Value;
use splitvault_api::{Asker, Request, annotations, located};
use tokio::time::Instant;

use super::review::{Answer, Review, Why};
use super::{Webhook, images, lookup};
use crate::inject::{self, Injection, Programs, Refusal, Surroundings};
use crate::restart::Tags;

/// Set by kubelet on the image of a static pod, which runs already and cannot be changed.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Reads what the annotations ask for, looks the VaultSecrets up, and plans the injection.
pub(super) async fn admit(webhook: &Webhook, review: &Review) -> Answer {
    let request = &review.request;
    let pod = &request.object;
    let main = request.sub_resource.as_deref().is_none_or(str::is_empty);
    if request.operation != "CREATE" || !main {
        return Answer::Allowed;
    }
    let annotations = match read(pod) {
        Some(annotations) => annotations,
        None => return refused("the pod's annotations are not text", false, "Malformed"),
    };
    let asked = match Request::parse(&annotations) {
        Ok(Some(asked)) => asked,
        Ok(None) => return Answer::Allowed,
        Err(refusal) => return misunderstood(&refusal),
    };
    if annotations.contains_key(MIRROR) {
        return Answer::Allowed;
    }
    if inject::is_injected(pod) {
        return answer(inject::restore_order(pod, &asked));
    }
    let Some(namespace) = request
        .namespace
        .as_deref()
        .filter(|namespace| !namespace.is_empty())
    else {
        return refused("a pod is in a namespace", false, "NoNamespace");
    };
    if let Some(answer) = refuse_own(namespace, &asked) {
        return answer;
    }
    match plan(webhook, namespace, pod, &asked).await {
        Ok(answer) => answer,
        Err(Late) => refused(
            "the operator cannot reach the API server: try again",
            true,
            "NoApiServer",
        ),
    }
}

/// A VaultSecret of the pod's own namespace has one name: under two of them a change of it would not find all of its pods.
fn refuse_own(namespace: &str, asked: &Request) -> Option<Answer> {
    let is_own = |name: &String| name.contains('/') && located(namespace, name).0 == namespace;
    let at = asked.vault_secrets.iter().position(is_own)?;
    let (_, name) = located(namespace, asked.vault_secrets.get(at)?);
    let message = format!(
        "annotation {}: item {} is in the pod's own namespace: write {name} without the namespace",
        annotations::INJECT,
        at + 1
    );
    Some(refused(&message, false, "OwnNamespace"))
}

/// Of the ten seconds that the API server waits; what is not known then is refused with a sentence instead of a silence.
const PATIENCE: Duration = Duration::from_secs(8);

/// The API server does not answer.
pub(super) struct Late;

async fn plan(webhook: &Webhook, namespace: &str, pod: &Value, asked: &Request) -> Result<Answer, Late> {
    let state = &webhook.state;
    let deadline = Instant::now() + PATIENCE;
    let ca = state.ca.load_full();
    if ca.is_empty() {
        return Ok(refused(
            "the operator has no certificate yet: try again",
            true,
            "NoCertificate",
        ));
    }
    let labels = BTreeMap::<String, String>::deserialize(&pod["metadata"]["labels"]).unwrap_or_default();
    let account = pod["spec"]["serviceAccountName"]
        .as_str()
        .filter(|name| !name.is_empty())
        .unwrap_or("default");
    let asker = Asker {
        namespace,
        service_account: account,
        labels: &labels,
    };
    let (kubelets, (objects, contents)) = tokio::join!(
        webhook.kubelets.look(&state.client),
        lookup::objects(state, &asker, &asked.vault_secrets),
    );
    let kubelets = kubelets.map_err(|_| Late)?;
    let around = Surroundings {
        config: &state.config,
        ca: &ca,
        environment_files: state
            .config
            .environment_files
            .unwrap_or(kubelets.environment_files),
        restart_in_place: kubelets.restart_in_place,
        programs: &Programs::default(),
    };
    let programs = images::programs(state, namespace, pod, (asked, &objects, &around), deadline).await?;
    let around = Surroundings {
        programs: &programs,
        ..around
    };
    let planned = inject::inject(pod, asked, &objects, &around);
    Ok(answer(
        planned.map(|injection| stamped(injection, pod, &contents)),
    ))
}

fn answer(planned: Result<Injection, Refusal>) -> Answer {
    match planned {
        Ok(Injection { patch, warnings }) if patch.0.is_empty() => Answer::allowed(warnings),
        Ok(Injection { patch, warnings }) => Answer::Patched { patch, warnings },
        Err(refusal) => refused(&refusal.to_string(), refusal.is_passing(), refusal.kind()),
    }
}

/// With the contents that there are now, which the controller compares when a change has workloads rolled; and with nothing
/// that somebody else wrote there, as in a copy of another pod.
fn stamped(mut injection: Injection, pod: &Value, contents: &Tags) -> Injection {
    let operations = &mut injection.patch.0;
    // What is injected has annotations.
    let path = PointerBuf::from_tokens(["metadata", "annotations", annotations::CONTENT]);
    let had = &pod["metadata"]["annotations"][annotations::CONTENT];
    if operations.is_empty() {
        // Then there is nothing to stamp.
    } else if !contents.0.is_empty() {
        let value = contents.text().into();
        operations.push(PatchOperation::Add(AddOperation { path, value }));
    } else if !had.is_null() {
        operations.push(PatchOperation::Remove(RemoveOperation { path }));
    }
    injection
}

/// `None` when they are anything but a map of strings; none at all are an empty map.
fn read(pod: &Value) -> Option<BTreeMap<String, String>> {
    match &pod["metadata"]["annotations"] {
        Value::Null => Some(BTreeMap::new()),
        annotations => BTreeMap::deserialize(annotations).ok(),
    }
}

fn misunderstood(refusal: &splitvault_api::Refusal) -> Answer {
    Answer::Refused {
        message: refusal.to_string(),
        passing: false,
        why: Why {
            kind: "AnnotationInvalid",
            annotation: Some(refusal.annotation.clone()),
        },
    }
}

fn refused(message: &str, passing: bool, kind: &'static str) -> Answer {
    Answer::Refused {
        message: message.to_owned(),
        passing,
        why: kind.into(),
    }
}
