//! Who the webhook answers: the API server, and nobody who only says what an API server would say.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use splitvault_tests::{Namespace, Output, run, service_address};

const NAME: &str = "CANARY_NAME_5B1D";

/// The review of a pod that nobody has made, as a ServiceAccount that may have the VaultSecret.
fn review(namespace: &Namespace) -> Vec<u8> {
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let resource = json!({"group": "", "version": "v1", "resource": "pods"});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "x", "namespace": namespace.name(), "annotations": {"splitvault.dev/inject": "web"}},
        "spec": {"serviceAccountName": "payroll", "containers": [{"name": "app", "image": "a"}]},
    });
    let request = json!({
        "uid": "1", "kind": kind, "requestKind": kind, "resource": resource, "namespace": namespace.name(),
        "operation": "CREATE", "userInfo": {}, "dryRun": true, "options": {}, "object": pod,
    });
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    review.to_string().into_bytes()
}

/// Asks the webhook, showing a certificate or none.
fn ask(review: &[u8], certificate: Option<(PathBuf, PathBuf)>) -> Output {
    let address = service_address("splitvault-operator").unwrap();
    let url = format!("https://{address}:443/mutate-pods");
    let mut arguments = [
        "--silent",
        "--insecure",
        "--max-time",
        "30",
        "--header",
        "Content-Type: application/json",
        "--data-binary",
        "@-",
    ]
    .map(str::to_owned)
    .to_vec();
    if let Some((certificate, key)) = certificate {
        arguments.extend(["--cert".to_owned(), certificate.display().to_string()]);
        arguments.extend(["--key".to_owned(), key.display().to_string()]);
    }
    arguments.push(url);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    run("curl", &arguments, review).unwrap()
}

#[test]
fn whoever_shows_no_certificate_of_an_api_server_is_turned_away() {
    let Ok(state) = std::env::var("SPLITVAULT_CLUSTER_STATE") else {
        eprintln!("the API server of this cluster is not configured by us: not looked at");
        return;
    };
    let namespace = Namespace::make("webhook").unwrap();
    let options = ["--expose-names", "--service-account", "payroll"];
    let sealed = namespace.seal("web", &format!("{NAME}=x\n"), &options).unwrap();
    namespace.apply(&sealed).unwrap();
    namespace.ready("web");
    let review = review(&namespace);
    let pki = PathBuf::from(state).join("pki");
    let of = |name: &str| {
        (
            pki.join(name).with_extension("crt"),
            pki.join(name).with_extension("key"),
        )
    };

    // One of the cluster's own authority, which every node has, is none of an API server.
    for certificate in [None, Some(of("kubelet"))] {
        let turned_away = ask(&review, certificate);
        assert_ne!(turned_away.code, Some(0), "{}", turned_away.text());
        assert_eq!(turned_away.text(), "");
    }

    // The positive control: with that of the API server this very review is answered.
    let answer: Value = serde_json::from_slice(&ask(&review, Some(of("webhook-client"))).stdout).unwrap();
    let patch = answer["response"]["patch"].as_str().unwrap();
    let patch = String::from_utf8(STANDARD.decode(patch).unwrap()).unwrap();
    assert!(patch.contains(NAME), "{patch}");
}
