//! Two hundred pods at once. Among the outages, since nothing else finds room beside them.

use serde_json::{Value, json};
use splitvault_tests::{Kind, Namespace, Workload, kubectl};

const PODS: usize = 200;

#[test]
fn two_hundred_pods_made_at_once_all_become_ready() {
    let namespace = Namespace::make("crowd").unwrap();
    namespace
        .apply(&namespace.seal("web", "GREETING=hello\n", &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let deployment = Workload::new(Kind::Deployment, "crowd", "web");
    let mut manifest: Value = serde_json::from_str(&deployment.manifest()).unwrap();
    manifest["spec"]["replicas"] = json!(PODS);
    // Not the object's own limit, which makes it fail after ten minutes without progress.
    manifest["spec"]["progressDeadlineSeconds"] = json!(1800);
    namespace.apply(&manifest.to_string()).unwrap();
    let rolled = ["rollout", "status", "deployment/crowd", "--timeout=900s"];
    namespace.kubectl(&rolled).unwrap();
    let path = "--output=jsonpath={range .items[*]}{.status.containerStatuses[0].restartCount}{\"\\n\"}{end}";
    let restarts = namespace.kubectl(&["get", "pods", path]).unwrap();
    assert_eq!(restarts.lines().count(), PODS);
    assert!(
        restarts.lines().all(|count| count == "0"),
        "no application started without its variables and had to start again"
    );
    let scale = [
        "--namespace",
        namespace.name(),
        "scale",
        "deployment/crowd",
        "--replicas=0",
    ];
    kubectl(&scale).unwrap();
}
