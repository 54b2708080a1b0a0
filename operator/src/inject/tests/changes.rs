//! What the sidecar is to do once changed variables are in place.

use serde_json::{Value, json};

use crate::inject::fixture::*;
use crate::inject::{Names, Refusal};

fn with(annotations: &[(&str, &str)]) -> Value {
    annotations
        .iter()
        .fold(pod(json!([app()])), |pod, (name, value)| {
            annotated(pod, name, value)
        })
}

fn shared(mut pod: Value) -> Value {
    pod["spec"]["shareProcessNamespace"] = json!(true);
    pod
}

fn sidecar(pod: &Value) -> Value {
    admitted(pod, &Names::Hidden)["spec"]["initContainers"][0].clone()
}

fn variables(container: &Value) -> Vec<(&str, &str)> {
    let env = container["env"].as_array().unwrap();
    env.iter()
        .filter_map(|variable| Some((variable["name"].as_str()?, variable["value"].as_str()?)))
        .filter(|(name, _)| name.starts_with("SPLITVAULT_ON_CHANGE") || name.starts_with("SPLITVAULT_SIGNAL"))
        .collect()
}

const SIGNAL: [(&str, &str); 2] = [("on-change", "Signal"), ("signal-process", "nginx")];

#[test]
fn without_the_annotation_the_sidecar_is_told_nothing() {
    for pod in [with(&[]), with(&[("on-change", "None")])] {
        let container = sidecar(&pod);
        assert_eq!(variables(&container), []);
        assert_eq!(container["restartPolicyRules"], Value::Null);
    }
}

#[test]
fn a_signal_needs_to_see_the_process() {
    let refusal = refused(&with(&SIGNAL), &Names::Hidden);
    assert_eq!(refusal, Refusal::ProcessesNotShared);
    assert!(refusal.to_string().contains("shareProcessNamespace: true") && !refusal.is_passing());
    assert_eq!(
        variables(&sidecar(&shared(with(&SIGNAL)))),
        [
            ("SPLITVAULT_ON_CHANGE", "Signal"),
            ("SPLITVAULT_SIGNAL", "SIGHUP"),
            ("SPLITVAULT_SIGNAL_PROCESS", "nginx"),
        ]
    );
}

#[test]
fn on_the_nodes_own_processes_and_network_nothing_is_promised() {
    for share in [false, true] {
        let mut pod = with(&SIGNAL);
        pod["spec"]["hostPID"] = json!(true);
        pod["spec"]["shareProcessNamespace"] = json!(share);
        let refusal = refused(&pod, &Names::Hidden);
        assert_eq!(refusal, Refusal::ProcessesOfNode);
        assert!(!refusal.to_string().contains("shareProcessNamespace"));
    }
    let mut pod = with(&[("on-change", "HTTP"), ("on-change-url", "http://127.0.0.1:8080/")]);
    for host in [false, true] {
        pod["spec"]["hostNetwork"] = json!(host);
        let warnings = plan(&pod, &Names::Hidden, true).unwrap().warnings;
        let warned = warnings
            .iter()
            .any(|warning| warning.contains("the node's 127.0.0.1"));
        assert_eq!(warned, host, "{warnings:?}");
    }
}

#[test]
fn who_runs_as_another_user_is_told_that_a_signal_will_not_arrive() {
    let warned = |pod: Option<i64>, container: Option<i64>, names: &Names| {
        let mut signalled = shared(with(&SIGNAL));
        if let Some(uid) = pod {
            signalled["spec"]["securityContext"] = json!({"runAsUser": uid});
        }
        if let Some(uid) = container {
            signalled["spec"]["containers"][0]["securityContext"] = json!({"runAsUser": uid});
        }
        let warnings = plan(&signalled, names, true).unwrap().warnings;
        warnings.iter().any(|warning| warning.contains("runAsUser"))
    };
    for names in [Names::Hidden, exposed(&["A"])] {
        assert!(warned(None, None, &names));
        assert!(!warned(Some(1000), None, &names));
        assert!(warned(Some(0), None, &names), "the sidecar is never root");
    }
    assert!(
        !warned(None, Some(7), &Names::Hidden),
        "the sidecar takes the readers' UID"
    );
    assert!(
        warned(Some(1000), Some(7), &exposed(&["A"])),
        "kubelet reads, so the sidecar has the pod's UID"
    );
}

#[test]
fn a_call_is_told_its_url() {
    let url = "http://127.0.0.1:8080/-/reload";
    let container = sidecar(&with(&[("on-change", "HTTP"), ("on-change-url", url)]));
    assert_eq!(
        variables(&container),
        [
            ("SPLITVAULT_ON_CHANGE", "HTTP"),
            ("SPLITVAULT_ON_CHANGE_URL", url)
        ]
    );
}

#[test]
fn a_restart_in_place_is_a_rule_on_the_sidecars_own_exit_code() {
    let pod = with(&[("on-change", "RestartContainers")]);
    let container = sidecar(&pod);
    assert_eq!(
        variables(&container),
        [("SPLITVAULT_ON_CHANGE", "RestartContainers")]
    );
    assert_eq!(
        container["restartPolicyRules"],
        json!([{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [90]}}])
    );
    assert_eq!(
        container["restartPolicy"], "Always",
        "the API server wants it beside rules"
    );
}

#[test]
fn a_restart_in_place_needs_kubelets_that_can() {
    let pod = with(&[("on-change", "RestartContainers")]);
    let refusal = plan(&pod, &Names::Hidden, false).unwrap_err();
    assert_eq!(refusal, Refusal::NoRestartInPlace);
    let sentence = refusal.to_string();
    for advice in ["1.36", "Signal", "HTTP", "spec.onChange: Restart"] {
        assert!(sentence.contains(advice), "{sentence}");
    }
}

#[test]
fn a_reload_that_can_bring_nothing_new_is_warned_of() {
    let http = [("on-change", "HTTP"), ("on-change-url", "http://127.0.0.1/")];
    let said = |pod: &Value| {
        let warnings = plan(pod, &Names::Hidden, true).unwrap().warnings;
        warnings.iter().any(|warning| warning.contains("mode: file"))
    };
    assert!(said(&with(&http)) && said(&shared(with(&SIGNAL))));
    assert!(!said(&annotated(with(&http), "mode", "file")));
    assert!(!said(&with(&[("on-change", "RestartContainers")])) && !said(&with(&[])));
}
