//! The delivery API gives a pod its own and nothing else, whoever asks.

use anyhow::{Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl, run, service_address};

/// A namespace with one VaultSecret and one pod that has it.
fn scene(prefix: &str) -> (Namespace, Workload, String) {
    let namespace = Namespace::make(prefix).unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    let uid = uid(&workload, &namespace);
    (namespace, workload, uid)
}

fn uid(workload: &Workload, namespace: &Namespace) -> String {
    workload.pod(namespace).unwrap()["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn token(namespace: &Namespace, account: &str, audience: &str, bound: Option<(&str, &str)>) -> String {
    let audience = format!("--audience={audience}");
    let mut arguments = vec!["create", "token", account, &audience];
    let (name, uid);
    if let Some((pod, pod_uid)) = bound {
        name = format!("--bound-object-name={pod}");
        uid = format!("--bound-object-uid={pod_uid}");
        arguments.extend(["--bound-object-kind=Pod", &name, &uid]);
    }
    namespace.kubectl(&arguments).unwrap().trim().to_owned()
}

/// Asks as a sidecar does; answers the HTTP status and the body.
fn ask(token: &str, secrets: &[&str]) -> Result<(u16, Value)> {
    let mut key = vec![1];
    key.extend([9; 32]);
    let body = json!({"publicKey": STANDARD.encode(key), "vaultSecrets": secrets}).to_string();
    post(token, body.as_bytes())
}

fn post(token: &str, body: &[u8]) -> Result<(u16, Value)> {
    let address = service_address("splitvault-operator")?;
    let host = format!("splitvault-operator.{SYSTEM}.svc");
    let resolve = format!("{host}:8443:{address}");
    let ca = kubectl(&[
        "--namespace",
        SYSTEM,
        "get",
        "secret",
        "splitvault-ca",
        "--output=jsonpath={.data.ca\\.crt}",
    ])?;
    let file = std::env::temp_dir().join(format!(
        "splitvault-ca-{}-{:?}.pem",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&file, STANDARD.decode(ca)?)?;
    let bearer = format!("Authorization: Bearer {token}");
    let url = format!("https://{host}:8443/v1/deliver");
    let output = run(
        "curl",
        &[
            "--silent",
            "--show-error",
            "--cacert",
            &file.display().to_string(),
            "--resolve",
            &resolve,
            "--header",
            &bearer,
            "--header",
            "Content-Type: application/json",
            "--data-binary",
            "@-",
            "--write-out",
            "\n%{http_code}",
            &url,
        ],
        body,
    )?;
    std::fs::remove_file(&file)?;
    ensure!(output.code == Some(0), "curl: {}", output.stderr);
    let text = output.text();
    let (body, code) = text.rsplit_once('\n').unwrap_or_default();
    Ok((code.parse()?, serde_json::from_str(body).unwrap_or(Value::Null)))
}

fn refused(answer: Result<(u16, Value)>, reason: &str) {
    let (code, body) = answer.unwrap();
    assert!((400..500).contains(&code), "{code}: {body}");
    assert_eq!(body["reason"], reason, "{body}");
    assert!(body["sealed"].is_null());
}

#[test]
fn a_pods_own_token_gets_its_own_secret() {
    let (namespace, _, uid) = scene("deliver");
    let (code, body) = ask(
        &token(&namespace, "default", "splitvault", Some(("app", &uid))),
        &["web"],
    )
    .unwrap();
    assert_eq!(code, 200, "the positive control: {body}");
    assert!(body["sealed"].is_string());
    assert!(
        !body.to_string().contains("hello"),
        "even inside TLS it travels encrypted"
    );
}

#[test]
fn a_token_for_another_audience_is_refused() {
    let (namespace, _, uid) = scene("audience");
    let token = token(
        &namespace,
        "default",
        "https://kubernetes.default.svc.cluster.local",
        Some(("app", &uid)),
    );
    refused(ask(&token, &["web"]), "Unauthenticated");
}

#[test]
fn a_token_that_is_bound_to_no_pod_is_refused() {
    let (namespace, _, _) = scene("unbound");
    refused(
        ask(&token(&namespace, "default", "splitvault", None), &["web"]),
        "Unauthenticated",
    );
}

#[test]
fn garbage_is_refused() {
    let (namespace, _, uid) = scene("garbage");
    refused(ask("not.a.token", &["web"]), "Unauthenticated");
    let token = token(&namespace, "default", "splitvault", Some(("app", &uid)));
    refused(post(&token, b"{not json"), "Invalid");
    refused(ask(&token, &["../../etc/passwd"]), "NotRequested");
    let (code, _) = post(&token, &vec![b' '; 4 << 20]).unwrap_or((413, Value::Null));
    assert_eq!(code, 413, "a huge body is cut off");
}

#[test]
fn another_pod_that_did_not_ask_is_refused() {
    let (namespace, _, _) = scene("other-pod");
    let plain = Workload::new(Kind::Pod, "plain", "web").plain();
    plain.apply(&namespace).unwrap();
    plain.ready(&namespace);
    let uid = uid(&plain, &namespace);
    refused(
        ask(
            &token(&namespace, "default", "splitvault", Some(("plain", &uid))),
            &["web"],
        ),
        "NotRequested",
    );
}

#[test]
fn a_pod_gets_no_secret_that_its_annotation_does_not_name() {
    let (namespace, _, uid) = scene("greedy");
    namespace
        .apply(&namespace.seal("other", "A=1\n", &[]).unwrap())
        .unwrap();
    namespace.ready("other");
    let token = token(&namespace, "default", "splitvault", Some(("app", &uid)));
    refused(ask(&token, &["other"]), "NotRequested");
    refused(ask(&token, &["web", "other"]), "NotRequested");
}

#[test]
fn a_service_account_that_is_not_listed_is_refused() {
    let namespace = Namespace::make("unlisted").unwrap();
    namespace
        .apply(
            &namespace
                .seal("web", "A=1\n", &["--service-account", "web"])
                .unwrap(),
        )
        .unwrap();
    namespace.ready("web");
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    let uid = eventually("the pod is there", || {
        let pod = workload.pod(&namespace)?;
        ensure!(pod["spec"]["nodeName"].is_string(), "not scheduled");
        Ok(uid(&workload, &namespace))
    });
    refused(
        ask(
            &token(&namespace, "default", "splitvault", Some(("app", &uid))),
            &["web"],
        ),
        "NotAllowed",
    );
}

#[test]
fn a_deleted_pods_token_is_refused() {
    let (namespace, _, uid) = scene("gone");
    let token = token(&namespace, "default", "splitvault", Some(("app", &uid)));
    assert_eq!(ask(&token, &["web"]).unwrap().0, 200, "the positive control");
    namespace
        .kubectl(&["delete", "pod", "app", "--wait=true"])
        .unwrap();
    let (code, body) = ask(&token, &["web"]).unwrap();
    let reason = body["reason"].as_str().unwrap_or_default().to_owned();
    assert!(
        ["Unauthenticated", "PodNotFound"].contains(&reason.as_str()),
        "{code}: {body}"
    );
    // A pod of the same name that came later is another pod.
    Workload::new(Kind::Pod, "app", "web").apply(&namespace).unwrap();
    assert_ne!(ask(&token, &["web"]).unwrap().0, 200);
}
