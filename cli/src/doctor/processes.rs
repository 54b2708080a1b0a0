//! The processes that run now and have the variables. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use splitvault_api::Request;

use super::containers::{Way, status, way};
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
    let list = |field: &str| pod["spec"][field].as_array().into_iter().flatten();
    list("initContainers")
        .chain(list("containers"))
        .filter(|container| container["name"] != SIDECAR)
        .filter_map(|container| process(pod, container, request))
        .collect()
}

fn process<'a>(pod: &Value, container: &'a Value, request: &Request) -> Option<Process<'a>> {
    let way = way(container, request)?;
    let running = status(pod, container)?["state"]["running"].as_object()?;
    Some(Process {
        container: text(&container["name"]),
        since: running.get("startedAt").and_then(|at| log::time(at.as_str()?)),
        keeps: match way {
            Way::Command | Way::Kubelet(_) => true,
            Way::File { .. } => false,
        },
    })
}
