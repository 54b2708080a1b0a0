//! Whether the webhook had its way with the pod, and if not, why not. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use splitvault_api::annotations;

use super::SIDECAR;
use super::diagnose::{make_anew, text};
use super::evidence::{Evidence, Looked};
use super::finding::{Finding, Level};

/// The webhook for pods in its configuration.
const WEBHOOK: &str = "pods.splitvault.dev";
const CONFIG: &str = "MutatingWebhookConfiguration splitvault";
/// Set by kubelet on the image of a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Nothing when the pod is injected.
pub(super) fn look(evidence: &Evidence, all: &BTreeMap<String, String>) -> Vec<Finding> {
    let pod = &evidence.pod;
    let init = pod["spec"]["initContainers"].as_array();
    let has_sidecar = init.is_some_and(|all| all.iter().any(|one| one["name"] == SIDECAR));
    let marked = all.contains_key(annotations::INJECTED);
    if marked && has_sidecar {
        return Vec::new();
    }
    let what = if marked {
        "is there, but the container splitvault is not: the marker was copied, or the container was taken out"
    } else {
        "is not there: the pod started without its variables"
    };
    let why = if all.contains_key(MIRROR) {
        Finding::new(
            Level::Wrong,
            MIRROR,
            "a static pod is made by kubelet and cannot be injected",
        )
    } else {
        webhook(evidence)
    };
    vec![
        Finding::new(Level::Wrong, annotations::INJECTED, what).next(make_anew(pod)),
        why,
    ]
}

/// The webhook's state, as far as it can be told.
fn webhook(evidence: &Evidence) -> Finding {
    let namespace = text(&evidence.pod["metadata"]["namespace"]);
    let wrong = |message: String| Finding::new(Level::Wrong, CONFIG, message);
    if namespace == "kube-system" || namespace == evidence.operator_namespace {
        return wrong(format!(
            "pods of namespace {namespace} are never injected: use another one"
        ));
    }
    let config = match &evidence.webhook {
        Looked::Found(config) => config,
        Looked::Missing => {
            return wrong("is not there: is Splitvault installed?".to_owned()).next(format!(
                "helm -n {} status splitvault",
                evidence.operator_namespace
            ));
        }
        Looked::Forbidden => {
            return Finding::new(
                Level::Note,
                CONFIG,
                "you may not look at it, so why cannot be told",
            )
            .next("kubectl auth can-i get mutatingwebhookconfigurations");
        }
        Looked::Failed(why) => return Finding::new(Level::Note, CONFIG, format!("cannot be read: {why}")),
    };
    let hooks = config["webhooks"].as_array();
    let Some(hook) = hooks.and_then(|hooks| hooks.iter().find(|hook| hook["name"] == WEBHOOK)) else {
        return wrong(format!(
            "has no webhook {WEBHOOK}: somebody took it out; install the chart again"
        ));
    };
    if text(&hook["clientConfig"]["caBundle"]).is_empty() {
        return wrong("has no caBundle yet: the operator has not written it".to_owned()).next(format!(
            "kubectl -n {} logs deployment/splitvault-operator",
            evidence.operator_namespace
        ));
    }
    if hook["failurePolicy"] == "Ignore" {
        return wrong(
            "has failurePolicy Ignore: pods start without variables while the operator is away; set it to Fail".to_owned(),
        );
    }
    // Both as RFC 3339 in UTC, which sorts like time.
    let made = |object: &Value| text(&object["metadata"]["creationTimestamp"]).to_owned();
    if !made(config).is_empty() && made(config) > made(&evidence.pod) {
        return wrong("was made after the pod, which therefore passed no webhook".to_owned());
    }
    wrong(
        "is in place now; when the pod was made, it was away or switched off, or the annotation came from a webhook after \
         it: the name of that one's configuration has to sort before `splitvault`"
            .to_owned(),
    )
    .next("kubectl get mutatingwebhookconfigurations")
}
