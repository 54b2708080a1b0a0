//! Which containers get the variables, and in which way.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use splitvault_api::{Mode, Request};

use super::edits::Step;
use super::{CONTAINER, Injectable, Names, NoCommand, Refusal, Surroundings};

/// How the variables reach a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Kubelet sets them from an environment file.
    Kubelet,
    /// The sidecar's binary sets them and becomes the command.
    Exec,
    /// They are in a file.
    File,
}

/// A container to inject into.
#[derive(Debug, Clone)]
pub(super) struct Target<'a> {
    pub(super) container: &'a Container,
    pub(super) way: Way,
    list: &'static str,
    index: usize,
}

impl Target<'_> {
    /// The place of one of its fields in the pod.
    pub(super) fn field(&self, field: &str) -> Vec<Step> {
        self.within(&[field])
    }

    /// The place of a field of one of its fields.
    pub(super) fn within(&self, fields: &[&str]) -> Vec<Step> {
        let place = ["spec".into(), self.list.into(), self.index.into()];
        place
            .into_iter()
            .chain(fields.iter().map(|field| (*field).into()))
            .collect()
    }
}

/// How the variables reach the containers of a pod.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) targets: Vec<Target<'a>>,
    /// Init containers for which there is no way and that nobody named.
    pub(super) skipped: Vec<&'a str>,
    /// Why kubelet cannot set the variables, when it is to and cannot.
    pub(super) obstacle: Option<NoCommand>,
}

/// Chooses. Without the annotation `containers` every container is meant, and every init container for which there
/// is a way: images that other injectors add there often have no command, and no need.
pub(super) fn choose<'a>(
    spec: &'a PodSpec,
    request: &Request,
    objects: &[Injectable],
    around: &Surroundings<'_>,
    warnings: &mut Vec<String>,
) -> Result<Choice<'a>, Refusal> {
    if spec.os.as_ref().is_some_and(|os| os.name != "linux") {
        return Err(Refusal::NotLinux);
    }
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let all = || init.iter().chain(&spec.containers);
    if spec.containers.is_empty() {
        return Err(Refusal::Malformed);
    }
    if all().any(|container| container.name == CONTAINER) {
        return Err(Refusal::NameTaken {
            what: "container",
            name: CONTAINER,
        });
    }
    if let Some(name) = request
        .containers
        .iter()
        .flatten()
        .find(|name| !all().any(|c| c.name == **name))
    {
        let there: Vec<_> = all().map(|container| container.name.as_str()).collect();
        return Err(Refusal::NoSuchContainer {
            name: name.clone(),
            there: there.join(", "),
        });
    }
    let ways = Ways::of(request, objects, around);
    let named = |container: &Container| {
        request
            .containers
            .as_ref()
            .map(|names| names.contains(&container.name))
    };
    let (mut targets, mut skipped) = (Vec::new(), Vec::new());
    for (list, containers) in [
        ("initContainers", init),
        ("containers", spec.containers.as_slice()),
    ] {
        for (index, container) in containers.iter().enumerate() {
            match (named(container), ways.way(container)) {
                (Some(false), _) => {}
                (Some(true) | None, Ok(way)) => targets.push(Target {
                    container,
                    way,
                    list,
                    index,
                }),
                (None, Err(_)) if list == "initContainers" => {
                    warnings.push(without_command(container));
                    skipped.push(container.name.as_str());
                }
                (Some(true) | None, Err(why)) => return Err(no_command(container, why)),
            }
        }
    }
    Ok(Choice {
        targets,
        skipped,
        obstacle: ways.obstacle,
    })
}

fn without_command(container: &Container) -> String {
    format!(
        "init container {} has no command and gets no variables",
        container.name
    )
}

fn no_command(container: &Container, why: NoCommand) -> Refusal {
    Refusal::NoCommand {
        container: container.name.clone(),
        why,
    }
}

/// The ways that are open in this pod.
struct Ways {
    mode: Mode,
    /// Why kubelet cannot set the variables, when it cannot.
    obstacle: Option<NoCommand>,
}

impl Ways {
    fn of(request: &Request, objects: &[Injectable], around: &Surroundings<'_>) -> Self {
        let obstacle = |object: &Injectable| match &object.names {
            Names::Exposed(_) => None,
            Names::Unwritable(variable) => Some(NoCommand::Unwritable {
                name: object.name.clone(),
                variable: variable.clone(),
            }),
            Names::Hidden => Some(NoCommand::Hidden {
                name: object.name.clone(),
            }),
            Names::Unknown(why) => Some(NoCommand::Unknown {
                name: object.name.clone(),
                why: *why,
            }),
        };
        // What does not pass comes first: advice that a person can act on.
        let mut obstacles: Vec<_> = objects.iter().filter_map(obstacle).collect();
        obstacles.sort_by_key(|obstacle| matches!(obstacle, NoCommand::Unknown { .. }));
        let lacking = (!around.environment_files).then_some(NoCommand::NoEnvironmentFiles);
        Self {
            mode: request.mode,
            obstacle: lacking.or(obstacles.into_iter().next()),
        }
    }

    fn way(&self, container: &Container) -> Result<Way, NoCommand> {
        let has_command = container
            .command
            .as_ref()
            .is_some_and(|command| !command.is_empty());
        match (self.mode, &self.obstacle) {
            (Mode::File, _) => Ok(Way::File),
            (Mode::Env, None) => Ok(Way::Kubelet),
            (Mode::Env, Some(_)) if has_command => Ok(Way::Exec),
            (Mode::Env, Some(why)) => Err(why.clone()),
        }
    }
}
