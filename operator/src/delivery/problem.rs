//! What a sidecar says it could not do with a delivery, in words for people.

use splitvault_wire::{DeliverRequest, ProblemKind};

/// Reason and note of an event on a pod that may ask for what it asks for. The sentence is ours: the pod chooses among
/// a few, and a VaultSecret is named only if it is one of those that the pod's annotation names.
pub(super) fn tell(asked: &DeliverRequest) -> Option<(&'static str, String)> {
    let problem = asked.problem.as_ref()?;
    let named = problem.vault_secret.as_ref();
    let named = named.filter(|name| asked.vault_secrets.contains(name));
    let subject = named.map_or_else(
        || format!("VaultSecrets {}", asked.vault_secrets.join(", ")),
        |name| format!("VaultSecret {name}"),
    );
    let rest = match problem.kind {
        ProblemKind::UnusableName => "a variable has a name that cannot be used",
        ProblemKind::TooManyVariables => "more variables, or longer ones, than a .env file may have",
        ProblemKind::ValueNotForFile => {
            "a value that a .env file cannot hold: set splitvault.dev/format to json, yaml or files, or \
             splitvault.dev/mode to env"
        }
        ProblemKind::NameNotForFile => {
            "a variable has a name that cannot be a file's (a slash, two dots at its beginning, more than 255 bytes): \
             rename it, or set splitvault.dev/format to json or yaml"
        }
        ProblemKind::ValueNotForKubelet => {
            "kubelet cannot set a value with a single quote or CRLF (the injected container's log says which): change \
             it; or make the pod again with an explicit command, or with splitvault.dev/mode: file"
        }
        ProblemKind::TooLongForKubelet => {
            "kubelet reads 64 KiB of variables, and there are more: take splitvault.dev/mode: file, or \
             spec.exposeNames: false and an explicit command"
        }
        ProblemKind::Unknown => return None,
    };
    Some((problem.kind.as_str(), format!("{subject}: {rest}")))
}

#[cfg(test)]
mod tests {
    use splitvault_wire::Problem;

    use super::*;

    fn told(vault_secret: Option<&str>, kind: ProblemKind) -> Option<(&'static str, String)> {
        let vault_secret = vault_secret.map(str::to_owned);
        tell(&DeliverRequest {
            wait_seconds: None,
            refused: None,
            public_key: Vec::new(),
            vault_secrets: vec!["web".to_owned(), "db".to_owned()],
            tag: None,
            problem: Some(Problem { vault_secret, kind }),
        })
    }

    #[test]
    fn each_kind_has_its_sentence() {
        let notes = ProblemKind::ALL.map(|kind| told(Some("db"), kind).unwrap());
        for (kind, (reason, note)) in ProblemKind::ALL.into_iter().zip(&notes) {
            assert_eq!(*reason, kind.as_str());
            assert!(
                note.starts_with("VaultSecret db: ") && note.len() < 1000,
                "{note}"
            );
        }
        let distinct: std::collections::BTreeSet<_> = notes.iter().collect();
        assert_eq!(distinct.len(), notes.len());
    }

    #[test]
    fn no_word_of_the_pods_own_is_told() {
        for named in [None, Some("FORGED"), Some("")] {
            let (_, note) = told(named, ProblemKind::TooLongForKubelet).unwrap();
            assert!(note.starts_with("VaultSecrets web, db: "), "{note}");
        }
        assert_eq!(told(Some("web"), ProblemKind::Unknown), None);
    }
}
