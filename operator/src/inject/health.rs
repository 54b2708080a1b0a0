//! Where the sidecar answers for its health: whether that place is free, and how the sidecar is told.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use splitvault_api::{Refresh, Request};
use splitvault_wire::pod as wire;

use super::Refusal;

/// Refuses a port that a container says is its own: one of the two could not listen.
pub(super) fn refuse(spec: &PodSpec, request: &Request) -> Result<(), Refusal> {
    let Some(port) = port(request) else {
        return Ok(());
    };
    let init = spec.init_containers.iter().flatten();
    let mut all = init.chain(&spec.containers);
    match all.find(|container| listens(container, port)) {
        None => Ok(()),
        Some(container) => Err(Refusal::PortTaken {
            container: container.name.clone(),
            port,
        }),
    }
}

fn listens(container: &Container, port: u16) -> bool {
    let ports = container.ports.iter().flatten();
    let mut tcp = ports.filter(|port| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP"));
    tcp.any(|other| other.container_port == i32::from(port))
}

/// What does not do what its author may think.
pub(super) fn warn_about(spec: &PodSpec, request: &Request, warnings: &mut Vec<String>) {
    if request.health_port.is_some() && request.refresh == Refresh::Once {
        warnings.push(
            "annotation splitvault.dev/health-port has no effect with splitvault.dev/refresh: \"false\", as no sidecar stays \
             that could answer: remove one of them"
                .to_owned(),
        );
    }
    if port(request).is_some() && spec.host_network == Some(true) {
        warnings.push(
            "annotation splitvault.dev/health-port: with hostNetwork the sidecar listens on the node's 127.0.0.1, where \
             everybody on the node can ask it; each such pod of a node needs a port of its own"
                .to_owned(),
        );
    }
}

/// The sidecar's variable.
pub(super) fn variable(request: &Request) -> Option<(&'static str, String)> {
    port(request).map(|port| (wire::HEALTH_PORT, port.to_string()))
}

/// Where a sidecar that stays is to listen.
fn port(request: &Request) -> Option<u16> {
    request.health_port.filter(|_| request.refresh != Refresh::Once)
}
