//! Where the sidecar answers for its health.

use serde_json::{Value, json};

use crate::inject::fixture::*;
use crate::inject::{Names, Refusal};

fn with(ports: Value, port: &str) -> Value {
    let mut container = app();
    container["ports"] = ports;
    annotated(pod(json!([container])), "health-port", port)
}

fn told(pod: &Value) -> Value {
    let got = admitted(pod, &Names::Hidden);
    let sidecar = &got["spec"]["initContainers"][0];
    assert_eq!(sidecar["ports"], Value::Null, "nobody outside the pod is to ask");
    named(&sidecar["env"], "SPLITVAULT_HEALTH_PORT")["value"].clone()
}

fn warnings(pod: &Value) -> Vec<String> {
    plan(pod, &Names::Hidden, true).unwrap().warnings
}

#[test]
fn without_the_annotation_the_sidecar_is_told_no_port() {
    assert_eq!(told(&pod(json!([app()]))), Value::Null);
}

#[test]
fn the_sidecar_is_told_its_port() {
    let pod = with(json!([{"containerPort": 8080}]), "8089");
    assert_eq!(told(&pod), "8089");
    assert_eq!(warnings(&pod), Vec::<String>::new());
}

#[test]
fn a_port_of_a_container_is_refused_with_its_name_and_the_fix() {
    let ports = json!([{"containerPort": 8080}, {"containerPort": 8089, "name": "admin", "protocol": "TCP"}]);
    let refusal = refused(&with(ports, "8089"), &Names::Hidden);
    let expected = |container: &str| Refusal::PortTaken {
        container: container.to_owned(),
        port: 8089,
    };
    assert_eq!(refusal, expected("app"));
    assert!(!refusal.is_passing());
    for part in ["splitvault.dev/health-port", "app", "8089", "another port"] {
        assert!(refusal.to_string().contains(part), "{refusal}");
    }
    let mut before = with(json!([]), "8089");
    before["spec"]["initContainers"] = json!([{"name": "proxy", "image": "i", "command": ["proxy"],
        "restartPolicy": "Always", "ports": [{"containerPort": 8089}]}]);
    assert_eq!(refused(&before, &Names::Hidden), expected("proxy"));
}

#[test]
fn a_port_of_another_protocol_is_another_port() {
    assert_eq!(
        told(&with(json!([{"containerPort": 8089, "protocol": "UDP"}]), "8089")),
        "8089"
    );
}

#[test]
fn where_no_sidecar_stays_a_warning_says_so_and_nothing_is_refused() {
    let pod = annotated(with(json!([{"containerPort": 8089}]), "8089"), "refresh", "false");
    assert_eq!(told(&pod), Value::Null);
    let warnings = warnings(&pod);
    assert!(
        warnings.len() == 1 && warnings[0].contains("health-port"),
        "{warnings:?}"
    );
}

#[test]
fn on_the_hosts_network_a_warning_says_whose_loopback_it_is() {
    let mut pod = with(json!([]), "8089");
    pod["spec"]["hostNetwork"] = json!(true);
    pod["spec"]["dnsPolicy"] = json!("ClusterFirstWithHostNet");
    let warnings = warnings(&pod);
    assert!(
        warnings.len() == 1 && warnings[0].contains("node's 127.0.0.1"),
        "{warnings:?}"
    );
}
