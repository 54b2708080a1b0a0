//! What another webhook undid that was called after ours, in a pod that is injected already.
//!
//! Said in warnings, which the API server cuts after 256 bytes; the pod stays as it is, as its author may have meant that. In
//! doubt nothing is said.

use std::collections::BTreeMap;

use serde_json::Value;
use splitvault_api::{Request, annotations};
use splitvault_wire::pod as wire;

use super::containers::Way;
use super::explanation::{self, Told};
use super::{CONTAINER, volumes};

/// What can be done about it.
const ADVICE: &str = "call the other webhook before `splitvault`, by its name; see `splitvault doctor pod`";

/// A warning for each container that is not as ours left it.
pub(super) fn warnings(pod: &Value, request: &Request) -> Vec<String> {
    let injected = Injected::of(pod);
    let list = |field| volumes::items(&pod["spec"], field);
    let init = list("initContainers").map(|container| (container, true));
    let all = init.chain(list("containers").map(|container| (container, false)));
    all.filter(|(container, _)| container["name"] != CONTAINER)
        .filter_map(|(container, is_init)| {
            let problem = problem(container, is_init, request, &injected)?;
            let name = container["name"].as_str().unwrap_or_default();
            Some(problem.sentence(&name.chars().take(63).collect::<String>()))
        })
        .collect()
}

/// What ours did.
struct Injected<'a> {
    told: BTreeMap<&'a str, Told>,
    /// Whether each container that has the variables waits for them by one of its own.
    is_gated: bool,
}

impl<'a> Injected<'a> {
    fn of(pod: &'a Value) -> Self {
        let told = &pod["metadata"]["annotations"][annotations::INJECTED_AS];
        let told = explanation::read(told.as_str().unwrap_or_default());
        let by_kubelet = told.values().any(|one| *one == Told::Way(Way::Kubelet));
        let is_gated = by_kubelet || volumes::containers(pod).any(|one| has_gate(one) || is_alone(one));
        Self { told, is_gated }
    }
}

/// Whether it is a sidecar that holds up the containers by its hook only; where there are no gates it has a probe as well.
fn is_alone(container: &Value) -> bool {
    container["name"] == CONTAINER
        && container["restartPolicy"] == "Always"
        && container["startupProbe"].is_null()
}

enum Problem {
    /// It had the variables.
    Taken,
    /// It is to have the variables and was not there.
    Added,
    /// It has them and no longer waits for them.
    Ungated,
    /// It sees a volume that is not for it.
    Sees(&'static str),
}

impl Problem {
    fn sentence(&self, name: &str) -> String {
        match self {
            Self::Taken => format!(
                "container {name} starts without its variables: its command, env or mounts were changed after injection; {ADVICE}"
            ),
            Self::Added => format!(
                "container {name} was added after injection and has no variables: {ADVICE}; or leave it out by {}",
                annotations::CONTAINERS
            ),
            Self::Ungated => format!(
                "container {name} may start before its variables are there: its {} was removed after injection; {ADVICE}",
                wire::REVISION
            ),
            Self::Sees(volume) => format!(
                "container {name} mounts or reads {volume} since injection, which is not for it ({}): remove that; see \
                 `splitvault doctor pod`",
                annotations::CONTAINERS
            ),
        }
    }
}

fn problem(container: &Value, is_init: bool, request: &Request, injected: &Injected<'_>) -> Option<Problem> {
    // No container but ours ever has it.
    if volumes::sees(container, wire::TOKEN_VOLUME) {
        return Some(Problem::Sees(wire::TOKEN_VOLUME));
    }
    let name = container["name"].as_str().unwrap_or_default();
    let is_named = request
        .containers
        .as_ref()
        .map(|names| names.iter().any(|one| one == name));
    match (is_named, injected.told.get(name)) {
        (Some(false), _) => {
            volumes::sees(container, wire::ENV_VOLUME).then_some(Problem::Sees(wire::ENV_VOLUME))
        }
        // Passed over, as is an init container that nobody named and that came later, such as a mesh's.
        (None | Some(true), Some(Told::Nothing)) => None,
        (None, None) if is_init => None,
        (None | Some(true), Some(Told::Way(way))) if !has(container, *way) => Some(Problem::Taken),
        // Of very many containers not all are told of.
        (None | Some(true), None) if !has_any(container) => Some(Problem::Added),
        (None | Some(true), Some(Told::Way(_)) | None) => {
            (injected.is_gated && !has_gate(container)).then_some(Problem::Ungated)
        }
    }
}

fn has(container: &Value, way: Way) -> bool {
    let mounts = |volume| volumes::mounts(container, volume);
    match way {
        // The gate alone where no variable is exposed.
        Way::Kubelet => volumes::reads(container, wire::ENV_VOLUME),
        Way::Exec => is_started(container) && mounts(wire::ENV_VOLUME) && mounts(wire::BIN_VOLUME),
        Way::File => mounts(wire::ENV_VOLUME),
    }
}

fn has_any(container: &Value) -> bool {
    is_started(container) || volumes::sees(container, wire::ENV_VOLUME)
}

/// Whether `exec` starts it, at once or by what another injector put before.
fn is_started(container: &Value) -> bool {
    let command = volumes::items(container, "command").chain(volumes::items(container, "args"));
    let words: Vec<_> = command.collect();
    words
        .windows(2)
        .any(|two| *two[0] == *wire::COPIED_BINARY && *two[1] == *"exec")
}

fn has_gate(container: &Value) -> bool {
    volumes::items(container, "env")
        .any(|variable| variable["name"] == wire::REVISION && volumes::is_from(variable, wire::ENV_VOLUME))
}
