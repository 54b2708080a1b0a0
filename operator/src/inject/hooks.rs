//! Exec probes and hooks: kubelet runs them beside the container's process, so they lack what `exec` gave that.

use k8s_openapi::api::core::v1::{Container, ExecAction, LifecycleHandler, Probe};
use splitvault_api::{Request, annotations};

use super::containers::{Target, Way};

/// Where in a container the command of a hook or probe is.
type Place = &'static [&'static str];

const PROBES: [Place; 3] = [
    &["livenessProbe", "exec", "command"],
    &["readinessProbe", "exec", "command"],
    &["startupProbe", "exec", "command"],
];
const HOOKS: [Place; 2] = [
    &["lifecycle", "postStart", "exec", "command"],
    &["lifecycle", "preStop", "exec", "command"],
];

/// The commands that are to be started by `exec`.
pub(super) fn asked_for(target: &Target<'_>, request: &Request) -> impl Iterator<Item = Place> {
    let probes = request.exec.probes.then(|| probes(target.container));
    let hooks = request.exec.hooks.then(|| hooks(target.container));
    probes.into_iter().flatten().chain(hooks.into_iter().flatten())
}

/// Names the containers with commands that do not get the variables, and how they would.
pub(super) fn warn_about(targets: &[Target<'_>], request: &Request, warnings: &mut Vec<String>) {
    for target in targets.iter().filter(|target| target.way == Way::Exec) {
        let probes = !request.exec.probes && !probes(target.container).is_empty();
        let hooks = !request.exec.hooks && !hooks(target.container).is_empty();
        let (what, value) = match (probes, hooks) {
            (true, true) => ("probes and hooks", "probes,hooks"),
            (true, false) => ("probes", "probes"),
            (false, true) => ("hooks", "hooks"),
            (false, false) => continue,
        };
        warnings.push(format!(
            "exec {what} of container {} do not have the variables: annotation {}: \"{value}\" gives them",
            target.container.name,
            annotations::EXEC,
        ));
    }
}

fn probes(container: &Container) -> Vec<Place> {
    let all = [
        &container.liveness_probe,
        &container.readiness_probe,
        &container.startup_probe,
    ];
    let exec = |probe: &Option<Probe>| is_command(probe.as_ref().and_then(|probe| probe.exec.as_ref()));
    PROBES
        .into_iter()
        .zip(all)
        .filter(|(_, probe)| exec(probe))
        .map(|(place, _)| place)
        .collect()
}

fn hooks(container: &Container) -> Vec<Place> {
    let lifecycle = container.lifecycle.as_ref();
    let all = [
        lifecycle.and_then(|lifecycle| lifecycle.post_start.as_ref()),
        lifecycle.and_then(|lifecycle| lifecycle.pre_stop.as_ref()),
    ];
    let exec = |hook: Option<&LifecycleHandler>| is_command(hook.and_then(|hook| hook.exec.as_ref()));
    HOOKS
        .into_iter()
        .zip(all)
        .filter(|(_, hook)| exec(*hook))
        .map(|(place, _)| place)
        .collect()
}

/// An empty command is the API server's to refuse.
fn is_command(action: Option<&ExecAction>) -> bool {
    let command = action.and_then(|action| action.command.as_ref());
    command.is_some_and(|command| !command.is_empty())
}
