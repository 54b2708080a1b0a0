//! Evicting pods that started without their variables, so that their owner makes them anew. By the Eviction API, so
//! that disruption budgets hold; one after the other; and one pod of an owner in a while, because one that is made anew
//! without variables again must not be the beginning of a loop.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1;
use kube::api::{DeleteParams, EvictParams, Preconditions};
use kube::{Api, Client};
use tokio::time::Instant;

use super::find::Pod;

/// Evictions after one search.
const AT_ONCE: usize = 20;
/// Between two evictions of pods of the same owner.
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// Owners that are remembered.
const REMEMBERED: usize = 4096;
/// The client retries what the API server refuses for now; no longer than this.
const PATIENCE: Duration = Duration::from_secs(20);
const WEBHOOK: &str = "pods.splitvault.dev";

/// The owners whose pods were evicted lately, by UID.
#[derive(Debug, Default)]
pub(super) struct Evicted(BTreeMap<String, Instant>);

impl Evicted {
    /// Chooses the pods that may be evicted now, one of each owner, and remembers it. Pods in `spared` namespaces are never
    /// injected, so it would not help them.
    pub(super) fn choose<'a>(&mut self, pods: &'a [Pod], spared: &[&str], now: Instant) -> Vec<&'a Pod> {
        self.0.retain(|_, then| now.duration_since(*then) < AGAIN);
        let mut chosen = Vec::new();
        for pod in pods
            .iter()
            .filter(|pod| !spared.contains(&pod.namespace.as_str()))
        {
            let Some(maker) = &pod.maker else { continue };
            if chosen.len() < AT_ONCE && self.0.len() < REMEMBERED && !self.0.contains_key(maker) {
                self.0.insert(maker.clone(), now);
                chosen.push(pod);
            }
        }
        chosen
    }
}

/// What became of an eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Evicted,
    /// A disruption budget holds it.
    Held,
    /// It is gone already, or another one of that name.
    Gone,
    Forbidden,
    Failed,
}

impl Outcome {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "Evicted",
            Self::Held => "Held",
            Self::Gone => "Gone",
            Self::Forbidden => "Forbidden",
            Self::Failed => "Failed",
        }
    }
}

pub(super) async fn evict(client: &Client, pod: &Pod) -> Outcome {
    let api: Api<v1::Pod> = Api::namespaced(client.clone(), &pod.namespace);
    let params = EvictParams {
        delete_options: Some(DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(pod.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        }),
        ..EvictParams::default()
    };
    match tokio::time::timeout(PATIENCE, api.evict(&pod.name, &params)).await {
        Ok(Ok(_)) => Outcome::Evicted,
        Ok(Err(kube::Error::Api(status))) => match status.code {
            429 => Outcome::Held,
            404 | 409 => Outcome::Gone,
            403 => Outcome::Forbidden,
            _ => Outcome::Failed,
        },
        Ok(Err(_)) | Err(_) => Outcome::Failed,
    }
}

/// Whether a pod that is made now would be injected: the webhook is there, and the API server can trust it.
pub(super) fn is_armed(configuration: &MutatingWebhookConfiguration) -> bool {
    let mut webhooks = configuration.webhooks.iter().flatten();
    let ours = webhooks.find(|webhook| webhook.name == WEBHOOK);
    ours.is_some_and(|ours| {
        ours.client_config
            .ca_bundle
            .as_ref()
            .is_some_and(|bundle| !bundle.0.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(namespace: &str, maker: Option<&str>) -> Pod {
        Pod {
            namespace: namespace.to_owned(),
            name: "web".to_owned(),
            uid: "p-1".to_owned(),
            asked: Vec::new(),
            maker: maker.map(str::to_owned),
        }
    }

    #[test]
    fn one_pod_of_an_owner_in_a_while_and_never_a_bare_one() {
        let pods = [
            pod("shop", Some("a")),
            pod("shop", Some("a")),
            pod("shop", None),
            pod("kube-system", Some("b")),
            pod("shop", Some("c")),
        ];
        let (mut evicted, now) = (Evicted::default(), Instant::now());
        let chosen = evicted.choose(&pods, &["kube-system"], now);
        let makers: Vec<_> = chosen.iter().map(|pod| pod.maker.as_deref().unwrap()).collect();
        assert_eq!(makers, ["a", "c"]);
        assert!(
            evicted
                .choose(&pods, &[], now + AGAIN / 2)
                .iter()
                .all(|pod| pod.maker.as_deref() == Some("b"))
        );
        assert_eq!(evicted.choose(&pods, &["kube-system"], now + AGAIN).len(), 2);
    }

    #[test]
    fn not_more_than_a_few_after_one_search() {
        let pods: Vec<_> = (0..100)
            .map(|number| pod("shop", Some(&number.to_string())))
            .collect();
        let (mut evicted, now) = (Evicted::default(), Instant::now());
        assert_eq!(evicted.choose(&pods, &[], now).len(), AT_ONCE);
        assert_eq!(
            evicted.choose(&pods, &[], now).len(),
            AT_ONCE,
            "the next ones after the next search"
        );
    }

    #[test]
    fn without_a_webhook_that_is_trusted_nothing_would_be_better() {
        let armed = |name: &str, bundle: &str| {
            let configuration = json!({"metadata": {}, "webhooks": [{"name": name, "admissionReviewVersions": ["v1"],
                "sideEffects": "None", "clientConfig": {"caBundle": bundle}}]});
            is_armed(&serde_json::from_value(configuration).unwrap())
        };
        assert!(armed(WEBHOOK, "UEVN"));
        assert!(!armed(WEBHOOK, ""));
        assert!(!armed("others.example.org", "UEVN"));
        assert!(!is_armed(&MutatingWebhookConfiguration::default()));
    }
}
