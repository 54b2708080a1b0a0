//! What leads on from a pod that waits.

use super::*;

const ABOUT: &str = "container splitvault";
const LOG: &str = "log of container splitvault";
const MISSING: &str = "NotReady: VaultSecret web does not exist in this namespace";

fn waits(change: impl FnOnce(&mut Evidence)) -> Vec<Finding> {
    found(|e| {
        app_waits(e);
        change(e);
    })
}

#[test]
fn kubelets_wording_is_explained_once() {
    let failed = || {
        vec![
            warning("Failed", "Error: couldn't parse env file"),
            warning("NotReady", "VaultSecret web is being processed"),
        ]
    };
    let findings = waits(|e| e.events = Looked::Found(failed()));
    assert!(!is_well(&findings));
    let told = said(&findings, Level::Wrong, ABOUT).concat();
    assert!(
        told.contains("CreateContainerConfigError, couldn't parse env file: that is kubelet's wording for files that are not there yet"),
        "{told}"
    );
    assert_eq!(said(&findings, Level::Note, "event Failed"), [""; 0]);
    assert_eq!(said(&findings, Level::Note, "event NotReady").len(), 1);
    assert_eq!(said(&findings, Level::Well, "container app"), [""; 0]);

    // Between two tries kubelet says something else.
    let findings = waits(|e| {
        e.pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "PodInitializing"}});
        e.events = Looked::Found(failed());
    });
    let event = said(&findings, Level::Note, "event Failed").concat();
    assert!(event.ends_with("files that are not there yet"), "{event}");
    let other = waits(|e| {
        e.pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "ErrImagePull"}});
        e.events = Looked::Found(vec![warning("Failed", "Error: ErrImagePull")]);
    });
    assert_eq!(said(&other, Level::Note, "event Failed"), ["Error: ErrImagePull"]);
}

#[test]
fn files_that_have_just_come_are_not_said_to_be_missing() {
    let findings = waits(|e| e.log = Looked::Found("splitvault: delivered: web:1\n".to_owned()));
    let told = said(&findings, Level::Wrong, "container app").concat();
    assert!(
        told.contains("there now") && told.contains("looks again"),
        "{told}"
    );
    assert!(!told.contains("not for its variables"));
}

#[test]
fn the_next_command_shows_the_vault_secret_that_is_waited_for() {
    let by_log = |change: fn(&mut Evidence)| {
        let findings = waits(|e| {
            e.log = Looked::Found(format!(
                "splitvault: asks for web\nsplitvault: no variables yet: {MISSING}\n"
            ));
            change(e);
        });
        next(&findings, LOG)
    };
    assert_eq!(by_log(|_| {}), "kubectl -n shop describe vaultsecret web");
    let looked: [fn(&mut Evidence); 2] = [
        |e| e.secrets[0].1 = Looked::Missing,
        |e| e.secrets[0].1 = Looked::Forbidden,
    ];
    for looked in looked {
        assert_eq!(by_log(looked), "kubectl -n shop get vaultsecret web");
    }
    let by_event = waits(|e| {
        e.log = Looked::Forbidden;
        e.secrets[0] = ("team/web".to_owned(), Looked::Forbidden);
        e.events = Looked::Found(vec![
            warning(
                "NotAllowed",
                "there is no VaultSecret team/web for this pod: a pod of namespace shop needs",
            ),
            warning("BackOff", "x"),
        ]);
    });
    assert_eq!(next(&by_event, LOG), "kubectl -n team get vaultsecret web");
}

#[test]
fn only_a_vault_secret_that_the_pod_asks_for_gets_into_a_command() {
    for said in [
        "VaultSecret other does not exist",
        "VaultSecret web-2 does not exist",
        "VaultSecret web/x does not exist",
        "VaultSecret $(reboot) does not exist",
        "web",
        "VaultSecret ",
        HOSTILE,
    ] {
        let findings = waits(|e| {
            e.log = Looked::Found(format!("splitvault: no variables yet: NotReady: {said}"));
            e.events = Looked::Found(vec![warning("NotReady", said)]);
        });
        assert_eq!(
            next(&findings, LOG),
            "kubectl -n shop describe pod web-1",
            "{said}"
        );
    }
}
