//! What of its VaultSecrets a pod takes, before anything is sealed: what it did not pick never leaves. Pure.

use splitvault_api::{Missing, Selection, annotations};
use splitvault_crypto::SecretString;
use splitvault_wire::{Environment, Reason, Variable};

use super::Refusal;

/// Leaves of these environments what is taken, under the names that it is given.
///
/// # Errors
/// [`Reason::NotReady`] when a variable is picked that is not there; it may come.
pub(super) fn select(
    environments: Vec<Environment>,
    selection: &Selection,
) -> Result<Vec<Environment>, Refusal> {
    if selection.takes_all() {
        // The sidecar lets the later of two win by itself.
        return Ok(environments);
    }
    let all: Vec<_> = environments
        .iter()
        .map(|environment| (&*environment.name, names(environment)))
        .collect();
    let selected = selection.of(&all);
    if let Some(missing) = selected.missing.first() {
        return Err(refuse(missing, &environments));
    }
    let each = environments.iter().zip(&selected.taken);
    let taken = each.map(|(environment, taken)| Environment {
        name: environment.name.clone(),
        revision: environment.revision,
        variables: taken
            .iter()
            .map(|taken| Variable {
                name: SecretString::copy_of(&taken.target),
                // EXPOSE: from one secret into another; one variable may be taken under two names.
                value: SecretString::copy_of(environment.variables[taken.variable].value.expose()),
            })
            .collect(),
    });
    Ok(taken.collect())
}

fn names(environment: &Environment) -> Vec<&str> {
    // EXPOSE: names are compared with the annotation's.
    let names = environment
        .variables
        .iter()
        .map(|variable| variable.name.expose());
    names.collect()
}

/// Names what the pod's own annotation names, and nothing else of the VaultSecret.
fn refuse(missing: &Missing, environments: &[Environment]) -> Refusal {
    let names: Vec<_> = environments
        .iter()
        .map(|environment| &*environment.name)
        .collect();
    let subject = match (&missing.of, &*names) {
        (Some(of), _) => format!("VaultSecret {of} has"),
        (None, [one]) => format!("VaultSecret {one} has"),
        (None, _) => format!("none of the VaultSecrets {} has", names.join(", ")),
    };
    let no = if subject.starts_with("none") { "a" } else { "no" };
    let which = if missing.is_renamed { "for " } else { "" };
    let message = format!(
        "{subject} {no} variable {which}{}, which the pod's annotation {} picks: add it there, or change the annotation",
        missing.shown(),
        annotations::VARIABLES
    );
    Refusal::new(Reason::NotReady, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| Variable {
            name: SecretString::copy_of(name),
            value: SecretString::copy_of(value),
        });
        Environment {
            name: name.to_owned(),
            revision: 1,
            variables: variables.collect(),
        }
    }

    fn both() -> Vec<Environment> {
        vec![
            environment("web", &[("URL", "u"), ("CANARY", "c")]),
            environment("db", &[("PASSWORD", "p"), ("URL", "d")]),
        ]
    }

    fn selection(variables: &str) -> Selection {
        let annotations = [
            ("splitvault.dev/inject", "web,db"),
            ("splitvault.dev/variables", variables),
        ];
        let annotations = annotations.map(|(name, value)| (name.to_owned(), value.to_owned()));
        splitvault_api::Request::parse(&annotations.into())
            .unwrap()
            .unwrap()
            .selection
    }

    fn selected(variables: &str) -> Vec<String> {
        let environments = select(both(), &selection(variables)).unwrap();
        let lines = environments.iter().flat_map(|environment| {
            environment
                .variables
                .iter()
                .map(|variable| format!("{}={}", variable.name.expose(), variable.value.expose()))
        });
        lines.collect()
    }

    #[test]
    fn what_is_not_picked_does_not_leave() {
        assert_eq!(selected("URL"), ["URL=d"]);
        assert_eq!(
            selected("A=web/URL, B=web/URL, PG=PASSWORD"),
            ["A=u", "B=u", "PG=p"]
        );
        assert_eq!(selected("db/*"), ["PASSWORD=p", "URL=d"]);
        let all = select(both(), &Selection::default()).unwrap();
        assert_eq!(all.iter().map(|one| one.variables.len()).sum::<usize>(), 4);
    }

    #[test]
    fn what_is_missing_is_told_and_nothing_else() {
        for (variables, subject) in [
            ("web/PASSWORD", "VaultSecret web has no variable PASSWORD"),
            (
                "X=NOPE",
                "none of the VaultSecrets web, db has a variable for X=…, which",
            ),
        ] {
            let refusal = select(both(), &selection(variables)).unwrap_err();
            assert_eq!(refusal.reason, Reason::NotReady);
            assert!(refusal.message.starts_with(subject), "{}", refusal.message);
            assert!(!refusal.message.contains("CANARY") && !refusal.message.contains("NOPE"));
        }
        let one = vec![environment("web", &[("CANARY", "c")])];
        let refusal = select(one, &selection("NOPE")).unwrap_err();
        assert!(
            refusal
                .message
                .starts_with("VaultSecret web has no variable NOPE")
        );
    }
}
