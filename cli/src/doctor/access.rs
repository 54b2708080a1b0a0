//! The VaultSecrets that a pod asks for: there, ready, and for this pod. Pure.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use splitvault_api::{Asker, READY, Request, VaultSecret, located};

use super::diagnose::text;
use super::evidence::{Evidence, Looked};
use super::finding::{Finding, Level};

/// A finding for each.
pub(super) fn look(evidence: &Evidence, request: &Request) -> Vec<Finding> {
    let namespace = text(&evidence.pod["metadata"]["namespace"]);
    let account = match text(&evidence.pod["spec"]["serviceAccountName"]) {
        "" => "default",
        name => name,
    };
    let asked = evidence
        .secrets
        .iter()
        .filter(|(name, _)| request.vault_secrets.contains(name));
    let labels = BTreeMap::deserialize(&evidence.pod["metadata"]["labels"]).unwrap_or_default();
    let asker = Asker {
        namespace,
        service_account: account,
        labels: &labels,
    };
    asked.map(|(name, looked)| one(&asker, name, looked)).collect()
}

fn one(asker: &Asker<'_>, name: &str, looked: &Looked<VaultSecret>) -> Finding {
    let (namespace, own) = located(asker.namespace, name);
    let about = format!("VaultSecret {name}");
    match looked {
        Looked::Found(object) => {
            let (level, message) = judge(object, namespace, asker);
            let finding = Finding::new(level, about, message);
            if level == Level::Well {
                return finding;
            }
            finding.next(format!("kubectl -n {namespace} describe vaultsecret {own}"))
        }
        Looked::Missing => {
            let message = format!(
                "is not there in namespace {namespace}: a pod that has no variables yet waits for it, one that has them keeps them"
            );
            Finding::new(Level::Wrong, about, message)
                .next(format!("kubectl -n {namespace} get vaultsecrets"))
        }
        Looked::Forbidden => Finding::new(Level::Note, about, "you may not look at it").next(format!(
            "kubectl auth can-i get vaultsecrets.splitvault.dev -n {namespace}"
        )),
        Looked::Failed(why) => Finding::new(Level::Note, about, format!("cannot be read: {why}")),
    }
}

/// Whether this pod gets it, as the operator decides that. What the installation consents to cannot be seen from here.
fn judge(object: &VaultSecret, home: &str, asker: &Asker<'_>) -> (Level, String) {
    if !object.spec.allows(home, asker) {
        let message = format!(
            "spec.access does not let the pod have it, which runs as ServiceAccount {} of namespace {}: the pod does not get it",
            asker.service_account, asker.namespace
        );
        return (Level::Wrong, message);
    }
    if object.metadata.deletion_timestamp.is_some() {
        return (
            Level::Wrong,
            "is being deleted: no pod gets it any more".to_owned(),
        );
    }
    let status = object.status.clone().unwrap_or_default();
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == READY);
    let (is_ready, told) = ready.map_or(
        (false, "the operator has not looked at it yet".to_owned()),
        |ready| {
            (
                ready.status == "True",
                format!("{}: {}", ready.reason, ready.message),
            )
        },
    );
    let withheld = ready.is_some_and(|ready| ["Tampered", "RolledBack"].contains(&ready.reason.as_str()));
    match (status.revision, is_ready) {
        (Some(_), _) if status.observed_generation != object.metadata.generation => (
            Level::Note,
            "was changed and is being processed: look again in a moment".to_owned(),
        ),
        (Some(revision), true) => (Level::Well, format!("ready, revision {revision}")),
        (Some(revision), false) if !withheld => {
            let message = format!("revision {revision} is delivered, but it is not Ready: {told}");
            (Level::Note, message)
        }
        _ => (Level::Wrong, format!("is not delivered: {told}")),
    }
}
