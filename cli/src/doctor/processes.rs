//! The processes that run now and have the variables. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use splitvault_api::Request;

use super::containers::way;
use super::{SIDECAR, log};

/// The first process of a container.
#[derive(Debug)]
pub(super) struct Process {
    /// When it began, to the second, where kubelet says so.
    pub(super) since: Option<Timestamp>,
}

/// Those of native sidecars included.
pub(super) fn running(pod: &Value, request: &Request) -> Vec<Process> {
    let kinds = [
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
    ];
    let containers = kinds.into_iter().flat_map(|(spec, status)| {
        let containers = pod["spec"][spec].as_array().into_iter().flatten();
        containers.map(move |container| (container, &pod["status"][status]))
    });
    containers
        .filter(|(container, _)| container["name"] != SIDECAR)
        .filter_map(|(container, statuses)| process(container, statuses, request))
        .collect()
}

fn process(container: &Value, statuses: &Value, request: &Request) -> Option<Process> {
    way(container, request)?;
    let mut statuses = statuses.as_array()?.iter();
    let status = statuses.find(|one| one["name"] == container["name"])?;
    let running = status["state"]["running"].as_object()?;
    Some(Process {
        since: running.get("startedAt").and_then(|at| log::time(at.as_str()?)),
    })
}
