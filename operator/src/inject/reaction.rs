//! What the sidecar does once changed variables are in place: whether this pod and this cluster allow it, and how the
//! sidecar is told.

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Value, json};
use splitvault_api::{Mode, Reaction, Request};
use splitvault_wire::pod as wire;

use super::containers::Target;
use super::identity::Identity;
use super::{Refusal, Surroundings};

/// Refuses what cannot work.
pub(super) fn refuse(spec: &PodSpec, request: &Request, around: &Surroundings<'_>) -> Result<(), Refusal> {
    match request.on_change {
        Reaction::Signal { .. } if spec.host_pid == Some(true) => Err(Refusal::ProcessesOfNode),
        Reaction::Signal { .. } if spec.share_process_namespace != Some(true) => {
            Err(Refusal::ProcessesNotShared)
        }
        Reaction::RestartContainers if !around.restart_in_place => Err(Refusal::NoRestartInPlace),
        Reaction::None | Reaction::Signal { .. } | Reaction::Http { .. } | Reaction::RestartContainers => {
            Ok(())
        }
    }
}

/// A signal reaches processes of the same user only (`kill(2)`), and a call the loopback of the pod's network.
pub(super) fn warn_about(
    spec: &PodSpec,
    request: &Request,
    targets: &[Target<'_>],
    identity: Identity,
    warnings: &mut Vec<String>,
) {
    let reload = matches!(request.on_change, Reaction::Signal { .. } | Reaction::Http { .. });
    if reload && request.mode == Mode::Env {
        warnings.push(
            "annotation splitvault.dev/on-change: in mode env a process keeps the variables that it began with, unless this \
             ends it: take splitvault.dev/mode: file, or on-change: RestartContainers"
                .to_owned(),
        );
    }
    if matches!(request.on_change, Reaction::Signal { .. }) && !identity.is_of_all(spec, targets) {
        warnings.push(
            "annotation splitvault.dev/on-change: a signal reaches processes of the sidecar's own UID only, and the \
             containers' are not known to be the same: set runAsUser, other than 0, in the pod's securityContext"
                .to_owned(),
        );
    }
    if matches!(request.on_change, Reaction::Http { .. }) && spec.host_network == Some(true) {
        warnings.push(
            "annotation splitvault.dev/on-change: with hostNetwork the sidecar calls the node's 127.0.0.1, where another \
             process than the pod's may listen on that port"
                .to_owned(),
        );
    }
}

/// The sidecar's variables.
pub(super) fn variables(request: &Request) -> Vec<(&'static str, &str)> {
    match &request.on_change {
        Reaction::None => Vec::new(),
        Reaction::Signal { signal, process } => vec![
            (wire::ON_CHANGE, wire::ON_CHANGE_SIGNAL),
            (wire::SIGNAL, signal),
            (wire::SIGNAL_PROCESS, process),
        ],
        Reaction::Http { url } => vec![
            (wire::ON_CHANGE, wire::ON_CHANGE_HTTP),
            (wire::ON_CHANGE_URL, url),
        ],
        Reaction::RestartContainers => vec![(wire::ON_CHANGE, wire::ON_CHANGE_RESTART)],
    }
}

/// The sidecar's `restartPolicyRules`: one of its ends has kubelet restart all containers (KEP-5532).
pub(super) fn restart_rules(request: &Request) -> Option<Value> {
    let exit_codes = json!({"operator": "In", "values": [wire::RESTART_CODE]});
    (request.on_change == Reaction::RestartContainers)
        .then(|| json!([{"action": "RestartAllContainers", "exitCodes": exit_codes}]))
}
