//! A node whose kubelet is older than the API server, as in the middle of every upgrade: it would take what it does not
//! know for nothing, and start a pod without its variables.

use serde_json::json;
use splitvault_tests::{Kind, Namespace, Workload, eventually, kubectl, kubectl_with};

use super::installation::Part;

const NODE: &str = "splitvault-e2e-old-kubelet";

/// A node that nothing is scheduled to, for the operator to see.
struct OldNode;

impl OldNode {
    fn join() -> Self {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE},
        "spec": {"unschedulable": true, "taints": [{"key": "splitvault.dev/e2e", "effect": "NoExecute"}]},
        "status": {"nodeInfo": {
            "kubeletVersion": "v1.34.3", "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "",
            "kernelVersion": "", "kubeProxyVersion": "", "machineID": "", "operatingSystem": "linux", "osImage": "",
            "systemUUID": "",
        }}});
        kubectl_with(&["create", "--filename=-"], node.to_string().as_bytes()).unwrap();
        Self
    }
}

impl Drop for OldNode {
    fn drop(&mut self) {
        drop(kubectl(&["delete", "node", NODE, "--ignore-not-found"]));
    }
}

/// The operator remembers the versions for ten minutes.
fn restart_operator() {
    Part::Operator.stop();
    Part::Operator.start();
}

#[test]
fn while_one_kubelet_is_old_no_pod_relies_on_what_only_new_ones_do() {
    let namespace = Namespace::make("skew").unwrap();
    let sealed = namespace
        .seal("web", "GREETING=hello\n", &["--expose-names"])
        .unwrap();
    namespace.apply(&sealed).unwrap();
    namespace.ready("web");
    let way = |name: &str| {
        let workload = Workload::new(Kind::Pod, name, "web");
        eventually("admission", || workload.apply(&namespace));
        workload.ready(&namespace);
        assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");
        let pod = workload.pod(&namespace).unwrap();
        let probe = pod["spec"]["initContainers"][0]["startupProbe"].is_object();
        let way = pod["metadata"]["annotations"]["splitvault.dev/injected-as"].clone();
        (way, probe)
    };
    assert_eq!(
        way("before"),
        (json!("app=kubelet (names exposed; environment files)"), false)
    );
    let node = OldNode::join();
    restart_operator();
    // The probe is the second gate where kubelet is none.
    assert_eq!(
        way("during"),
        (
            json!("app=exec (command; no environment files in this cluster)"),
            true
        )
    );
    drop(node);
    restart_operator();
    assert_eq!(
        way("after"),
        (json!("app=kubelet (names exposed; environment files)"), false)
    );
}
