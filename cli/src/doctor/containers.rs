//! Which container got the variables, which way. Pure; read from the spec, not from what an annotation says of it.

use std::fmt;

use serde_json::Value;
use splitvault_api::{Format, Mode, Request, annotations};

use super::SIDECAR;
use super::diagnose::text;
use super::finding::{Finding, Level};
use super::readers;

/// The volume with the files.
const VOLUME: &str = "splitvault-env";
/// What starts a container's command with the variables.
const STARTER: &str = "/splitvault/splitvault-sidecar";

/// How a container has the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// In its environment, by its command.
    Command,
    /// In its environment, by kubelet: so many.
    Kubelet(usize),
    /// As a file, or as a directory of files, which the sidecar keeps fresh.
    File { path: String, is_directory: bool },
}

impl fmt::Display for Way {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command => to.write_str(
                "in its environment, by its command (exec); `kubectl exec … env` does not show them",
            ),
            Self::Kubelet(count) => write!(to, "in its environment, by kubelet: {count}"),
            Self::File {
                path,
                is_directory: true,
            } => write!(to, "as files in {path}"),
            Self::File {
                path,
                is_directory: false,
            } => write!(to, "as a file, {path}"),
        }
    }
}

/// A finding for each container.
pub(super) fn look(pod: &Value, request: &Request) -> Vec<Finding> {
    let list = |field: &str| pod["spec"][field].as_array().into_iter().flatten();
    let init = list("initContainers")
        .filter(|one| one["name"] != SIDECAR)
        .map(|one| (one, true));
    let all = init.chain(list("containers").map(|one| (one, false)));
    let mut findings: Vec<_> = all
        .map(|(one, is_init)| container(pod, one, is_init, request))
        .collect();
    for wanted in request.containers.iter().flatten() {
        let about = format!("container {wanted}");
        if !findings.iter().any(|finding| finding.about == about) {
            let message = format!(
                "{} names it, and the pod has no such container",
                annotations::CONTAINERS
            );
            findings.push(Finding::new(Level::Wrong, about, message));
        }
    }
    findings
}

fn container(pod: &Value, container: &Value, is_init: bool, request: &Request) -> Finding {
    let name = text(&container["name"]);
    let about = format!("container {name}");
    if let Some(way) = way(container, request) {
        let unread = readers::refused(pod, container).filter(|_| !matches!(way, Way::Kubelet(_)));
        let (level, message) = unread.map_or_else(
            || has(status(pod, container), &way),
            |unread| (Level::Wrong, unread),
        );
        return Finding::new(level, about, message);
    }
    let named = request
        .containers
        .as_ref()
        .map(|names| names.iter().any(|one| one == name));
    match named {
        Some(false) => Finding::new(
            Level::Note,
            about,
            format!("has none: {} does not name it", annotations::CONTAINERS),
        ),
        None if is_init => Finding::new(
            Level::Note,
            about,
            "has none: an init container without a command, or before the sidecar by splitvault.dev/init-order, is passed over",
        ),
        None | Some(true) => Finding::new(
            Level::Wrong,
            about,
            "has none, though it should: something changed the pod after it was injected, or it was added afterwards",
        ),
    }
}

/// A container that does not run has nothing: it gets what is there when it starts.
fn has(status: Option<&Value>, way: &Way) -> (Level, String) {
    let is = |when: &str, state: &str| status.is_some_and(|status| status[when][state].is_object());
    let ended_well = status.is_some_and(|status| status["state"]["terminated"]["exitCode"] == 0);
    if is("state", "running") {
        (Level::Well, format!("has the variables {way}"))
    } else if ended_well {
        (Level::Well, format!("has ended well; it had the variables {way}"))
    } else if is("state", "terminated") || is("lastState", "terminated") {
        let message = format!("does not run now; each time that it starts, it gets the variables {way}");
        (Level::Note, message)
    } else {
        let message =
            format!("has not started; when the files are there and it starts, it gets the variables {way}");
        (Level::Note, message)
    }
}

/// What kubelet says of a container.
pub(super) fn status<'a>(pod: &'a Value, container: &Value) -> Option<&'a Value> {
    let statuses = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .filter_map(|field| pod["status"][field].as_array());
    statuses.flatten().find(|one| one["name"] == container["name"])
}

/// `None` when it has none.
pub(super) fn way(container: &Value, request: &Request) -> Option<Way> {
    let list = |field: &str| container[field].as_array().into_iter().flatten();
    if container["command"][0] == STARTER && container["command"][1] == "exec" {
        return Some(Way::Command);
    }
    let mount = list("volumeMounts").find(|mount| mount["name"] == VOLUME);
    if let (Mode::File, Some(mount)) = (request.mode, mount) {
        let usual = || {
            let directory = text(&mount["mountPath"]).trim_end_matches('/');
            format!("{directory}/{}", usual_name(request.format))
        };
        return Some(Way::File {
            path: request.path.clone().unwrap_or_else(usual),
            is_directory: request.format == Format::Files,
        });
    }
    let reads = |one: &&Value| {
        let from = &one["valueFrom"]["fileKeyRef"];
        // The gate's own is in every container.
        from["volumeName"] == VOLUME && one["name"] != "SPLITVAULT_REVISION"
    };
    match list("env").filter(reads).count() {
        0 => None,
        count => Some(Way::Kubelet(count)),
    }
}

/// What the sidecar calls it where the pod does not say.
const fn usual_name(format: Format) -> &'static str {
    match format {
        Format::Dotenv => ".env",
        Format::Json => "env.json",
        Format::Yaml => "env.yaml",
        Format::Files => "env",
    }
}
