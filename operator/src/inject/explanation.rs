//! What the annotation `splitvault.dev/injected-as` says: how the variables reach each container, and why that way.
//! No name of a variable.

use std::collections::BTreeMap;

use super::NoCommand;
use super::containers::{Choice, Skipped, Target, Way};

/// Containers that are told of; more than any pod in earnest has. With names of images it stays below 64 KiB, a quarter of
/// what all annotations of an object may have.
const TOLD: usize = 64;

/// `CONTAINER=WAY (WHY)`, with a comma between.
pub(super) fn of(choice: &Choice<'_>) -> String {
    let obstacle = choice.obstacle.as_ref();
    let target = |target: &Target<'_>| format!("{}={}", target.container.name, way(target, obstacle));
    let skipped = |(name, why): &(&str, Skipped)| match why {
        Skipped::NoCommand => format!("{name}=none (init container without command)"),
        Skipped::Before => format!("{name}=none (init container before splitvault)"),
    };
    let all = choice
        .targets
        .iter()
        .map(target)
        .chain(choice.skipped.iter().map(skipped));
    let mut told: Vec<_> = all.take(TOLD).collect();
    let count = choice.targets.len() + choice.skipped.len();
    if count > TOLD {
        told.push(format!("and {} more", count - TOLD));
    }
    told.join(", ")
}

fn way(target: &Target<'_>, obstacle: Option<&NoCommand>) -> String {
    match target.way {
        Way::Kubelet => "kubelet (names exposed; environment files)".to_owned(),
        Way::File => "file (mode file)".to_owned(),
        Way::Exec => {
            let why = obstacle.map_or("", not_kubelet);
            match target.program {
                None => format!("exec (command{why})"),
                Some(program) => format!("exec (entrypoint of {}{why})", program.image),
            }
        }
    }
}

/// What is told of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Way(Way),
    /// That it has no variables.
    Nothing,
}

/// Reads what [`of`] wrote. What is anything else is passed over.
pub(super) fn read(text: &str) -> BTreeMap<&str, Told> {
    let all = text.split(", ").filter_map(|one| {
        let (name, rest) = one.split_once('=')?;
        let told = match rest.split_once(' ')?.0 {
            "kubelet" => Told::Way(Way::Kubelet),
            "exec" => Told::Way(Way::Exec),
            "file" => Told::Way(Way::File),
            "none" => Told::Nothing,
            _ => return None,
        };
        Some((name, told))
    });
    all.collect()
}

/// Why not by kubelet.
const fn not_kubelet(obstacle: &NoCommand) -> &'static str {
    match obstacle {
        NoCommand::Hidden { .. } => "; names hidden",
        NoCommand::Unwritable { .. } => "; a value does not fit environment files",
        NoCommand::Unknown { .. } => "; names not known yet",
        NoCommand::NoEnvironmentFiles => "; no environment files in this cluster",
    }
}
