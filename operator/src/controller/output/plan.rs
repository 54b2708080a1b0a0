//! What is to be done about the Secret of a VaultSecret, and whether the variables fit into one. Pure.

use splitvault_dotenv::Variable;

use super::Known;
use crate::secret::owned::Seen;

/// The longest key of a Secret's data, in bytes (apimachinery, `IsConfigMapKey`).
const KEY: usize = 253;
/// The most that all values of a Secret have, in bytes (`MaxSecretSize`).
const SIZE: usize = 1024 * 1024;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// It is as we left it.
    Nothing,
    /// There is none.
    Make,
    /// It is the object's, and perhaps not as it should be.
    Mend(Seen),
    /// It is somebody else's.
    Refuse,
}

/// Decides about the Secret that was `seen` for the object of this UID, whose content has this digest.
pub(super) fn plan(seen: Option<Seen>, uid: &str, known: Option<&Known>, digest: &str) -> Step {
    let Some(seen) = seen else {
        return Step::Make;
    };
    if uid.is_empty() || !seen.owners.iter().any(|owner| owner == uid) {
        return Step::Refuse;
    }
    match known {
        Some(known) if known.seen == seen && known.digest == digest && !seen.leaving => Step::Nothing,
        _ => Step::Mend(seen),
    }
}

/// Whether the variables fit into a Secret; the answer names a variable only when names may be told.
///
/// # Errors
/// The sentence for the condition.
pub(super) fn fits(variables: &[Variable], exposes_names: bool) -> Result<(), String> {
    for (at, variable) in variables.iter().enumerate() {
        let key = variable.name.as_str();
        // What else a key must not be, no name of a variable is: empty, `.`, `..`, or of other characters.
        if key.len() > KEY {
            let which = if exposes_names {
                key.to_owned()
            } else {
                format!("number {}", at + 1)
            };
            return Err(format!(
                "variable {which} has a name of {} bytes, and a key of a Secret has at most {KEY}: shorten it, or remove \
                 spec.output",
                key.len()
            ));
        }
    }
    let size: usize = variables.iter().map(|variable| variable.value.len()).sum();
    if size > SIZE {
        return Err(format!(
            "the values have {size} bytes, and a Secret holds {SIZE}: split the VaultSecret, or remove spec.output"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use splitvault_crypto::SecretString;
    use splitvault_dotenv::Name;

    use super::*;

    fn seen(owner: &str) -> Seen {
        Seen {
            uid: "s-1".to_owned(),
            version: "7".to_owned(),
            owners: vec!["someone".to_owned(), owner.to_owned()],
            leaving: false,
        }
    }

    fn known(digest: &str) -> Known {
        Known {
            seen: seen("v-1"),
            digest: digest.to_owned(),
        }
    }

    #[test]
    fn a_secret_that_does_not_name_the_object_is_never_touched() {
        for owner in ["v-2", "v-11", "", "V-1"] {
            assert_eq!(plan(Some(seen(owner)), "v-1", None, "d"), Step::Refuse, "{owner}");
            assert_eq!(
                plan(Some(seen(owner)), "v-1", Some(&known("d")), "d"),
                Step::Refuse
            );
        }
        let orphan = Seen {
            owners: Vec::new(),
            ..seen("")
        };
        assert_eq!(plan(Some(orphan.clone()), "v-1", None, "d"), Step::Refuse);
        assert_eq!(
            plan(Some(seen("")), "", None, "d"),
            Step::Refuse,
            "no UID is no owner"
        );
    }

    #[test]
    fn only_what_is_known_to_be_as_it_should_is_left() {
        let ours = seen("v-1");
        let planned =
            |seen: &Seen, known: Option<Known>| plan(Some(seen.clone()), "v-1", known.as_ref(), "d");
        assert_eq!(planned(&ours, Some(known("d"))), Step::Nothing);
        assert_eq!(planned(&ours, None), Step::Mend(ours.clone()));
        assert_eq!(planned(&ours, Some(known("e"))), Step::Mend(ours.clone()));
        let changes: [fn(&mut Seen); 3] = [
            |seen| seen.version = "8".to_owned(),
            |seen| seen.uid = "s-2".to_owned(),
            |seen| seen.leaving = true,
        ];
        for change in changes {
            let mut other = ours.clone();
            change(&mut other);
            assert_eq!(planned(&other, Some(known("d"))), Step::Mend(other));
        }
        assert_eq!(plan(None, "v-1", Some(&known("d")), "d"), Step::Make);
    }

    #[test]
    fn what_does_not_fit_is_told_without_a_name_that_is_hidden() {
        let variable = |name: &str, size: usize| Variable {
            name: Name::parse(name).unwrap(),
            value: SecretString::copy_of(&"x".repeat(size)),
            comment: None,
        };
        let long = "TIGER".repeat(51);
        let variables = [variable("A.b-c", 1), variable(&long[..254], 1)];
        let hidden = fits(&variables, false).unwrap_err();
        assert!(
            hidden.contains("number 2") && !hidden.contains("TIGER"),
            "{hidden}"
        );
        assert!(fits(&variables, true).unwrap_err().contains("TIGER"));
        assert!(fits(&[variable(&long[..253], 1)], false).is_ok());
        assert!(fits(&[variable("A", SIZE)], false).is_ok());
        let large = fits(&[variable("TIGER", SIZE), variable("B", 1)], false).unwrap_err();
        assert!(
            large.contains("1048577") && !large.contains("TIGER") && !large.contains("xx"),
            "{large}"
        );
    }
}
