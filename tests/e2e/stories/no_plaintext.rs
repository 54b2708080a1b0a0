//! A canary name and a canary value, looked for in everything that a thief could carry away.

use serde_json::json;
use splitvault_tests::evidence::{self, Exhibit};
use splitvault_tests::{Kind, Namespace, SYSTEM, Workload, eventually, kubectl};

const NAME: &str = "CANARY_NAME_QUAGGA_7F3A91";
const VALUE: &str = "canary-value-thylacine-c04e5d22b8";

/// Databases with their write-ahead logs, logs at trace level, events, statuses, metrics, and all of etcd.
fn collect(namespace: &Namespace, pod: &str) -> Vec<Exhibit> {
    let mut exhibits = Vec::new();
    for claim in ["data-splitvault-store-0", "splitvault-operator"] {
        exhibits.extend(evidence::files(&evidence::volume(claim).unwrap()).unwrap());
    }
    for workload in ["statefulset/splitvault-store", "deployment/splitvault-operator"] {
        exhibits.push(evidence::printed(&["--namespace", SYSTEM, "logs", workload]).unwrap());
    }
    let name = namespace.name();
    exhibits.push(evidence::printed(&["--namespace", name, "logs", pod, "--all-containers"]).unwrap());
    exhibits.push(evidence::printed(&["get", "events", "--all-namespaces", "--output=yaml"]).unwrap());
    exhibits.push(
        evidence::printed(&["--namespace", name, "get", "vaultsecrets,pods", "--output=yaml"]).unwrap(),
    );
    for (service, port) in [("splitvault-operator", 8081), ("splitvault-store", 8081)] {
        exhibits.push(metrics(service, port));
    }
    exhibits.push(evidence::etcd().unwrap());
    exhibits
}

fn metrics(application: &str, port: u16) -> Exhibit {
    let selector = format!("--selector=app.kubernetes.io/name={application}");
    let address = eventually("the pod has an address", || {
        let ip = kubectl(&[
            "--namespace",
            SYSTEM,
            "get",
            "pods",
            &selector,
            "--output=jsonpath={.items[0].status.podIP}",
        ])?;
        anyhow::ensure!(!ip.is_empty(), "no address yet");
        Ok(ip)
    });
    let url = format!("http://{address}:{port}/metrics");
    let output = splitvault_tests::run("curl", &["--silent", "--fail", &url], b"").unwrap();
    assert_eq!(output.code, Some(0), "{url} answers");
    let bytes = output.stdout;
    Exhibit { place: url, bytes }
}

fn holders<'a>(exhibits: &'a [Exhibit], needle: &str) -> Vec<&'a str> {
    exhibits
        .iter()
        .filter(|e| e.holds(needle))
        .map(|e| e.place.as_str())
        .collect()
}

#[test]
fn neither_name_nor_value_is_anywhere_in_clear() {
    let namespace = Namespace::make("canary").unwrap();
    namespace
        .apply(&namespace.seal("web", &format!("{NAME}={VALUE}\n"), &[]).unwrap())
        .unwrap();
    namespace.ready("web");
    let workload = Workload::new(Kind::Pod, "app", "web");
    workload.apply(&namespace).unwrap();
    let pod = workload.ready(&namespace);
    // It did arrive, so there was something to leak.
    assert_eq!(workload.variable(&namespace, NAME).unwrap(), VALUE.as_bytes());

    let exhibits = collect(&namespace, &pod);
    assert_eq!(
        holders(&exhibits, NAME),
        Vec::<&str>::new(),
        "the name is in clear"
    );
    assert_eq!(
        holders(&exhibits, VALUE),
        Vec::<&str>::new(),
        "the value is in clear"
    );

    // The positive control: a plain Secret with the same canaries is found by the same search.
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "control"},
        "stringData": {NAME: VALUE}});
    namespace.apply(&secret.to_string()).unwrap();
    let etcd = [evidence::etcd().unwrap()];
    assert_eq!(
        holders(&etcd, NAME),
        ["etcd"],
        "the search finds a name that is there"
    );
    assert_eq!(
        holders(&etcd, VALUE),
        ["etcd"],
        "the search finds a value that is there"
    );
}

#[test]
fn logs_are_at_trace_level_while_the_suites_run() {
    for workload in ["statefulset/splitvault-store", "deployment/splitvault-operator"] {
        let spec = kubectl(&["--namespace", SYSTEM, "get", workload, "--output=yaml"]).unwrap();
        assert!(
            spec.contains("trace"),
            "{workload} logs at trace, or the search above proves little"
        );
    }
}
