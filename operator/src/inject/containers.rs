//! Which containers get the variables, and in which way.

use k8s_openapi::api::core::v1::{Container, NodeSelectorTerm, PodSpec};
use splitvault_api::{Mode, Request, shown};

use super::edits::Step;
use super::program::{self, Program, Programs};
use super::{CONTAINER, Injectable, Names, NoCommand, Refusal, Surroundings, order};

/// On every node, from its kubelet.
const OS_LABEL: &str = "kubernetes.io/os";

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
    /// What its image runs, where that takes the place of a command.
    pub(super) program: Option<&'a Program>,
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

/// Why an init container has no variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skipped {
    /// There is no way.
    NoCommand,
    /// It starts before ours.
    Before,
}

/// How the variables reach the containers of a pod.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) targets: Vec<Target<'a>>,
    /// Init containers that have no variables and that nobody named, and why.
    pub(super) skipped: Vec<(&'a str, Skipped)>,
    /// Why kubelet cannot set the variables, when it is to and cannot.
    pub(super) obstacle: Option<NoCommand>,
}

/// Chooses. Without the annotation `containers` every container is meant, and every init container for which there
/// is a way: images that other injectors add there often have no command, and no need.
pub(super) fn choose<'a>(
    spec: &'a PodSpec,
    request: &Request,
    objects: &[Injectable],
    around: &Surroundings<'a>,
    warnings: &mut Vec<String>,
) -> Result<Choice<'a>, Refusal> {
    refuse(spec, request)?;
    let ways = Ways::of(request, objects, around);
    let before = order::before(&request.init_order, order::names(spec));
    let (mut targets, mut skipped) = (Vec::new(), Vec::new());
    for (list, containers) in [
        (
            "initContainers",
            spec.init_containers.as_deref().unwrap_or_default(),
        ),
        ("containers", spec.containers.as_slice()),
    ] {
        for (index, container) in containers.iter().enumerate() {
            let comes_before = list == "initContainers" && index < before;
            match (named(request, container), ways.way(container)) {
                (Some(false), _) => {}
                (Some(true), _) if comes_before => {
                    return Err(Refusal::ComesBefore {
                        container: container.name.clone(),
                    });
                }
                (None, _) if comes_before => skipped.push((container.name.as_str(), Skipped::Before)),
                (Some(true) | None, Ok(way)) => targets.push(Target {
                    container,
                    way,
                    program: around
                        .programs
                        .found(container)
                        .filter(|_| !has_command(container)),
                    list,
                    index,
                }),
                (None, Err(_)) if list == "initContainers" => {
                    warnings.push(no_way(container));
                    skipped.push((container.name.as_str(), Skipped::NoCommand));
                }
                (Some(true) | None, Err(why)) => {
                    return Err(program::refusal(container, &why, around.programs)
                        .unwrap_or_else(|| no_command(container, why)));
                }
            }
        }
    }
    Ok(Choice {
        targets,
        skipped,
        obstacle: ways.obstacle,
    })
}

/// Refuses a pod in which there is nothing to choose from.
fn refuse(spec: &PodSpec, request: &Request) -> Result<(), Refusal> {
    let selected = spec
        .node_selector
        .as_ref()
        .and_then(|labels| labels.get(OS_LABEL));
    let named = spec.os.as_ref().map(|os| &os.name);
    if named.into_iter().chain(selected).any(|os| os != "linux") || needs_another(spec) {
        return Err(Refusal::NotLinux);
    }
    if spec.containers.is_empty() {
        return Err(Refusal::Malformed);
    }
    let all = || spec.init_containers.iter().flatten().chain(&spec.containers);
    if all().any(|container| container.name == CONTAINER) {
        return Err(Refusal::NameTaken {
            what: "container",
            name: CONTAINER,
        });
    }
    are_there(request, all())
}

/// Refuses the first name in the annotation `containers` that no container has.
fn are_there<'a>(request: &Request, all: impl Iterator<Item = &'a Container>) -> Result<(), Refusal> {
    let there: Vec<_> = all.map(|container| container.name.as_str()).collect();
    let named = request.containers.iter().flatten();
    match named.into_iter().find(|name| !there.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Refusal::NoSuchContainer {
            name: shown(name),
            there: there.join(", "),
        }),
    }
}

/// Whether the annotation `containers`, if there is one, names it.
fn named(request: &Request, container: &Container) -> Option<bool> {
    let names = request.containers.as_ref()?;
    Some(names.contains(&container.name))
}

/// A container whose image would have to be asked what it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The container.
    pub container: String,
    /// Its image, as it stands in the pod.
    pub image: String,
}

/// The containers that will be refused unless it becomes known what their images run. Init containers that nobody named
/// are not among them: those of other injectors need no variables, and their images are nobody's business.
#[must_use]
pub fn without_command(
    spec: &PodSpec,
    request: &Request,
    objects: &[Injectable],
    around: &Surroundings<'_>,
) -> Vec<Wanted> {
    let ways = Ways::of(request, objects, around);
    let init = spec.init_containers.iter().flatten();
    let init = init.filter(|container| named(request, container) == Some(true));
    let containers = spec.containers.iter();
    let containers = containers.filter(|container| named(request, container) != Some(false));
    let without = init
        .chain(containers)
        .filter(|container| ways.way(container).is_err());
    without
        .map(|container| Wanted {
            container: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
        })
        .collect()
}

fn has_command(container: &Container) -> bool {
    container
        .command
        .as_ref()
        .is_some_and(|command| !command.is_empty())
}

fn no_way(container: &Container) -> String {
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
struct Ways<'a> {
    programs: &'a Programs,
    mode: Mode,
    /// Why kubelet cannot set the variables, when it cannot.
    obstacle: Option<NoCommand>,
}

impl<'a> Ways<'a> {
    fn of(request: &Request, objects: &[Injectable], around: &Surroundings<'a>) -> Self {
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
            programs: around.programs,
            mode: request.mode,
            obstacle: lacking.or(obstacles.into_iter().next()),
        }
    }

    fn way(&self, container: &Container) -> Result<Way, NoCommand> {
        let runs = has_command(container) || self.programs.is_enough(container);
        match (self.mode, &self.obstacle) {
            (Mode::File, _) => Ok(Way::File),
            (Mode::Env, None) => Ok(Way::Kubelet),
            (Mode::Env, Some(_)) if runs => Ok(Way::Exec),
            (Mode::Env, Some(why)) => Err(why.clone()),
        }
    }
}

/// Whether the pod's required affinity leaves it no node but those of another system: each term, of which one is enough,
/// asks for one.
fn needs_another(spec: &PodSpec) -> bool {
    let node = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    let required = node.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    let another = |term: &NodeSelectorTerm| {
        term.match_expressions.iter().flatten().any(|asked| {
            let linux = asked.values.iter().flatten().any(|os| os == "linux");
            asked.key == OS_LABEL && (asked.operator == "In" && !linux || asked.operator == "NotIn" && linux)
        })
    };
    required.is_some_and(|required| {
        !required.node_selector_terms.is_empty() && required.node_selector_terms.iter().all(another)
    })
}
