//! Beside a service mesh: one init container takes the traffic to the operator away, as a mesh's does, and a native sidecar
//! that is added after it, the proxy, gives it back once it runs.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, Workload, eventually, kubectl_with, service_address};

use crate::neighbours::Policy;

/// Both, first among the init containers, in the second round only: as a webhook adds them that is called after ours.
fn mesh(namespace: &Namespace) -> Policy {
    let operator = service_address("splitvault-operator").unwrap();
    let added = |name: &str, script: &str, more: &str| {
        format!(
            r#"JSONPatch{{op: "add", path: "/spec/initContainers/0", value: Object.spec.initContainers{{
                name: "{name}", image: "localhost/busybox:1", imagePullPolicy: "IfNotPresent",
                command: ["sh", "-c", "{script}"],
                securityContext: Object.spec.initContainers.securityContext{{runAsUser: 0, runAsNonRoot: false,
                    capabilities: Object.spec.initContainers.securityContext.capabilities{{add: ["NET_ADMIN"]}}}}{more}}}}}"#
        )
    };
    let give = format!("ip route del prohibit {operator}/32 && touch /tmp/up && sleep 2147483647");
    let probe = r#", restartPolicy: "Always", startupProbe: Object.spec.initContainers.startupProbe{periodSeconds: 1,
        exec: Object.spec.initContainers.startupProbe.exec{command: ["test", "-e", "/tmp/up"]}}"#;
    let proxy = added("mesh-proxy", &give, probe);
    let init = added("mesh-init", &format!("ip route add prohibit {operator}/32"), "");
    Policy::make(
        namespace,
        &format!(
            r#"object.spec.?initContainers.orValue([]).exists(c, c.name == "splitvault")
            && !object.spec.initContainers.exists(c, c.name == "mesh-proxy") ? [{proxy}, {init}] : []"#
        ),
    )
}

/// A pod with an init container of its own that fails without its variable.
fn workload(name: &str, order: Option<&str>) -> Workload {
    let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let migrate = json!([{"name": "migrate", "image": "localhost/busybox:1", "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "test \"$GREETING\" = hello"], "securityContext": security}]);
    let workload = Workload::new(Kind::Pod, name, "web")
        .spec("initContainers", migrate)
        .spec("restartPolicy", "Never".into());
    match order {
        Some(order) => workload.annotated("init-order", order),
        None => workload,
    }
}

fn order(pod: &Value) -> Vec<&str> {
    let init = pod["spec"]["initContainers"].as_array().unwrap().iter();
    init.map(|container| container["name"].as_str().unwrap())
        .collect()
}

fn dry_run(namespace: &Namespace, workload: &Workload) -> Result<Value> {
    let arguments = ["create", "--dry-run=server", "--output=json", "--filename=-"];
    let all = [&["--namespace", namespace.name()][..], &arguments].concat();
    Ok(serde_json::from_str(&kubectl_with(
        &all,
        workload.manifest().as_bytes(),
    )?)?)
}

/// With the mesh in force.
fn scene(prefix: &str) -> (Namespace, Policy) {
    let namespace = Namespace::make(prefix).unwrap().unrestricted().unwrap();
    let manifest = namespace
        .seal("web", "GREETING=hello\n", &["--expose-names"])
        .unwrap();
    namespace.apply(&manifest).unwrap();
    namespace.ready("web");
    let policy = mesh(&namespace);
    eventually("the mesh is in force", || {
        let pod = dry_run(&namespace, &workload("probe", None))?;
        ensure!(order(&pod).contains(&"mesh-proxy"), "not yet");
        Ok(())
    });
    (namespace, policy)
}

#[test]
fn ours_is_first_or_after_the_proxy_as_the_pod_asks_though_the_mesh_comes_later() {
    let (namespace, _policy) = scene("mesh-order");
    for (name, asked, expected) in [
        (
            "first",
            None,
            ["splitvault", "mesh-init", "mesh-proxy", "migrate"],
        ),
        (
            "after",
            Some("after=mesh-proxy"),
            ["mesh-init", "mesh-proxy", "splitvault", "migrate"],
        ),
    ] {
        let workload = workload(name, asked);
        workload.apply(&namespace).unwrap();
        workload.ready(&namespace);
        let pod = workload.pod(&namespace).unwrap();
        assert_eq!(order(&pod), expected);
        // It is never started again, so it had its variable.
        assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");
    }
    let last = workload("last", Some("last")).annotated("containers", "app");
    let pod = dry_run(&namespace, &last).unwrap();
    assert_eq!(order(&pod), ["mesh-init", "mesh-proxy", "migrate", "splitvault"]);
}

/// The control: the traffic is taken away, and ours needs the proxy that comes after it.
#[test]
fn before_a_proxy_that_it_needs_ours_says_so_and_holds_the_proxy_up_for_a_moment_only() {
    let (namespace, _policy) = scene("mesh-between");
    let between = workload("between", Some("after=mesh-init"));
    between.apply(&namespace).unwrap();
    eventually("the sidecar says what is the matter", || {
        // It ends once when it comes late.
        let log = |more: &[&str]| {
            namespace.kubectl(&[&["logs", "between", "--container=splitvault"], more].concat())
        };
        let said = log(&[])? + &log(&["--previous"]).unwrap_or_default();
        ensure!(said.contains("cannot reach the operator"), "{said}");
        Ok(())
    });
    between.ready(&namespace);
    assert_eq!(between.variable(&namespace, "GREETING").unwrap(), b"hello");
    let pod = between.pod(&namespace).unwrap();
    assert_eq!(order(&pod), ["mesh-init", "splitvault", "mesh-proxy", "migrate"]);
}
