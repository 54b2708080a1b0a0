//! Pods that run with the variables of before.

use super::*;

const LOG: &str = "log of container splitvault";
const KUBELET: &str = "VaultSecret web: kubelet cannot set a value with a single quote or CRLF";

/// What the sidecar said last, and what is told of the pod.
fn stuck(last: &str, events: Looked<Vec<Told>>) -> Vec<Finding> {
    found(|e| {
        e.log = Looked::Found(format!("splitvault: delivered: web:1\nsplitvault: {last}\n"));
        e.events = events;
    })
}

#[test]
fn what_cannot_be_written_is_a_problem_with_its_event_and_remedy() {
    for why in [
        "kubelet cannot set A of VaultSecret web: its value has a single quote or CRLF. Change it",
        "kubelet reads 64 KiB of variables, and the pod's VaultSecrets have more",
        "VaultSecret web has a variable whose name cannot be used",
        "VaultSecret web has more variables, or longer ones, than a .env file may have",
        "VaultSecret web has a value that a .env file cannot hold: set splitvault.dev/format",
        "VaultSecret web has a variable whose name cannot be a file's (it has a slash",
    ] {
        let events = vec![
            warning("ValueNotForFile", "an earlier one"),
            warning("ValueNotForKubelet", KUBELET),
            warning("BackOff", "of another matter"),
        ];
        let findings = stuck(&format!("stays at web:1: {why}"), Looked::Found(events));
        assert!(!is_well(&findings), "{why}");
        assert!(said(&findings, Level::Wrong, LOG)[0].ends_with(why));
        assert_eq!(
            said(&findings, Level::Note, "event ValueNotForKubelet"),
            [KUBELET]
        );
        assert_eq!(said(&findings, Level::Note, "event ValueNotForFile"), [""; 0]);
        let expected = if why.contains("VaultSecret web") {
            "kubectl -n shop describe vaultsecret web"
        } else {
            "kubectl -n shop describe pod web-1"
        };
        assert_eq!(next(&findings, LOG), expected);
        let silent = stuck(&format!("stays at web:1: {why}"), Looked::Forbidden);
        assert!(!is_well(&silent), "the sidecar's word is enough");
    }
}

#[test]
fn what_heals_by_itself_or_was_mended_is_none() {
    let events = || Looked::Found(vec![warning("ValueNotForKubelet", KUBELET)]);
    for last in [
        "stays at web:1: Unavailable: a store does not answer",
        "stays at web:1: NotReady: VaultSecret web has no variable A",
        "stays at web:1: cannot reach the operator at a:1: refused",
        "stays at web:1: Unavailable: NotAllowed: Tampered: ",
    ] {
        let findings = stuck(last, events());
        assert!(is_well(&findings), "{last}");
        assert_eq!(said(&findings, Level::Note, LOG).len(), 1, "{last}");
        assert_eq!(
            said(&findings, Level::Note, "event ValueNotForKubelet"),
            [""; 0],
            "{last}"
        );
    }
    let mended = stuck("delivered: web:2", events());
    assert!(mended.iter().all(|one| one.level == Level::Well), "{mended:?}");
}

#[test]
fn without_the_log_an_event_is_worth_a_note() {
    for log in [Looked::Forbidden, Looked::Missing, Looked::Failed("x".to_owned())] {
        let with = |reason: &str| {
            found(|e| {
                e.log = log.clone();
                e.events = Looked::Found(vec![warning(reason, KUBELET)]);
            })
        };
        let findings = with("TooLongForKubelet");
        assert!(is_well(&findings));
        let told = said(&findings, Level::Note, "event TooLongForKubelet");
        assert!(told[0].contains("whether it is"), "{told:?}");
        assert_eq!(
            next(&findings, "event TooLongForKubelet"),
            "kubectl -n shop describe vaultsecret web"
        );
        assert!(with("Unhealthy").iter().all(|one| one.level == Level::Well));
    }
}
