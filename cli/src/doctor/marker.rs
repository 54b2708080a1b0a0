//! Whether the webhook had its way with the pod, and if not, why not. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use splitvault_api::annotations;

use super::SIDECAR;
use super::diagnose::{make_anew, text};
use super::evidence::{Evidence, Looked};
use super::finding::{Finding, Level};

/// The injected container's own variable with the VaultSecrets that it asks for.
const VAULT_SECRETS: &str = "SPLITVAULT_VAULTSECRETS";
/// The one with what it does once changed variables are in place.
pub(super) const ON_CHANGE: &str = "SPLITVAULT_ON_CHANGE";
/// The one with the mode of the files that it writes.
pub(super) const FILE_MODE: &str = "SPLITVAULT_FILE_MODE";
/// The webhook for pods in its configuration.
const WEBHOOK: &str = "pods.splitvault.dev";
const CONFIG: &str = "MutatingWebhookConfiguration splitvault";
/// Set by kubelet on the image of a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Nothing when the pod is injected.
pub(super) fn look(evidence: &Evidence, all: &BTreeMap<String, String>) -> Vec<Finding> {
    let pod = &evidence.pod;
    let has_sidecar = sidecar(pod).is_some();
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

/// The injected container.
pub(super) fn sidecar(pod: &Value) -> Option<&Value> {
    let mut init = pod["spec"]["initContainers"].as_array()?.iter();
    init.find(|one| one["name"] == SIDECAR)
}

/// The VaultSecrets that the injected container asks for; `None` when there is no such container, or it does not say.
pub(super) fn injected_for(pod: &Value) -> Option<&str> {
    setting(pod, VAULT_SECRETS)
}

/// A variable of the injected container, with which the webhook steers it; `None` when it is not there or empty.
pub(super) fn setting<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let mut env = sidecar(pod)?["env"].as_array()?.iter();
    let setting = env.find(|one| one["name"] == name)?;
    Some(text(&setting["value"])).filter(|value| !value.is_empty())
}

/// What the annotation names now, where that is not what the pod was made with.
pub(super) fn changed(pod: &Value, named: &[String]) -> Option<Finding> {
    let injected = injected_for(pod)?;
    let asks: Vec<_> = injected.split(',').map(str::trim).collect();
    let is_named = |name: &&&str| named.iter().any(|one| one == **name);
    let came_of_it = match asks.iter().find(|name| !is_named(name)) {
        Some(gone) => {
            format!("and {gone} is not named any more, so it is refused; the pod keeps what it has, or waits")
        }
        None => {
            let new = named.iter().find(|name| !asks.contains(&name.as_str()))?;
            format!("and not for {new}")
        }
    };
    let message =
        format!("was changed after the pod was made: its sidecar asks for {injected}, {came_of_it}");
    Some(Finding::new(Level::Wrong, annotations::INJECT, message).next(make_anew(pod)))
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
        "is in place now, so the annotation came when the pod was there already: write it into the pod template; or when the \
         pod was made, the webhook was away or switched off, or another one after it wrote the annotation: the name of that \
         one's configuration has to sort before `splitvault`"
            .to_owned(),
    )
}
