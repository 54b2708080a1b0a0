//! The key from a cluster, which here is a scripted API server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::json;
use splitvault_api::VaultSecret;
use splitvault_crypto::sealing::{Algorithm, KeyPair};

use crate::program::Place;

const PATH: &str = "/api/v1/namespaces/splitvault-system/configmaps/splitvault-sealing-keys";

/// An API server that answers one request, and hands back its first line.
struct Server {
    url: String,
    request: thread::JoinHandle<String>,
}

impl Server {
    fn answers(code: u16, body: &serde_json::Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let body = body.to_string();
        let request = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map(Result::unwrap);
            let first = lines.next().unwrap();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {code} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
            );
            write!(stream, "{head}connection: close\r\n\r\n{body}").unwrap();
            first
        });
        Self { url, request }
    }

    fn publishes(text: &str) -> Self {
        let data = json!({"current": text});
        let metadata = json!({"name": "splitvault-sealing-keys", "namespace": "splitvault-system"});
        Self::answers(
            200,
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}),
        )
    }

    fn refuses(code: u16, reason: &str) -> Self {
        let status = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "message": format!("configmaps: {reason}"), "reason": reason, "code": code});
        Self::answers(code, &status)
    }
}

/// A kubeconfig with two contexts: `here`, the current one, in namespace shop, and `elsewhere`, at a closed port.
fn kubeconfig(url: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [
            {"name": "here", "cluster": {"server": url}},
            {"name": "elsewhere", "cluster": {"server": "http://127.0.0.1:1"}},
        ],
        "users": [{"name": "me", "user": {}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "shop"}},
            {"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "me"}},
        ],
    })
    .to_string()
}

#[test]
fn seal_asks_the_cluster_for_the_key_and_the_kubeconfig_for_the_namespace() {
    let key = KeyPair::make(Algorithm::XWing).unwrap();
    let server = Server::publishes(&key.public().to_text());
    let place = Place::new();
    let kubeconfig = place.file("config", kubeconfig(&server.url));
    let output = place.run_with(
        &["seal", "-", "--name", "web", "--kubeconfig", &kubeconfig],
        "A=1\n",
    );
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(
        output.stderr.starts_with("note: ") && output.stderr.contains("shop"),
        "{}",
        output.stderr
    );
    let object: VaultSecret = serde_saphyr::from_str(&output.stdout).unwrap();
    assert_eq!(object.metadata.namespace.as_deref(), Some("shop"));
    assert_eq!(
        object.spec.source.unwrap().sealed.unwrap().key_id,
        key.id().to_string()
    );
    assert_eq!(server.request.join().unwrap(), format!("GET {PATH} HTTP/1.1"));
}

#[test]
fn key_prints_what_key_file_takes() {
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    let server = Server::publishes(&format!("{}\n", key.public().to_text()));
    let place = Place::new();
    let kubeconfig = place.file("config", kubeconfig(&server.url));
    let output = place.run(&["key", "--kubeconfig", &kubeconfig]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert_eq!(output.stdout, format!("{}\n", key.public().to_text()));
    let file = place.file("splitvault.pub", output.stdout);
    let sealed = place.run_with(
        &["seal", "-", "--name", "a", "-n", "b", "--key-file", &file],
        "A=1\n",
    );
    assert_eq!(sealed.code, 0, "{}", sealed.stderr);
}

#[test]
fn the_operators_namespace_and_the_context_are_the_users_choice() {
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    let server = Server::publishes(&key.public().to_text());
    let place = Place::new();
    let kubeconfig = place.file("config", kubeconfig(&server.url));
    let output = place.run(&[
        "key",
        "--kubeconfig",
        &kubeconfig,
        "--operator-namespace",
        "vaults",
    ]);
    assert_eq!(output.code, 0);
    assert!(
        server
            .request
            .join()
            .unwrap()
            .contains("/namespaces/vaults/configmaps/")
    );
    let output = place.run(&["key", "--kubeconfig", &kubeconfig, "--context", "elsewhere"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(
        output.stderr.contains("127.0.0.1:1") && output.stderr.contains("--key-file"),
        "{}",
        output.stderr
    );
    let output = place.run(&["key", "--kubeconfig", &kubeconfig, "--context", "nowhere"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("nowhere"), "{}", output.stderr);
}

#[test]
fn a_refusal_says_which_object_and_what_next() {
    let cases = [
        (404, "NotFound", "installed"),
        (403, "Forbidden", "Role splitvault-sealing-keys"),
        (401, "Unauthorized", "log in"),
        (500, "InternalError", "--key-file"),
    ];
    for (code, reason, next) in cases {
        let server = Server::refuses(code, reason);
        let place = Place::new();
        let kubeconfig = place.file("config", kubeconfig(&server.url));
        let output = place.run(&["key", "--kubeconfig", &kubeconfig]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{code}");
        let object = "ConfigMap splitvault-system/splitvault-sealing-keys";
        assert!(
            output.stderr.contains(object) && output.stderr.contains(next),
            "{code}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_config_map_without_a_key_is_named() {
    let empty = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}});
    let servers = [
        Server::answers(200, &empty),
        Server::publishes("no key"),
        Server::publishes(""),
    ];
    for server in servers {
        let place = Place::new();
        let kubeconfig = place.file("config", kubeconfig(&server.url));
        let output = place.run(&["key", "--kubeconfig", &kubeconfig]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""));
        assert!(
            output.stderr.contains("splitvault-sealing-keys") && output.stderr.contains("current"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn without_a_kubeconfig_it_says_what_to_give() {
    let place = Place::new();
    let output = place.run_with(&["seal", "-", "--name", "web", "-n", "shop"], "A=1\n");
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.contains("--key-file"), "{}", output.stderr);
    let key = KeyPair::make(Algorithm::X25519).unwrap();
    let file = place.file("key", key.public().to_text());
    let output = place.run_with(&["seal", "-", "--name", "web", "--key-file", &file], "A=1\n");
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    assert!(output.stderr.contains("--namespace"), "{}", output.stderr);
}
