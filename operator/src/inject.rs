//! From a pod to the patch that injects it: pure, no I/O.
//!
//! Validate, choose the way per container, add the sidecar with its volumes, add each container's variables and
//! mounts, mark. What cannot work is refused with a sentence that names the fix. The patch is made against the
//! object as received, so that no field that this version does not know is lost. No value is ever seen here; names
//! of variables only where every VaultSecret exposes its own.

mod clashes;
mod containers;
mod edits;
mod explanation;
mod health;
mod hooks;
mod identity;
mod mounts;
mod order;
mod program;
mod reaction;
mod references;
mod refusal;
mod select;
mod sidecar;
mod undone;
mod variables;
mod volumes;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use json_patch::Patch;
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::{Value, json};
use splitvault_api::{Mode, Request, annotations};
use splitvault_wire::pod as wire;

use containers::{Target, Way};
pub use containers::{Wanted, without_command};
use edits::Edits;
use identity::Identity;
pub use program::{NoProgram, Program, Programs};
pub use refusal::{NoCommand, Refusal};

/// Name of the injected container.
pub const CONTAINER: &str = "splitvault";
/// What the marker annotation holds.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is the same for every pod.
#[derive(Debug, Clone)]
pub struct InjectConfig {
    /// The sidecar's image.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
    /// The delivery API's URL, `https://…`.
    pub operator_url: String,
    /// The sidecar's log level: `info`, `debug` or `trace`.
    pub log_level: String,
    /// Whether kubelets are to read environment files; `None` leaves that to their versions.
    pub environment_files: Option<bool>,
}

/// What a pod is injected with at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// What is the same for every pod.
    pub config: &'a InjectConfig,
    /// The certificates (PEM) that the delivery API's chains to.
    pub ca: &'a str,
    /// Whether kubelets read environment files (`fileKeyRef`, KEP-3721).
    pub environment_files: bool,
    /// Whether kubelets restart all containers of a pod in place (`RestartAllContainers`, KEP-5532).
    pub restart_in_place: bool,
    /// What the images of containers run that have no command, as far as that was looked up.
    pub programs: &'a Programs,
}

/// A VaultSecret that the pod asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injectable {
    /// Its name.
    pub name: String,
    /// What may be known of its variables.
    pub names: Names,
}

/// What may be known of a VaultSecret's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// These; they may stand in pod specs.
    Exposed(Vec<Exposed>),
    /// They may stand in pod specs, but kubelet's environment files cannot hold the value of this one.
    Unwritable(String),
    /// They may not stand in pod specs.
    Hidden,
    /// It cannot be told now.
    Unknown(Unknown),
}

/// A variable that may stand in pod specs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// Its name.
    pub name: String,
    /// Whether its value is empty, which kubelet's files cannot say.
    pub empty: bool,
    /// Whether kubelet's files cannot hold its value.
    pub unwritable: bool,
}

impl From<&str> for Exposed {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            empty: false,
            unwritable: false,
        }
    }
}

/// Why a VaultSecret's variables cannot be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such VaultSecret.
    Missing,
    /// It is not in the stores yet.
    NotReady,
    /// The pod may not have it.
    NotAllowed,
    /// It is of another namespace, and is not there or not for the pod.
    NotConsented,
    /// The key database or the API server does not answer.
    Unavailable,
}

/// What to do to a pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Injection {
    /// RFC 6902; empty for a pod that is injected already.
    pub patch: Patch,
    /// Sentences for the person who made the pod.
    pub warnings: Vec<String>,
}

/// Whether the pod has been injected; of such a pod nothing is changed but the place of ours among the init containers.
#[must_use]
pub fn is_injected(pod: &Value) -> bool {
    let marked = pod["metadata"]["annotations"]
        .get(annotations::INJECTED)
        .is_some();
    let containers = pod["spec"]["initContainers"].as_array();
    marked && containers.is_some_and(|all| all.iter().any(|container| container["name"] == CONTAINER))
}

/// Plans what is to be done to a pod that is injected already, when another webhook has changed it since, and says what that
/// one has undone.
///
/// # Errors
/// [`Refusal::ComesBefore`] when ours cannot go where the pod asks for it any more.
pub fn restore_order(pod: &Value, request: &Request) -> Result<Injection, Refusal> {
    let restored = order::restore(pod, request)?;
    Ok(Injection {
        warnings: undone::warnings(pod, request),
        ..restored
    })
}

/// Plans the injection of `pod`, which asks for `objects` by `request`, both in the same order.
///
/// # Errors
/// [`Refusal`] when the pod cannot get what it asks for in the way it asks.
pub fn inject(
    pod: &Value,
    request: &Request,
    objects: &[Injectable],
    around: &Surroundings<'_>,
) -> Result<Injection, Refusal> {
    if is_injected(pod) {
        return restore_order(pod, request);
    }
    let typed = Pod::deserialize(pod).map_err(|_| Refusal::Malformed)?;
    let spec = typed.spec.ok_or(Refusal::Malformed)?;
    let mut warnings = about_objects(objects);
    let objects = &select::select(objects, &request.selection, &mut warnings);
    order::refuse(&spec, request)?;
    let choice = containers::choose(&spec, request, objects, around, &mut warnings)?;
    let explanation = explanation::of(&choice);
    let targets = choice.targets;
    clashes::refuse(pod, &spec, request, &targets)?;
    reaction::refuse(&spec, request, around)?;
    health::refuse(&spec, request)?;
    let identity = Identity::of(&spec, request, &targets, &mut warnings);
    variables::warn_about(&spec, &targets, objects, &mut warnings);
    hooks::warn_about(&targets, request, &mut warnings);
    references::warn_about(&targets, &mut warnings);
    reaction::warn_about(&spec, request, &targets, identity, &mut warnings);
    health::warn_about(&spec, request, &mut warnings);
    order::warn_about(&spec, request, &mut warnings);

    let mut edits = Edits::of(pod);
    for target in &targets {
        apply(&mut edits, target, request, objects, around);
    }
    let volumes = sidecar::volumes(request, &targets);
    edits.append(&["spec".into(), "volumes".into()], volumes);
    // Last: it moves the other init containers, whose places the edits above name.
    let container = sidecar::container(&spec, request, &targets, identity, around);
    let place = order::before(&request.init_order, order::names(&spec));
    edits.insert(&["spec".into(), "initContainers".into()], place, vec![container]);
    let annotation = |name: &str| ["metadata".into(), "annotations".into(), name.into()];
    edits.set(&annotation(annotations::INJECTED), json!(VERSION));
    edits.set(&annotation(annotations::INJECTED_AS), json!(explanation));
    Ok(Injection {
        patch: edits.finish(),
        warnings,
    })
}

fn apply(
    edits: &mut Edits<'_>,
    target: &Target<'_>,
    request: &Request,
    objects: &[Injectable],
    around: &Surroundings<'_>,
) {
    let field = |field: &str| target.field(field);
    edits.prepend(
        &field("env"),
        variables::of(target, objects, around.environment_files),
    );
    edits.append(&field("volumeMounts"), mounts::of(target, request));
    if target.way == Way::Exec {
        let mut command = by_exec();
        command.extend(target.program.into_iter().flat_map(Program::command));
        edits.prepend(&field("command"), command);
        edits.append(&field("args"), program::arguments(target));
        for hook in hooks::asked_for(target, request) {
            edits.prepend(&target.within(hook), by_exec());
        }
    }
}

/// What a command is started by.
fn by_exec() -> Vec<Value> {
    [wire::COPIED_BINARY, "exec", "--"].map(Value::from).into()
}

fn about_objects(objects: &[Injectable]) -> Vec<String> {
    let warning = |object: &Injectable| {
        let name = &object.name;
        match &object.names {
            Names::Exposed(_) | Names::Unwritable(_) | Names::Hidden => None,
            Names::Unknown(Unknown::Missing) => Some(format!(
                "there is no VaultSecret {name} in this namespace yet: the pod waits for it"
            )),
            Names::Unknown(Unknown::NotReady) => Some(format!(
                "VaultSecret {name} is not ready yet: the pod waits for it"
            )),
            Names::Unknown(Unknown::NotAllowed) => Some(format!(
                "spec.access of VaultSecret {name} does not let this pod have it (serviceAccounts, podSelector): the pod waits"
            )),
            Names::Unknown(Unknown::NotConsented) => Some(format!(
                "no VaultSecret {name} for this pod: it needs spec.access.namespaces there and crossNamespace.allowed in the \
                 chart; the pod waits"
            )),
            // It passes; nothing that a person could do.
            Names::Unknown(Unknown::Unavailable) => None,
        }
    };
    objects.iter().filter_map(warning).collect()
}

/// Whether the pod's mode is `env` in some container that is started by `exec`.
fn has_exec(targets: &[Target<'_>]) -> bool {
    targets.iter().any(|target| target.way == Way::Exec)
}

fn mode_variable(request: &Request) -> &'static str {
    match request.mode {
        Mode::Env => wire::MODE_ENV,
        Mode::File => wire::MODE_FILE,
    }
}
