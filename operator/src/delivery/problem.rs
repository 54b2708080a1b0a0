//! What a sidecar says it could not do with a delivery, or after one, in words for people.

use splitvault_wire::{DeliverRequest, ProblemKind};

/// The reason of every event about what comes after a change: who looks for it does not have to know the pod.
const REACTION_FAILED: &str = "ReactionFailed";
/// The end of all their notes.
const REMEDY: &str = "; the application may still use the variables of before. The injected container's log and \
                      `splitvault doctor pod` say more; `kubectl rollout restart` starts it with those of now";

/// Which reaction failed, if it is one. It is about all VaultSecrets of the pod, so none is named.
const fn reaction(kind: ProblemKind) -> Option<&'static str> {
    match kind {
        ProblemKind::SignalFailed => Some(
            "variables changed, and splitvault.dev/on-change: Signal did not reach the application: no process has the \
             name in splitvault.dev/signal-process, or one runs as another user than the injected container",
        ),
        ProblemKind::HttpFailed => Some(
            "variables changed, and splitvault.dev/on-change: HTTP did not reach the application: the call of \
             splitvault.dev/on-change-url was not answered with 2xx",
        ),
        ProblemKind::UnusableName
        | ProblemKind::TooManyVariables
        | ProblemKind::ValueNotForFile
        | ProblemKind::NameNotForFile
        | ProblemKind::ValueNotForKubelet
        | ProblemKind::TooLongForKubelet
        | ProblemKind::Unknown => None,
    }
}

/// Reason and note of an event on a pod that may ask for what it asks for. The sentence is ours: the pod chooses among
/// a few, and a VaultSecret is named only if it is one of those that the pod's annotation names.
pub(super) fn tell(asked: &DeliverRequest) -> Option<(&'static str, String)> {
    let problem = asked.problem.as_ref()?;
    if let Some(what) = reaction(problem.kind) {
        return Some((REACTION_FAILED, format!("{what}{REMEDY}")));
    }
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
        ProblemKind::SignalFailed | ProblemKind::HttpFailed | ProblemKind::Unknown => return None,
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
            assert!(note.len() < 1000, "{note}");
            if reaction(kind).is_none() {
                assert_eq!(*reason, kind.as_str());
                assert!(note.starts_with("VaultSecret db: "), "{note}");
            }
        }
        let distinct: std::collections::BTreeSet<_> = notes.iter().collect();
        assert_eq!(distinct.len(), notes.len());
    }

    #[test]
    fn a_reaction_that_failed_is_told_with_what_to_do() {
        for (kind, which) in [
            (ProblemKind::SignalFailed, "on-change: Signal"),
            (ProblemKind::HttpFailed, "on-change: HTTP"),
        ] {
            let (reason, note) = told(None, kind).unwrap();
            assert_eq!(reason, "ReactionFailed");
            for part in [which, "variables of before", "doctor pod", "rollout restart"] {
                assert!(note.contains(part), "{note}");
            }
            assert_eq!(told(Some("FORGED"), kind), Some((reason, note)), "ours alone");
        }
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
