//! Tokens of the local cluster's own issuer, for pods that read theirs from a place that a test fills as kubelet would:
//! the API server grants none that ends before ten minutes, so these are signed here.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use splitvault_tests::{Namespace, Workload, eventually, kubectl_with, run};

use super::node::Node;

const VOLUME: &str = "splitvault-token";
/// What stands for kubelet: a container that has the volume, and lets the test write there.
const WRITER: &str = "tokens";

/// How far off its end is, in seconds.
pub(super) const GOOD: i64 = 600;
/// The API server honours a token for a minute after its end (go-jose, `DefaultLeeway`).
pub(super) const ENDS_IN_SECONDS: i64 = -55;
pub(super) const ENDED: i64 = -3600;

/// Applies a pod as the webhook makes it, but for its token, and gives it a good one unless no node is to have it yet.
pub(super) fn apply(node: &Node, namespace: &Namespace, workload: &Workload) {
    let made = injected(namespace, workload);
    namespace.apply(&made.to_string()).unwrap();
    if made["spec"]["schedulingGates"].is_null() {
        give(node, namespace, workload, GOOD);
    }
}

/// The pod that the webhook makes of it, with an empty volume in place of kubelet's token. What is injected already is
/// left as it is when it is created.
fn injected(namespace: &Namespace, workload: &Workload) -> Value {
    let arguments = ["--namespace", namespace.name(), "create", "--dry-run=server"];
    let arguments = [&arguments[..], &["--output=json", "--filename", "-"]].concat();
    let text = kubectl_with(&arguments, workload.manifest().as_bytes()).unwrap();
    let made: Value = serde_json::from_str(&text).unwrap();
    let metadata = &made["metadata"];
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "spec": made["spec"],
        "metadata": {"name": metadata["name"], "labels": metadata["labels"], "annotations": metadata["annotations"]},
    });
    for volume in list(&mut pod["spec"]["volumes"]) {
        if volume["name"] == VOLUME {
            *volume = json!({"name": VOLUME, "emptyDir": {"medium": "Memory"}});
        }
    }
    let containers = list(&mut pod["spec"]["initContainers"]);
    for variable in list(&mut containers[0]["env"]) {
        if variable["name"] == "SPLITVAULT_LOG" {
            // The default: one line for a reason, not one for each try.
            variable["value"] = "info".into();
        }
    }
    containers.insert(
        0,
        json!({
            "name": WRITER, "image": "localhost/busybox:1", "restartPolicy": "Always",
            "command": ["sleep", "2147483647"],
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": VOLUME, "mountPath": "/tokens"}],
        }),
    );
    pod
}

fn list(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().unwrap()
}

/// Replaces the pod's token by one that ends in so many seconds, by a rename, as kubelet does.
pub(super) fn give(node: &Node, namespace: &Namespace, workload: &Workload, seconds: i64) {
    let pod = eventually("the pod is there", || workload.pod(namespace));
    let token = mint(node, namespace, &pod, seconds);
    let name = pod["metadata"]["name"].as_str().unwrap();
    let arguments = ["--namespace", namespace.name(), "exec", name, "--stdin"];
    let write = "cat >/tokens/new && mv /tokens/new /tokens/token";
    let command = ["--container", WRITER, "--", "sh", "-c", write];
    let arguments = [&arguments[..], &command].concat();
    eventually("the pod has the token", || {
        kubectl_with(&arguments, token.as_bytes())
    });
}

/// A token bound to the pod, as kubelet gets them (KEP-1205): RFC 7515 with RS256.
fn mint(node: &Node, namespace: &Namespace, pod: &Value, seconds: i64) -> String {
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap();
    let uid = &namespace.get("serviceaccount", account).unwrap()["metadata"]["uid"];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let end = i64::try_from(now.as_secs()).unwrap() + seconds;
    let begin = end - 2 * 3600;
    let claims = json!({
        "iss": "https://kubernetes.default.svc.cluster.local", "aud": ["splitvault"],
        "sub": format!("system:serviceaccount:{}:{account}", namespace.name()),
        "exp": end, "nbf": begin, "iat": begin,
        "kubernetes.io": {
            "namespace": namespace.name(),
            "serviceaccount": {"name": account, "uid": uid},
            "pod": {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]},
        },
    });
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        encode(json!({"alg": "RS256", "typ": "JWT"})),
        encode(claims)
    );
    let key = node.path("pki/service-accounts.key");
    let arguments = ["dgst", "-sha256", "-sign", key.to_str().unwrap()];
    let signature = run("openssl", &arguments, signed.as_bytes()).unwrap();
    assert_eq!(signature.code, Some(0), "{}", signature.stderr);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&signature.stdout))
}
