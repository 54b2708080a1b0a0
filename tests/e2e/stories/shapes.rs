//! The table: each shape of workload, in each mode, under each security context, on a real kubelet.

#[path = "shapes/security.rs"]
mod security;

use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, Workload, eventually};

use security::Security;

/// How the variables arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Kubelet,
    Exec,
    File,
}

const MODES: [Mode; 3] = [Mode::Kubelet, Mode::Exec, Mode::File];

/// No single quote, which would send the kubelet's way through the command.
const VALUE: &str = "a \"b\" $HOME #c\nd=e\\ü ";

fn row(kind: Kind, mode: Mode, security: Security) -> Workload {
    let name = format!("{kind:?}-{mode:?}").to_lowercase();
    let secret = if mode == Mode::Kubelet { "shown" } else { "hidden" };
    let workload = security.onto(Workload::new(kind, &name, secret));
    match mode {
        Mode::File => workload.annotated("mode", "file"),
        Mode::Kubelet | Mode::Exec => workload,
    }
}

/// What a command prints in a workload's container.
fn says(namespace: &Namespace, workload: &Workload, command: &str) -> Result<String> {
    let said = workload.exec(namespace, &["sh", "-c", command])?;
    let said = String::from_utf8(said)?;
    Ok(said.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn holds(namespace: &Namespace, workload: &Workload, mode: Mode, security: Security) -> Result<()> {
    let users = says(namespace, workload, "cat /proc/self/uid_map")?;
    ensure!(
        users.starts_with("0 0 ") != security.has_own_users(),
        "UIDs of the pod and of the node: {users}"
    );
    let file = match mode {
        Mode::Kubelet => None,
        Mode::Exec => Some("env.bin"),
        Mode::File => Some(".env"),
    };
    if let Some(file) = file {
        let files = format!("stat -c '%a %u' /run/splitvault/{file}; id -u");
        let files = says(namespace, workload, &files)?;
        ensure!(files == security.files(), "mode, owner and reader: {files}");
    }
    if mode == Mode::File {
        let text = String::from_utf8(workload.read(namespace, "/run/splitvault/.env")?)?;
        ensure!(text.contains("VALUE="), "the file has no VALUE: {text:?}");
        return Ok(());
    }
    let got = workload.variable(namespace, "VALUE")?;
    ensure!(
        got == VALUE.as_bytes(),
        "VALUE is {:?}",
        String::from_utf8_lossy(&got)
    );
    Ok(())
}

/// A table starts some thirty pods at once; two at a time would only wait for each other.
static ONE_TABLE: Mutex<()> = Mutex::new(());

/// One security context, in every mode.
fn table(prefix: &str, security: Security, kinds: &[Kind]) {
    let _turn = ONE_TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut namespace = Namespace::make(prefix).unwrap();
    if !security.is_restricted() {
        namespace = namespace.unrestricted().unwrap();
    }
    for (name, options) in [("shown", &["--expose-names"][..]), ("hidden", &[][..])] {
        let manifest = namespace
            .seal(name, &format!("VALUE='{VALUE}'\n"), options)
            .unwrap();
        namespace.apply(&manifest).unwrap();
        namespace.ready(name);
    }
    let rows = kinds.iter().flat_map(|kind| MODES.map(|mode| (*kind, mode)));
    let rows: Vec<_> = rows
        .map(|(kind, mode)| (mode, row(kind, mode, security)))
        .collect();
    for (_, workload) in &rows {
        workload.apply(&namespace).unwrap();
    }
    let namespace = &namespace;
    thread::scope(|scope| {
        for part in rows.chunks(6) {
            scope.spawn(move || {
                for (mode, workload) in part {
                    workload.ready(namespace);
                    eventually(&format!("{security:?}, {workload:?}"), || {
                        holds(namespace, workload, *mode, security)
                    });
                }
            });
        }
    });
}

#[test]
fn every_shape_and_mode_works_on_the_restricted_standard() {
    table("shapes-restricted", Security::Restricted, &Kind::ALL);
}

#[test]
fn every_shape_and_mode_works_with_an_arbitrary_uid_and_a_read_only_root() {
    table("shapes-arbitrary", Security::Arbitrary, &Kind::ALL);
}

#[test]
fn every_shape_and_mode_works_where_nothing_is_said() {
    table("shapes-unset", Security::Unset, &Kind::ALL);
}

#[test]
fn every_mode_works_as_openshift_admits_pods() {
    table(
        "shapes-openshift",
        Security::OpenShift,
        &[Kind::Deployment, Kind::Job],
    );
}

#[test]
fn every_mode_works_in_a_user_namespace() {
    let kinds = [Kind::Deployment, Kind::Job];
    table("shapes-users", Security::UserNamespace, &kinds);
    table("shapes-users-root", Security::UserNamespaceRoot, &kinds);
}

/// A pod with an init container and a native sidecar of its own, and two containers of which one is left alone.
fn company(namespace: &Namespace) -> Value {
    let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let container = |name: &str, command: &[&str]| {
        json!({"name": name, "image": "localhost/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": command, "securityContext": security})
    };
    let test = ["sh", "-c", "test \"$GREETING\" = hello"];
    let mut proxy = container("proxy", &["sleep", "2147483647"]);
    proxy["restartPolicy"] = "Always".into();
    json!({"apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "company", "namespace": namespace.name(), "labels": {"app": "company"},
        "annotations": {"splitvault.dev/inject": "web", "splitvault.dev/containers": "migrate,proxy,app"}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [container("migrate", &test), proxy],
        "containers": [container("app", &["sleep", "2147483647"]), container("other", &["sleep", "2147483647"])],
    }})
}

fn environ(namespace: &Namespace, container: &str) -> Result<String> {
    let arguments = [
        "exec",
        "company",
        "--container",
        container,
        "--",
        "cat",
        "/proc/1/environ",
    ];
    namespace.kubectl(&arguments)
}

#[test]
fn init_containers_and_native_sidecars_of_the_pods_own_come_after_ours_and_have_the_variables() {
    let namespace = Namespace::make("company").unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    namespace.apply(&company(&namespace).to_string()).unwrap();
    eventually("the pod is Ready", || {
        let pod = namespace.get("pod", "company")?;
        let ready = pod["status"]["conditions"].as_array().into_iter().flatten();
        let is_ready = ready
            .into_iter()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        ensure!(is_ready, "{}", pod["status"]);
        Ok(())
    });
    let pod = namespace.get("pod", "company").unwrap();
    assert_eq!(
        pod["spec"]["initContainers"][0]["name"], "splitvault",
        "ours is first"
    );
    assert_eq!(
        pod["status"]["initContainerStatuses"][1]["restartCount"], 0,
        "the migration had its variable at once"
    );
    for container in ["app", "proxy"] {
        let environ = environ(&namespace, container).unwrap();
        assert!(environ.contains("GREETING=hello"), "{container}");
    }
    let other = environ(&namespace, "other").unwrap();
    assert!(
        !other.contains("GREETING"),
        "a container that is not named is left alone"
    );
    let mounts = pod["spec"]["containers"][1]["volumeMounts"].to_string();
    assert!(
        !mounts.contains("splitvault"),
        "and has no volume of ours: {mounts}"
    );
}

#[test]
fn an_ephemeral_debug_container_is_left_alone() {
    let namespace = Namespace::make("debug").unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    let debug = [
        "debug",
        "app",
        "--image=localhost/busybox:1",
        "--image-pull-policy=IfNotPresent",
        "--container=debugger",
        "--profile=restricted",
        "--quiet",
        "--",
        "sleep",
        "2147483647",
    ];
    namespace.kubectl(&debug).unwrap();
    let pod = eventually("the debugger runs", || {
        let pod = workload.pod(&namespace)?;
        let running = &pod["status"]["ephemeralContainerStatuses"][0]["state"]["running"];
        ensure!(
            running.is_object(),
            "{}",
            pod["status"]["ephemeralContainerStatuses"]
        );
        Ok(pod)
    });
    let debugger = &pod["spec"]["ephemeralContainers"][0];
    assert_eq!(debugger["command"], json!(["sleep", "2147483647"]));
    assert!(
        debugger["volumeMounts"].is_null() && debugger["env"].is_null(),
        "{debugger}"
    );
}
