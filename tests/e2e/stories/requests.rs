//! What a person asks for once: encrypted anew, gone back, revealed; by whoever may, and by nobody else.

use anyhow::{Context as _, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use splitvault_crypto::sealing::{Algorithm, Context, KeyPair};
use splitvault_tests::{
    Kind, Namespace, SYSTEM, Workload, eventually, kubectl, kubectl_with, run, splitvault,
};

const SECRET: &str = "swordfish-7c2f";

/// A namespace with `web` at revision 2: GREETING was hello, and is good evening.
fn scene(prefix: &str) -> Namespace {
    let namespace = Namespace::make(prefix).unwrap();
    for greeting in ["hello", "good evening"] {
        let text = format!("GREETING='{greeting}'\nPASSWORD={SECRET}\n");
        namespace
            .apply(&namespace.seal("web", &text, &[]).unwrap())
            .unwrap();
        namespace.ready("web");
    }
    namespace
}

fn greeting(namespace: &Namespace, pod: &str) -> String {
    let workload = Workload::new(Kind::Pod, pod, "web");
    workload.apply(namespace).unwrap();
    workload.ready(namespace);
    String::from_utf8(workload.variable(namespace, "GREETING").unwrap()).unwrap()
}

fn request(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultRequest", "metadata": {"name": name}, "spec": spec})
        .to_string()
}

/// Waits for the answer, and gives the reason of the condition Complete and the whole object.
fn answer(namespace: &Namespace, name: &str) -> (String, Value) {
    eventually("the request is answered", || {
        let object = namespace.get("vaultrequest", name)?;
        let conditions = object["status"]["conditions"]
            .as_array()
            .context("no conditions")?
            .clone();
        let of = |kind: &str| {
            conditions
                .iter()
                .find(|c| c["type"] == kind)
                .cloned()
                .unwrap_or_default()
        };
        let over = ["Complete", "Failed"]
            .iter()
            .any(|kind| of(kind)["status"] == "True");
        ensure!(over, "{conditions:?}");
        Ok((
            of("Complete")["reason"].as_str().unwrap_or_default().to_owned(),
            object,
        ))
    })
}

/// kubectl's arguments to be a ServiceAccount of the namespace.
fn account(namespace: &Namespace, name: &str, role: &str) -> String {
    namespace.kubectl(&["create", "serviceaccount", name]).unwrap();
    let subject = format!("--serviceaccount={}:{name}", namespace.name());
    let role = format!("--clusterrole={role}");
    namespace
        .kubectl(&["create", "rolebinding", name, &role, &subject])
        .unwrap();
    format!("--as=system:serviceaccount:{}:{name}", namespace.name())
}

fn audit(namespace: &Namespace) -> Result<Vec<Value>> {
    let log = kubectl(&[
        "--namespace",
        SYSTEM,
        "logs",
        "deployment/splitvault-operator",
        "--since=10m",
    ])?;
    ensure!(!log.contains(SECRET), "a value is in the log");
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = lines
        .filter(|line| line["target"] == "splitvault::audit" && line.to_string().contains(namespace.name()));
    Ok(ours
        .filter(|line| line.to_string().contains("\"action\""))
        .collect())
}

#[test]
fn a_vault_secret_is_encrypted_anew_at_a_word_and_nothing_else_changes() {
    let namespace = scene("rotate");
    let printed = splitvault(&["rotate", "web", "-n", namespace.name()], b"").unwrap();
    assert!(printed.contains("encrypted anew"), "{printed}");
    assert_eq!(
        namespace.get("vaultsecret", "web").unwrap()["status"]["revision"],
        2
    );
    assert_eq!(greeting(&namespace, "after"), "good evening");
    eventually("an event on the VaultSecret", || {
        let events =
            namespace.kubectl(&["get", "events", "--field-selector=reason=Rotated", "-o", "json"])?;
        ensure!(events.contains("Rotate asked by"), "{events}");
        Ok(())
    });
    eventually("an audit line", || {
        let lines = audit(&namespace)?;
        ensure!(
            lines.iter().any(|line| line.to_string().contains("Rotate")),
            "{lines:?}"
        );
        Ok(())
    });
}

#[test]
fn content_goes_back_and_forth_and_stays_until_the_source_changes() {
    let namespace = scene("rollback");
    let here = ["-n", namespace.name()];
    let history = || -> Value {
        let text = splitvault(&[&["history", "web", "-o", "json"][..], &here].concat(), b"").unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let rehearsed = splitvault(
        &[&["rollback", "web", "--to", "1", "--dry-run"][..], &here].concat(),
        b"",
    )
    .unwrap();
    assert!(rehearsed.contains("revision 3 would have"), "{rehearsed}");
    assert_eq!(history()[0]["revision"], 2);
    splitvault(&[&["rollback", "web", "--to", "1"][..], &here].concat(), b"").unwrap();
    eventually("the status shows where the content is from", || {
        let status = namespace.get("vaultsecret", "web")?["status"].clone();
        ensure!(status["revision"] == 3 && status["restoredFrom"] == 1, "{status}");
        Ok(())
    });
    assert_eq!(greeting(&namespace, "back"), "hello");
    splitvault(&[&["rollback", "web", "--to", "2"][..], &here].concat(), b"").unwrap();
    eventually("and back", || {
        let first = history()[0].clone();
        ensure!(first["revision"] == 4 && first["restoredFrom"] == 2, "{first}");
        Ok(())
    });
    assert_eq!(greeting(&namespace, "forth"), "good evening");
    namespace
        .apply(&namespace.seal("web", "GREETING=new\n", &[]).unwrap())
        .unwrap();
    eventually("the source wins when it changes", || {
        let status = namespace.get("vaultsecret", "web")?["status"].clone();
        ensure!(
            status["revision"] == 5 && status["restoredFrom"].is_null(),
            "{status}"
        );
        Ok(())
    });
    let output = run(
        "splitvault",
        &[&["rollback", "web", "--to", "99"][..], &here].concat(),
        b"",
    )
    .unwrap();
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("UnknownRevision"), "{}", output.stderr);
}

#[test]
fn variables_are_revealed_to_the_key_of_whoever_may_and_to_nobody_else() {
    let namespace = scene("reveal");
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    let spec = json!({"action": "Reveal", "vaultSecretName": "web", "publicKey": key.public().to_text()});
    let revealer = account(&namespace, "revealer", "splitvault-revealer");
    let editor = account(&namespace, "editor", "edit");
    let ask = |who: &str, name: &str| {
        let create = ["--namespace", namespace.name(), who, "create", "--filename", "-"];
        kubectl_with(&create, request(name, &spec).as_bytes()).unwrap();
    };
    ask(&revealer, "may");
    let (reason, object) = answer(&namespace, "may");
    assert_eq!(reason, "Done", "{object}");
    let uid = object["metadata"]["uid"].as_str().unwrap();
    let sealed = STANDARD
        .decode(object["status"]["answer"].as_str().unwrap())
        .unwrap();
    let open = |uid: &str| key.open(&Context::Answer { request_uid: uid }, &sealed);
    let text = String::from_utf8(open(uid).unwrap().expose().to_vec()).unwrap();
    assert!(text.contains(SECRET) && text.contains("good evening"));
    assert!(open("other").is_err() && !object.to_string().contains(SECRET));
    ask(&editor, "may-not");
    let (reason, object) = answer(&namespace, "may-not");
    assert_eq!(
        (reason.as_str(), &object["status"]["answer"]),
        ("Denied", &Value::Null)
    );
    eventually("both are in the audit trail", || {
        let lines = audit(&namespace)?;
        for (account, reason) in [("revealer", "Done"), ("editor", "Denied")] {
            let line = lines.iter().find(|line| line.to_string().contains(account));
            let line = line.context("no line")?.to_string();
            ensure!(line.contains(reason) && line.contains("Reveal"), "{line}");
        }
        Ok(())
    });
}

#[test]
fn who_edits_may_go_back_and_who_views_may_not_even_ask() {
    let namespace = scene("people");
    let editor = account(&namespace, "editor", "edit");
    let viewer = account(&namespace, "viewer", "view");
    let spec = json!({"action": "Rollback", "vaultSecretName": "web", "revision": 1});
    let create = |who: &str| {
        kubectl_with(
            &["--namespace", namespace.name(), who, "create", "--filename", "-"],
            request("back", &spec).as_bytes(),
        )
    };
    let refused = create(&viewer).unwrap_err().to_string();
    assert!(refused.contains("forbidden"), "{refused}");
    // The roles of people are put together a moment after the installation.
    eventually("an editor may ask", || create(&editor));
    assert_eq!(answer(&namespace, "back").0, "Done");
    let requester = namespace.get("vaultrequest", "back").unwrap()["spec"]["requester"].clone();
    assert_eq!(
        requester["username"],
        format!("system:serviceaccount:{}:editor", namespace.name())
    );
}

#[test]
fn a_request_cannot_be_changed_and_goes_away_after_its_time() {
    let namespace = scene("expiry");
    let spec = json!({"action": "Rotate", "vaultSecretName": "web", "ttlSeconds": 20,
        "requester": {"username": "system:admin", "time": "2026-01-01T00:00:00Z", "nonce": "0".repeat(32), "mac": "0".repeat(64)}});
    namespace.apply(&request("short", &spec)).unwrap();
    assert_eq!(
        answer(&namespace, "short").0,
        "Done",
        "the stamp that it came with is overwritten"
    );
    for patch in [
        r#"{"spec": {"vaultSecretName": "db"}}"#,
        r#"{"spec": {"requester": {"username": "root"}}}"#,
    ] {
        let patch = ["patch", "vaultrequest", "short", "--type=merge", "--patch", patch];
        let refused = namespace.kubectl(&patch).unwrap_err().to_string();
        assert!(refused.contains("cannot be changed"), "{refused}");
    }
    eventually("it is deleted", || {
        let left = namespace.kubectl(&["get", "vaultrequest", "--output=name"])?;
        ensure!(left.is_empty(), "{left}");
        Ok(())
    });
}

#[test]
fn a_name_that_the_api_server_makes_up_is_as_good() {
    let namespace = scene("generated-name");
    let object = json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultRequest",
        "metadata": {"generateName": "ci-"}, "spec": {"action": "Rotate", "vaultSecretName": "web"}});
    let create = [
        "--namespace",
        namespace.name(),
        "create",
        "--output=name",
        "--filename",
        "-",
    ];
    let made = kubectl_with(&create, object.to_string().as_bytes()).unwrap();
    let name = made.trim().rsplit('/').next().unwrap().to_owned();
    assert_eq!(answer(&namespace, &name).0, "Done");
}

#[test]
fn the_api_server_refuses_what_makes_no_sense_with_a_sentence() {
    let namespace = Namespace::make("nonsense").unwrap();
    let cases = [
        (json!({"action": "Rotate"}), "need vaultSecretName"),
        (
            json!({"action": "Rewrap", "vaultSecretName": "web"}),
            "no other action takes it",
        ),
        (
            json!({"action": "Rollback", "vaultSecretName": "web"}),
            "needs the revision",
        ),
        (
            json!({"action": "Rotate", "vaultSecretName": "web", "revision": 1}),
            "take a revision",
        ),
        (json!({"action": "RotateMasterKey"}), "needs a ring"),
        (
            json!({"action": "Reveal", "vaultSecretName": "web"}),
            "public key",
        ),
        (json!({"action": "Destroy"}), "Unsupported value"),
        (
            json!({"action": "Rewrap", "dryRun": true}),
            "only Prune takes dryRun",
        ),
        (json!({"action": "Rewrap", "ttlSeconds": 99_999}), "3600"),
        (
            json!({"action": "RotateSealingKey"}),
            "ask in namespace splitvault-system",
        ),
    ];
    for (spec, sentence) in cases {
        let refused = namespace.apply(&request("a", &spec)).unwrap_err().to_string();
        assert!(refused.contains(sentence), "{spec}: {refused}");
    }
}

#[test]
fn a_manifest_is_sealed_to_the_newest_key() {
    let namespace = scene("reseal");
    let manifest = splitvault(&["reseal", "web", "-n", namespace.name()], b"").unwrap();
    assert!(manifest.contains("kind: VaultSecret"), "{manifest}");
    namespace.apply(&manifest).unwrap();
    namespace.ready("web");
    assert_eq!(greeting(&namespace, "after"), "good evening");
}
