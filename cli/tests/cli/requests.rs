//! What is asked of the operator, and what is said of what came of it.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::operator::{Operator, status};

const SHOP: &str = "/apis/splitvault.dev/v1alpha1/namespaces/shop/vaultrequests";
const VAULT: &str = "/apis/splitvault.dev/v1alpha1/namespaces/splitvault-system/vaultrequests";

fn done(message: &str) -> Value {
    status("Done", message, json!({"revision": 4}))
}

#[test]
fn rotate_asks_shows_the_progress_and_says_what_came_of_it() {
    let progress = |done: i64| {
        let progress = json!({"progress": {"done": done, "total": 3, "state": "Encrypting"}});
        status("Progressing", "begun at revision 4", progress)
    };
    let operator = Operator::new().statuses([
        json!(null),
        progress(0),
        progress(2),
        done("it is encrypted anew"),
    ]);
    let output = operator.run(&["rotate", "web"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(output.stdout, "VaultSecret shop/web: it is encrypted anew\n");
    assert_eq!(
        output.stderr,
        "Encrypting 0/3: begun at revision 4\nEncrypting 2/3: begun at revision 4\n"
    );
    let (path, spec) = operator.created();
    assert_eq!(path, SHOP);
    assert_eq!(spec, json!({"action": "Rotate", "vaultSecretName": "web"}));
}

#[test]
fn what_concerns_the_installation_is_asked_for_where_the_operator_is() {
    let cases: [(&[&str], Value); 8] = [
        (
            &["rotate", "--master", "key"],
            json!({"action": "RotateMasterKey", "ring": "Names"}),
        ),
        (
            &["rotate", "--master", "value"],
            json!({"action": "RotateMasterKey", "ring": "Values"}),
        ),
        (
            &["rotate", "--master", "all"],
            json!({"action": "RotateMasterKey", "ring": "All"}),
        ),
        (
            &["rotate", "--sealing-key"],
            json!({"action": "RotateSealingKey"}),
        ),
        (
            &["rotate", "--ca"],
            json!({"action": "RotateCertificateAuthority"}),
        ),
        (&["keys", "rewrap"], json!({"action": "Rewrap"})),
        (&["keys", "prune"], json!({"action": "Prune", "dryRun": true})),
        (&["keys", "prune", "--yes"], json!({"action": "Prune"})),
    ];
    for (arguments, expected) in cases {
        let operator = Operator::new().statuses([done("done")]);
        let output = operator.run(arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
        assert_eq!(operator.created(), (VAULT.to_owned(), expected), "{arguments:?}");
    }
}

#[test]
fn programs_get_json() {
    let operator = Operator::new().statuses([done("revision 4 has the content of revision 2")]);
    let output = operator.run(&["rollback", "web", "--to", "2", "-o", "json"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let result: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        (&result["action"], &result["reason"], &result["revision"]),
        (&json!("Rollback"), &json!("Done"), &json!(4))
    );
    assert_eq!(operator.created().1["revision"], 2);
}

#[test]
fn without_waiting_the_request_is_left_to_the_operator() {
    let operator = Operator::new();
    let output = operator.run(&["rotate", "web", "--wait=false"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains("kubectl -n shop get vaultrequest rotate-web-"),
        "{}",
        output.stderr
    );
    assert!(operator.asked().iter().all(|(method, ..)| method == "POST"));
}

#[test]
fn a_request_that_no_webhook_saw_is_taken_away_and_not_waited_for() {
    let operator = Operator::new().without_webhook();
    let output = operator.run(&["rotate", "web"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(
        output.stderr.contains("webhook was not asked")
            && output.stderr.contains("mutatingwebhookconfiguration splitvault"),
        "{}",
        output.stderr
    );
    let asked = operator.asked();
    let methods: Vec<_> = asked.iter().map(|(method, ..)| method.as_str()).collect();
    assert_eq!(methods, ["POST", "DELETE"]);
}

#[test]
fn who_may_not_learns_which_permission_is_missing_and_how_it_is_granted() {
    let operator = Operator::new().statuses([status("Denied", "anna may not rotate it", json!({}))]);
    let output = operator.run(&["rotate", "web"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(
        output.stderr.contains("anna may not rotate it")
            && output
                .stderr
                .contains("--clusterrole=splitvault-requester --user=anna"),
        "{}",
        output.stderr
    );
    let operator = Operator::new().refuses(403, "vaultrequests is forbidden: User cannot create");
    let output = operator.run(&["rotate", "--master", "all"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("cannot create") && output.stderr.contains("splitvault-key-admin"),
        "{}",
        output.stderr
    );
}

#[test]
fn every_refusal_says_what_next() {
    for (code, next) in [(401, "log in"), (404, "kubectl get crd"), (500, "get pods")] {
        let operator = Operator::new().refuses(code, "said");
        let output = operator.run(&["rotate", "web"]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{code}");
        assert!(output.stderr.contains(next), "{code}: {}", output.stderr);
    }
}

#[test]
fn patience_ends_and_the_request_goes_on() {
    let operator = Operator::new().statuses([json!(null)]);
    let output = operator.run(&["rotate", "web", "--timeout", "1s"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("not done after 1 s") && output.stderr.contains("get vaultrequest"),
        "{}",
        output.stderr
    );
    let operator = Operator::new().statuses([json!("gone")]);
    let output = operator.run(&["rotate", "web"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("gone"), "{}", output.stderr);
}

#[test]
fn an_interrupted_wait_leaves_the_request_to_the_operator() {
    let operator = Operator::new().statuses([status("Progressing", "at it", json!({}))]);
    let mut command = operator.place.command(env!("CARGO_BIN_EXE_splitvault"));
    let child = command
        .args(["rotate", "web", "--kubeconfig", &operator.kubeconfig])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once it looks at the request it waits.
    while !operator.asked().iter().any(|(method, ..)| method == "GET") {
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("the operator goes on") && stderr.contains("get vaultrequest"),
        "{stderr}"
    );
}

fn kept() -> Value {
    json!({
        "revision": 8, "entries": 3, "restoredFrom": 5,
        "history": [{"revision": 7, "entries": 4}, {"revision": 5, "entries": 3}],
    })
}

fn generated() -> Value {
    json!({"generate": [{"name": "A"}]})
}

#[test]
fn history_shows_the_revisions_that_are_kept() {
    let operator = Operator::new().secret(generated(), kept());
    let output = operator.run(&["history", "web"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let lines: Vec<Vec<_>> = output
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["REVISION", "VARIABLES", "NOTE"]);
    assert_eq!(lines[1][..3], ["8", "3", "current,"]);
    assert!(output.stdout.contains("with the content of revision 5"));
    assert_eq!((&lines[2][..], &lines[3][..]), (&["7", "4"][..], &["5", "3"][..]));
    let output = operator.run(&["history", "web", "-o", "json"]);
    let all: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        all[0],
        json!({"revision": 8, "entries": 3, "current": true, "restoredFrom": 5})
    );
    assert_eq!(all.as_array().unwrap().len(), 3);
}

#[test]
fn history_of_what_is_not_there_says_so() {
    let output = Operator::new().run(&["history", "web"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(
        output.stderr.contains("VaultSecret shop/web"),
        "{}",
        output.stderr
    );
    let output = Operator::new()
        .secret(generated(), json!({}))
        .run(&["history", "web"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.contains("no revision yet"), "{}", output.stderr);
}

#[test]
fn a_rehearsed_rollback_asks_for_nothing() {
    let operator = Operator::new().secret(generated(), kept()).lets();
    let output = operator.run(&["rollback", "web", "--to", "7", "--dry-run"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(
        output
            .stdout
            .contains("revision 9 would have the content of revision 7 (4 variables)"),
        "{}",
        output.stdout
    );
    let asked = operator.asked();
    assert!(
        asked.iter().all(|(_, path, _)| !path.contains("vaultrequests")),
        "{asked:?}"
    );
    let output = operator.run(&["rollback", "web", "--to", "6", "--dry-run"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.contains("revision 6") && output.stderr.contains("splitvault history"));
    let forbidden = Operator::new().secret(generated(), kept());
    let output = forbidden.run(&["rollback", "web", "--to", "7", "--dry-run"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("you may not rollback"),
        "{}",
        output.stderr
    );
}

fn sealed(payload: &str) -> Value {
    json!({"keyID": "1111111111111111", "payload": payload})
}

fn resealed() -> Value {
    let payload = json!({"keyID": "2222222222222222", "payload": "bmV3"});
    status(
        "Done",
        "sealed to key 2222222222222222",
        json!({"payload": payload}),
    )
}

const MANIFEST: &str = "# mine\napiVersion: splitvault.dev/v1alpha1\nkind: VaultSecret\nmetadata:\n  name: web\n\
    spec:\n  historyLimit: 3  # few\n  source:\n    sealed:\n      keyID: '1111111111111111'\n      payload: b2xk\n";

#[test]
fn a_manifest_gets_another_payload_and_stays_as_it_is_otherwise() {
    let operator = Operator::new()
        .secret(json!({"source": {"sealed": sealed("b2xk")}}), json!({}))
        .statuses([resealed()]);
    let file = operator.place.file("web.yaml", MANIFEST);
    let expected = MANIFEST
        .replace("1111111111111111", "2222222222222222")
        .replace("b2xk", "bmV3");
    let output = operator.run(&["reseal", &file]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, expected.as_str()),
        "{}",
        output.stderr
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), MANIFEST);
    assert!(
        operator.asked().iter().any(|(method, ..)| method == "DELETE"),
        "its answer is here"
    );
    let output = operator.run(&["reseal", "--in-place", &file]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, ""),
        "{}",
        output.stderr
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
}

#[test]
fn a_manifest_that_is_not_applied_is_left_alone() {
    let operator = Operator::new()
        .secret(json!({"source": {"sealed": sealed("b3RoZXI=")}}), json!({}))
        .statuses([resealed()]);
    let file = operator.place.file("web.yaml", MANIFEST);
    let output = operator.run(&["reseal", "-i", &file]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.contains("not what is applied"), "{}", output.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), MANIFEST);
}

#[test]
fn a_name_gives_the_manifest_of_what_is_applied() {
    let operator = Operator::new()
        .secret(
            json!({"historyLimit": 3, "source": {"sealed": sealed("b2xk")}}),
            json!({}),
        )
        .statuses([resealed()]);
    let output = operator.run(&["reseal", "web"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let object: Value = serde_saphyr::from_str(&output.stdout).unwrap();
    assert_eq!(object["spec"]["source"]["sealed"]["payload"], "bmV3");
    assert_eq!(object["spec"]["historyLimit"], 3);
    assert_eq!(
        object["metadata"],
        json!({"name": "web", "namespace": "shop", "labels": {"team": "a"}})
    );
}

#[test]
fn what_is_no_manifest_is_refused_without_asking() {
    let operator = Operator::new();
    for content in ["", "kind: ConfigMap\n", "A=1\n"] {
        let file = operator.place.file("some.yaml", content);
        let output = operator.run(&["reseal", &file]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{content}");
    }
    assert!(operator.asked().is_empty());
    let output = operator.run(&["reseal", "web", "--in-place"]);
    assert_eq!(output.code, 2);
}
