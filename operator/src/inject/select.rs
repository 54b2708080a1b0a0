//! Which names a pod's containers get, by the rule of the delivery: [`splitvault_api::Selection`].

use splitvault_api::{Missing, Selection, annotations};

use super::{Exposed, Injectable, Names};

/// What of these VaultSecrets is taken, under the names that it is given. What is picked and not there yet keeps its
/// place in the pod's spec: the pod waits for it.
pub(super) fn select(
    objects: &[Injectable],
    selection: &Selection,
    warnings: &mut Vec<String>,
) -> Vec<Injectable> {
    let all: Option<Vec<_>> = objects.iter().map(exposed).collect();
    // Where a name is hidden none is used.
    let Some(all) = all else {
        return objects.to_vec();
    };
    let names = all.iter().map(|(object, variables)| {
        let names = variables.iter().map(|variable| &*variable.name).collect();
        (&*object.name, names)
    });
    let selected = selection.of(&names.collect::<Vec<_>>());
    warnings.extend(selected.missing.iter().map(warning));
    let each = all.iter().zip(&selected.taken);
    let mut taken: Vec<_> = each
        .map(|((object, variables), taken)| {
            let taken = taken.iter().map(|taken| Exposed {
                name: taken.target.clone(),
                ..variables[taken.variable].clone()
            });
            (object.name.clone(), taken.collect::<Vec<_>>())
        })
        .collect();
    if let Some((_, last)) = taken.last_mut() {
        let missing = selected.missing.iter();
        last.extend(missing.map(|missing| Exposed::from(&*missing.target)));
    }
    taken.into_iter().map(injectable).collect()
}

fn exposed(object: &Injectable) -> Option<(&Injectable, &Vec<Exposed>)> {
    match &object.names {
        Names::Exposed(variables) => Some((object, variables)),
        Names::Unwritable(_) | Names::Hidden | Names::Unknown(_) => None,
    }
}

/// Only what is taken has to fit into kubelet's files.
fn injectable((name, variables): (String, Vec<Exposed>)) -> Injectable {
    let unwritable = variables.iter().find(|variable| variable.unwritable);
    let names = match unwritable {
        Some(variable) => Names::Unwritable(variable.name.clone()),
        None => Names::Exposed(variables),
    };
    Injectable { name, names }
}

fn warning(missing: &Missing) -> String {
    let of = missing.of.as_ref();
    let of = of.map_or_else(String::new, |of| format!(" of VaultSecret {of}"));
    format!(
        "annotation {} picks {}{of}, which is not there yet: the pod waits for it",
        annotations::VARIABLES,
        missing.shown()
    )
}
