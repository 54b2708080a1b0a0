//! What the webhook asks the API server and the key database for. What is remembered of a
//! VaultSecret answers only when it is good news.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use splitvault_api::{Asker, VaultSecret, located};
use tokio::time::timeout;

use super::WebhookState;
use crate::inject::{Injectable, Names, Unknown};
use crate::restart::{Tags, tag};

/// For all look-ups of one review; the API server waits for ten seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What may be known of each of these VaultSecrets to this pod, in order, and which content each has.
pub(super) async fn objects(
    state: &WebhookState,
    asker: &Asker<'_>,
    names: &[String],
) -> (Vec<Injectable>, Tags) {
    let object = async |name: &String| {
        let looked = timeout(PATIENCE, look(state, asker, name)).await;
        let (names, content) = looked.unwrap_or((Names::Unknown(Unknown::Unavailable), None));
        let name = name.clone();
        let content = content.map(|content| (name.clone(), content));
        (Injectable { name, names }, content)
    };
    let looked = join_all(names.iter().map(object)).await;
    let (objects, contents): (Vec<_>, Vec<_>) = looked.into_iter().unzip();
    (objects, Tags(contents.into_iter().flatten().collect()))
}

async fn look(state: &WebhookState, asker: &Asker<'_>, name: &str) -> (Names, Option<String>) {
    let unknown = |why| (Names::Unknown(why), None);
    let (namespace, name) = located(asker.namespace, name);
    // What is not there and what is not for the pod look alike from another namespace.
    let (missing, not_allowed) = if namespace == asker.namespace {
        (Unknown::Missing, Unknown::NotAllowed)
    } else {
        (Unknown::NotConsented, Unknown::NotConsented)
    };
    if !state.consent.allows(asker.namespace, namespace) {
        return unknown(not_allowed);
    }
    let allows = |object: &Arc<VaultSecret>| object.spec.allows(namespace, asker);
    let remembered = state.latest.remembered(namespace, name).filter(allows);
    let object = match remembered {
        Some(object) => object,
        None => match state.latest.ask(namespace, name).await {
            Ok(Some(object)) => object,
            Ok(None) => return unknown(missing),
            Err(_) => return unknown(Unknown::Unavailable),
        },
    };
    // First: who may not have a VaultSecret learns none of its names from a pod's spec.
    if !allows(&object) {
        return unknown(not_allowed);
    }
    let digest = object.status.as_ref().and_then(|status| status.digest.as_ref());
    // What is being deleted is not delivered: the pod waits for the next object of that name.
    let stays = object.metadata.deletion_timestamp.is_none();
    let content = match (&object.metadata.uid, digest) {
        (Some(uid), Some(digest)) if stays => Some(tag::content(uid, digest)),
        _ => None,
    };
    (exposed(state, &object).await, content)
}

async fn exposed(state: &WebhookState, object: &VaultSecret) -> Names {
    if !object.spec.exposes_names() {
        return Names::Hidden;
    }
    let observed = object
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    let Some(uid) = object
        .metadata
        .uid
        .as_ref()
        .filter(|_| observed == object.metadata.generation)
    else {
        return Names::Unknown(Unknown::NotReady);
    };
    match state.names.names(uid).await {
        Ok(Some(names)) => names,
        Ok(None) => Names::Unknown(Unknown::NotReady),
        Err(_) => Names::Unknown(Unknown::Unavailable),
    }
}
