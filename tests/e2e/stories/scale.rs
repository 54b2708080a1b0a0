//! A thousand objects at once.

use serde_json::Value;
use splitvault_tests::{Namespace, SYSTEM, kubectl};

const OBJECTS: usize = 1000;

#[test]
fn a_thousand_objects_become_ready_without_throttling() {
    let namespace = Namespace::make("thousand-objects").unwrap();
    let manifests: Vec<Value> = {
        let spec = serde_json::json!({"generate": [{"name": "KEY", "length": 32}]});
        (0..OBJECTS)
            .map(|i| {
                serde_json::json!({"apiVersion": "splitvault.dev/v1alpha1", "kind": "VaultSecret",
                    "metadata": {"name": format!("secret-{i}")}, "spec": spec})
            })
            .collect()
    };
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": manifests});
    namespace.apply(&list.to_string()).unwrap();
    namespace.all_ready(OBJECTS);
    let logs = kubectl(&[
        "--namespace",
        SYSTEM,
        "logs",
        "deployment/splitvault-operator",
        "--tail=20000",
    ])
    .unwrap();
    for word in ["throttl", "Too Many Requests", "\"status\":429"] {
        let hit = logs.lines().find(|line| line.contains(word));
        assert_eq!(hit, None, "the API server had to hold the operator back");
    }
}
