//! Why a request was not taken or not done: which permission is missing and how it is granted.

use splitvault_api::{Demand, MASTER_KEYS, Outcome, Permission, VaultRequest};

use super::{Ask, look, message};
use crate::cluster::{Connection, chain};
use crate::fault::Fault;

/// The request was not taken.
pub(super) fn create(error: &kube::Error, ask: &Ask<'_>, demand: &Demand) -> Fault {
    let kube::Error::Api(status) = error else {
        return unreachable(error, ask.at);
    };
    let (action, namespace) = (ask.spec.action.as_str(), ask.namespace);
    let refused = |why: &str| Fault::failure(format!("{action} was not taken: {why}: {}", status.message));
    match status.code {
        403 if status.message.contains("vaultrequests.splitvault.dev\" denied") => {
            Fault::failure(format!("{action} was not taken: {}", status.message))
        }
        403 => refused(&format!(
            "you may not create VaultRequests in namespace {namespace}"
        ))
        .next(grant(demand.permission(), namespace, "YOU")),
        401 => refused("you are not logged in").next("log in to the cluster again"),
        404 if status.message.starts_with("namespaces ") => Fault::failure(format!(
            "{action} was not taken: there is no namespace {namespace}"
        ))
        .next("give the right one by --namespace: kubectl get namespaces"),
        404 => refused("the cluster knows no VaultRequests").next(
            "is Splitvault installed, and of this version? kubectl get crd vaultrequests.splitvault.dev",
        ),
        500 | 503 => refused("the operator's webhook did not answer")
            .next("see whether it runs: kubectl -n splitvault-system get pods"),
        _ => refused("the API server refused it"),
    }
}

/// Nobody wrote down who asks, so the operator would never do it.
pub(super) fn unstamped(ask: &Ask<'_>) -> Fault {
    let action = ask.spec.action.as_str();
    Fault::failure(format!(
        "{action} was not taken: the operator's webhook was not asked, so nobody vouches for who asks; the request was \
         taken away again"
    ))
    .next("is the chart installed, not only its CRDs? kubectl get mutatingwebhookconfiguration splitvault")
}

/// The request cannot be looked at any more.
pub(super) fn unreadable(error: &kube::Error, at: &Connection, asked: &VaultRequest) -> Fault {
    match error {
        kube::Error::Api(status) => Fault::failure(format!(
            "the request was made but cannot be read: {}",
            status.message
        ))
        .next(format!("the operator goes on with it; {}", look(asked))),
        _ => unreachable(error, at),
    }
}

/// The cluster does not answer.
pub(crate) fn unreachable(error: &kube::Error, at: &Connection) -> Fault {
    Fault::failure(format!("{} does not answer: {}", at.url, chain(error)))
        .next("check the kubeconfig's context")
}

/// The operator did not do it.
pub(super) fn failed(request: &VaultRequest) -> Fault {
    let (reason, message) = message(request).unwrap_or(("Unknown", "it does not say why"));
    let action = request.spec.action.as_str();
    let fault = Fault::failure(format!("{action} was not done: {reason}: {message}"));
    let namespace = request.metadata.namespace.as_deref().unwrap_or("default");
    let requester = request.spec.requester.as_ref();
    match Demand::try_from(&request.spec) {
        Ok(demand) if reason == Outcome::Denied.as_str() => {
            let who = requester.map_or("YOU", |requester| &requester.username);
            fault.next(grant(demand.permission(), namespace, who))
        }
        Ok(_) | Err(_) => fault,
    }
}

/// How somebody gets a permission.
pub(crate) fn grant(permission: Permission<'_>, namespace: &str, who: &str) -> String {
    let role = match (permission.resource, permission.verb) {
        (MASTER_KEYS, _) => "splitvault-key-admin",
        (_, "reveal") => "splitvault-revealer",
        _ => "splitvault-requester",
    };
    let subject = match who.strip_prefix("system:serviceaccount:") {
        Some(account) => format!("--serviceaccount={account}"),
        None => format!("--user={who}"),
    };
    format!(
        "whoever administers the namespace grants it: kubectl -n {namespace} create rolebinding {role} \
         --clusterrole={role} {subject}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_has_its_role_and_each_requester_its_form() {
        let permission = |verb, resource| Permission {
            verb,
            resource,
            name: None,
        };
        let text = grant(permission("reveal", "vaultsecrets"), "shop", "anna");
        assert!(
            text.ends_with("rolebinding splitvault-revealer --clusterrole=splitvault-revealer --user=anna")
        );
        let text = grant(
            permission("rotate", MASTER_KEYS),
            "vault",
            "system:serviceaccount:ci:bot",
        );
        assert!(text.contains("splitvault-key-admin") && text.ends_with("--serviceaccount=ci:bot"));
        assert!(
            grant(permission("rollback", "vaultsecrets"), "shop", "anna").contains("splitvault-requester")
        );
    }
}
