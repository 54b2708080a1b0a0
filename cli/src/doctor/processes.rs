//! The processes that run now and have the variables. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use splitvault_api::Request;

use super::containers::{Way, way};
use super::diagnose::text;
use super::{SIDECAR, log};

/// The first process of a container.
#[derive(Debug)]
pub(super) struct Process<'a> {
    /// The container's name.
    pub(super) container: &'a str,
    /// When it began, to the second, where kubelet says so.
    pub(super) since: Option<Timestamp>,
    /// Whether it has the variables in its environment, which is fixed when it begins.
    pub(super) keeps: bool,
}

/// Those of native sidecars included.
pub(super) fn running<'a>(pod: &'a Value, request: &Request) -> Vec<Process<'a>> {
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

fn process<'a>(container: &'a Value, statuses: &Value, request: &Request) -> Option<Process<'a>> {
    let way = way(container, request)?;
    let mut statuses = statuses.as_array()?.iter();
    let status = statuses.find(|one| one["name"] == container["name"])?;
    let running = status["state"]["running"].as_object()?;
    Some(Process {
        container: text(&container["name"]),
        since: running.get("startedAt").and_then(|at| log::time(at.as_str()?)),
        keeps: match way {
            Way::Command | Way::Kubelet(_) => true,
            Way::File { .. } => false,
        },
    })
}
