//! Containers that leave the command to their image, hidden names, and a registry in the cluster.

use anyhow::{Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually};

/// `tests/cluster/lib/images.sh` loads images under this registry's name, and `tests/e2e/run` lets the operator ask it.
const NAMESPACE: &str = "splitvault-images";
const REGISTRY: &str = "registry.splitvault-images.svc:5000";

/// What `tests/cluster/dockerfiles` makes.
const IMAGES: [(&str, &[&str], &[&str]); 2] = [
    (
        "busybox-entrypoint",
        &["/bin/sh", "-c"],
        &["env; exec sleep 2147483647"],
    ),
    (
        "private/busybox-cmd",
        &[],
        &["/bin/sh", "-c", "env; exec sleep 2147483647"],
    ),
];

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A registry of static files: manifests and configs are all that a look-up reads.
struct Registry {
    namespace: Namespace,
    digests: Vec<String>,
}

impl Registry {
    fn start() -> Self {
        // It may be on its way out since the last run.
        let namespace = eventually("the registry's namespace", || Namespace::named(NAMESPACE));
        let (mut data, mut items, mut digests) = (json!({}), Vec::new(), Vec::new());
        for (number, (name, entrypoint, cmd)) in IMAGES.iter().enumerate() {
            let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []},
                "config": {"Entrypoint": entrypoint, "Cmd": cmd}});
            let config = config.to_string();
            let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len()}});
            let manifest = manifest.to_string();
            digests.push(digest(&manifest));
            items
                .push(json!({"key": format!("manifest-{number}"), "path": format!("v2/{name}/manifests/1")}));
            items.push(json!({"key": format!("config-{number}"), "path": format!("v2/{name}/blobs/{}", digest(&config))}));
            data[format!("manifest-{number}")] = manifest.into();
            data[format!("config-{number}")] = config.into();
        }
        data["httpd.conf"] = "/v2/private:alice:secret\n".into();
        let files =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files"}, "data": data});
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "registry"},
            "spec": {"selector": {"app": "registry"}, "ports": [{"port": 5000}]}});
        for object in [files, service] {
            namespace.apply(&object.to_string()).unwrap();
        }
        let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
        let from = |name: &str, items: &[Value]| json!({"name": name, "configMap": {"name": "files", "items": items}});
        let conf = [json!({"key": "httpd.conf", "path": "httpd.conf"})];
        let server = Workload::new(Kind::Pod, "registry", "none")
            .plain()
            .command(&[
                "httpd",
                "-f",
                "-p",
                "5000",
                "-h",
                "/srv",
                "-c",
                "/conf/httpd.conf",
            ])
            .container(
                "volumeMounts",
                json!([mount("files", "/srv"), mount("conf", "/conf")]),
            )
            .container(
                "readinessProbe",
                json!({"tcpSocket": {"port": 5000}, "periodSeconds": 1}),
            )
            .spec("volumes", json!([from("files", &items), from("conf", &conf)]));
        server.apply(&namespace).unwrap();
        server.ready(&namespace);
        Self { namespace, digests }
    }

    fn stop(&self) {
        self.namespace
            .kubectl(&["delete", "pod", "registry", "--grace-period=0"])
            .unwrap();
    }
}

fn image(name: &str) -> Value {
    json!(format!("{REGISTRY}/{name}:1"))
}

fn workload(kind: Kind, name: &str, image_name: &str) -> Workload {
    Workload::new(kind, name, "web")
        .container("command", Value::Null)
        .container("image", image(image_name))
}

fn arrives(namespace: &Namespace, workload: &Workload) {
    workload.ready(namespace);
    eventually("the variable", || -> Result<()> {
        let got = workload.variable(namespace, "GREETING")?;
        ensure!(got == b"hello", "{got:?}");
        Ok(())
    });
}

fn refused(namespace: &Namespace, workload: &Workload, parts: &[&str]) {
    let refusal = workload.apply(namespace).unwrap_err().to_string();
    for part in parts {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn a_container_without_a_command_gets_hidden_names_through_its_images_entrypoint() {
    let registry = Registry::start();
    let namespace = Namespace::make("images").unwrap();
    let manifest = namespace.seal("web", "GREETING=hello\n", &[]).unwrap();
    namespace.apply(&manifest).unwrap();
    namespace.ready("web");

    let app = workload(Kind::Deployment, "app", "busybox-entrypoint");
    eventually("admission", || app.apply(&namespace));
    arrives(&namespace, &app);
    let pod = app.pod(&namespace).unwrap();
    let container = &pod["spec"]["containers"][0];
    assert_eq!(
        container["command"],
        json!(["/splitvault/splitvault-sidecar", "exec", "--", "/bin/sh", "-c"])
    );
    assert_eq!(container["args"], json!(["env; exec sleep 2147483647"]));
    assert_eq!(container["image"], image("busybox-entrypoint"));
    let described = namespace
        .kubectl(&["describe", "pod", pod["metadata"]["name"].as_str().unwrap()])
        .unwrap();
    let told = format!(
        "app=exec (entrypoint of {REGISTRY}/busybox-entrypoint@{}; names hidden)",
        registry.digests[0]
    );
    assert_eq!(pod["metadata"]["annotations"]["splitvault.dev/injected-as"], told);
    // kubectl cuts a long annotation short.
    assert!(described.contains("app=exec (entrypoint of"), "{described}");
    assert!(!described.contains("GREETING"));

    // A registry that is not listed, and an image that is not there.
    let other = workload(Kind::Pod, "other", "x").container("image", json!("docker.io/library/redis:7"));
    refused(
        &namespace,
        &other,
        &[
            "container app",
            "docker.io/library/redis:7",
            "imageLookup.registries",
        ],
    );
    refused(
        &namespace,
        &workload(Kind::Pod, "missing", "missing"),
        &["no such image"],
    );

    pull_secrets(&namespace);

    registry.stop();
    let late = workload(Kind::Pod, "late", "another");
    eventually("the registry is gone", || {
        let refusal = late.apply(&namespace).unwrap_err().to_string();
        ensure!(refusal.contains("try again"), "{refusal}");
        Ok(())
    });
    // Who does not need it is not held up.
    let own = Workload::new(Kind::Pod, "own", "web");
    own.apply(&namespace).unwrap();
    arrives(&namespace, &own);
}

/// An image that its registry hides, a pod that has the secret, and an operator that may not read it, until it may.
fn pull_secrets(namespace: &Namespace) {
    let auths = json!({"auths": {REGISTRY: {"username": "alice", "password": "secret"}}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "pull"}, "data": {".dockerconfigjson": STANDARD.encode(auths.to_string())}});
    namespace.apply(&secret.to_string()).unwrap();
    let private = workload(Kind::Pod, "private", "private/busybox-cmd");
    refused(namespace, &private, &["its registry refuses"]);
    let private = private.spec("imagePullSecrets", json!([{"name": "pull"}]));
    refused(
        namespace,
        &private,
        &["pull secret pull", "imageLookup.pullSecrets", namespace.name()],
    );
    let account = format!("{SYSTEM}:splitvault-operator");
    for arguments in [
        &[
            "create",
            "role",
            "pull",
            "--verb=get",
            "--resource=secrets",
            "--resource-name=pull",
        ][..],
        &[
            "create",
            "rolebinding",
            "pull",
            "--role=pull",
            &format!("--serviceaccount={account}"),
        ],
    ] {
        namespace.kubectl(arguments).unwrap();
    }
    eventually("admission", || private.apply(namespace));
    arrives(namespace, &private);
}
