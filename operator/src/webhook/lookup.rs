//! What the webhook asks the API server and the key database for. One object at a time, nothing cached but the
//! cluster's version.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::{Api, Client};
use splitvault_api::VaultSecret;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::WebhookState;
use crate::inject::{Injectable, Names, Unknown};

/// For all look-ups of one review; the API server waits for ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// After which the cluster may have been upgraded.
const RECALL: Duration = Duration::from_secs(600);
/// The first minor version whose kubelets read environment files unless told not to (KEP-3721).
const ENVIRONMENT_FILES: u32 = 35;

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

/// Whether kubelets read environment files, by the API server's version.
#[derive(Debug, Default)]
pub(super) struct EnvironmentFiles(Mutex<Option<(Instant, bool)>>);

impl EnvironmentFiles {
    /// Asks the API server, or remembers.
    ///
    /// # Errors
    /// When the API server does not answer and never did.
    pub(super) async fn look(&self, client: &Client) -> Result<bool, kube::Error> {
        let mut known = self.0.lock().await;
        if let Some((when, are_there)) = *known
            && when.elapsed() < RECALL
        {
            return Ok(are_there);
        }
        let version = timeout(PATIENCE, client.apiserver_version()).await;
        let version = version.unwrap_or_else(|late| Err(kube::Error::Service(Box::new(late))));
        match (version, *known) {
            (Ok(version), _) => {
                let are_there = has_environment_files(&version);
                *known = Some((Instant::now(), are_there));
                Ok(are_there)
            }
            (Err(_), Some((_, are_there))) => Ok(are_there),
            (Err(error), None) => Err(error),
        }
    }
}

/// Some distributions write `35+`.
fn has_environment_files(version: &Info) -> bool {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().unwrap_or(0)
    };
    (number(&version.major), number(&version.minor)) >= (1, ENVIRONMENT_FILES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_files_are_there_from_1_35_on() {
        let has = |major: &str, minor: &str| {
            let (major, minor) = (major.to_owned(), minor.to_owned());
            has_environment_files(&Info {
                major,
                minor,
                ..Info::default()
            })
        };
        assert!(has("1", "35") && has("1", "37+") && has("2", "0"));
        assert!(!has("1", "34") && !has("1", "9+") && !has("", "") && !has("x", "99"));
    }
}
