//! Where among the init containers ours goes: when a pod is injected, and again when another webhook has changed it since.

use json_patch::jsonptr::PointerBuf;
use json_patch::{MoveOperation, Patch, PatchOperation};
use k8s_openapi::api::core::v1::PodSpec;
use serde_json::Value;
use splitvault_api::{InitOrder, Request, shown};
use splitvault_wire::pod as wire;

use super::{CONTAINER, Injection, Refusal, volumes};

/// Names in a warning.
const SHOWN: usize = 5;

/// How many of the init containers of these names come before ours.
pub(super) fn before<'a>(order: &InitOrder, names: impl Iterator<Item = &'a str>) -> usize {
    let names: Vec<_> = names.collect();
    match order {
        InitOrder::First => 0,
        InitOrder::Last => names.len(),
        // A webhook that comes after ours may add it yet.
        InitOrder::After(name) => names
            .iter()
            .position(|other| other == name)
            .map_or(0, |at| at + 1),
    }
}

/// The names of a pod's init containers.
pub(super) fn names(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let init = spec.init_containers.iter().flatten();
    init.map(|container| container.name.as_str())
}

/// Containers start when all init containers have.
pub(super) fn refuse(spec: &PodSpec, request: &Request) -> Result<(), Refusal> {
    match &request.init_order {
        InitOrder::After(name) if spec.containers.iter().any(|container| container.name == *name) => {
            Err(Refusal::AfterContainer { name: name.clone() })
        }
        InitOrder::First | InitOrder::Last | InitOrder::After(_) => Ok(()),
    }
}

/// Who is waited for and is not there, and who gets no variables though nobody chose the containers.
pub(super) fn warn_about(spec: &PodSpec, request: &Request, warnings: &mut Vec<String>) {
    let named = match &request.init_order {
        InitOrder::After(name) => Some(name.as_str()),
        InitOrder::First | InitOrder::Last => None,
    };
    if let Some(name) = named.filter(|name| !names(spec).any(|other| other == *name)) {
        warnings.push(format!(
            "annotation splitvault.dev/init-order: there is no init container {} yet, so Splitvault's comes first, unless \
             another webhook adds it",
            shown(name)
        ));
    }
    let before = names(spec).take(before(&request.init_order, names(spec)));
    let without: Vec<_> = before.filter(|name| Some(*name) != named).collect();
    if request.containers.is_none() && !without.is_empty() {
        let more = without.len().saturating_sub(SHOWN);
        warnings.push(format!(
            "annotation splitvault.dev/init-order: Splitvault's comes after init containers that therefore get no variables: \
             {}{}",
            without[..without.len() - more].join(", "),
            if more == 0 { String::new() } else { format!(" and {more} more") },
        ));
    }
}

/// Puts ours back where it belongs in a pod that is injected already, to which others may have added init containers since.
///
/// # Errors
/// [`Refusal::ComesBefore`] when an init container that has variables would then wait for ours, and ours for it.
pub(super) fn restore(pod: &Value, request: &Request) -> Result<Injection, Refusal> {
    let init = pod["spec"]["initContainers"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let name = |container: &'_ Value| container["name"].as_str().unwrap_or_default().to_owned();
    let all: Vec<_> = init.iter().map(name).collect();
    let Some(from) = all.iter().position(|name| name == CONTAINER) else {
        return Ok(Injection::default());
    };
    let others = all.iter().map(String::as_str).filter(|name| *name != CONTAINER);
    let to = before(&request.init_order, others);
    if to == from {
        return Ok(Injection::default());
    }
    let mut passed = init.iter().skip(from + 1).take(to.saturating_sub(from));
    // It waits for the files.
    if let Some(waiting) = passed.find(|container| volumes::sees(container, wire::ENV_VOLUME)) {
        return Err(Refusal::ComesBefore {
            container: name(waiting),
        });
    }
    let place = |at: usize| PointerBuf::from_tokens(["spec", "initContainers", &at.to_string()]);
    let back = MoveOperation {
        from: place(from),
        path: place(to),
    };
    Ok(Injection {
        patch: Patch(vec![PatchOperation::Move(back)]),
        warnings: Vec::new(),
    })
}
