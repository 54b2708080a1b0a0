//! What the webhook asks the API server and the key database for. One object at a time, nothing cached.

use std::time::Duration;

use futures::future::join_all;
use kube::Api;
use splitvault_api::VaultSecret;
use tokio::time::timeout;

use super::WebhookState;
use crate::inject::{Injectable, Names, Unknown};

/// For all look-ups of one review; the API server waits for ten seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What may be known of each of these VaultSecrets to a pod of this ServiceAccount, in order.
pub(super) async fn objects(
    state: &WebhookState,
    namespace: &str,
    account: &str,
    names: &[String],
) -> Vec<Injectable> {
    let object = async |name: &String| {
        let looked = timeout(PATIENCE, look(state, namespace, account, name)).await;
        let names = looked.unwrap_or(Names::Unknown(Unknown::Unavailable));
        Injectable {
            name: name.clone(),
            names,
        }
    };
    join_all(names.iter().map(object)).await
}

async fn look(state: &WebhookState, namespace: &str, account: &str, name: &str) -> Names {
    let api: Api<VaultSecret> = Api::namespaced(state.client.clone(), namespace);
    let object = match api.get_opt(name).await {
        Ok(Some(object)) => object,
        Ok(None) => return Names::Unknown(Unknown::Missing),
        Err(_) => return Names::Unknown(Unknown::Unavailable),
    };
    // First: who may not have a VaultSecret learns none of its names from a pod's spec.
    if !object.spec.allows(account) {
        return Names::Unknown(Unknown::NotAllowed);
    }
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
        .filter(|_| observed == object.metadata.generation)
    else {
        return Names::Unknown(Unknown::NotReady);
    };
    match state.names.names(&uid).await {
        Ok(Some(names)) => names,
        Ok(None) => Names::Unknown(Unknown::NotReady),
        Err(_) => Names::Unknown(Unknown::Unavailable),
    }
}
