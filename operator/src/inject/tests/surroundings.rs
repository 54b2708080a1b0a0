//! Pods that are unusual but fine, and what their owners are told.

use serde_json::{Value, json};

use crate::inject::Names;
use crate::inject::fixture::*;

fn warned(pod: &Value, names: &Names, about: &str) -> bool {
    let warnings = plan(pod, names, true).unwrap().warnings;
    warnings.iter().any(|warning| warning.contains(about))
}

#[test]
fn a_common_pod_is_injected_without_a_warning() {
    for names in [Names::Hidden, exposed(&["A"])] {
        assert_eq!(
            plan(&pod(json!([app()])), &names, true).unwrap().warnings,
            Vec::<String>::new()
        );
    }
}

#[test]
fn a_vault_secret_that_comes_later_is_announced() {
    let pod = pod(json!([app()]));
    assert!(warned(&pod, &missing(), "web"));
    assert!(warned(
        &pod,
        &Names::Unknown(crate::inject::Unknown::NotAllowed),
        "spec.access"
    ));
}

#[test]
fn a_pod_on_the_hosts_network_is_told_about_dns() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["hostNetwork"] = json!(true);
    assert!(warned(&pod, &Names::Hidden, "ClusterFirstWithHostNet"));
    pod["spec"]["dnsPolicy"] = json!("ClusterFirst");
    assert!(warned(&pod, &Names::Hidden, "ClusterFirstWithHostNet"));
    pod["spec"]["dnsPolicy"] = json!("ClusterFirstWithHostNet");
    assert!(!warned(&pod, &Names::Hidden, "ClusterFirstWithHostNet"));
    pod["spec"]["hostNetwork"] = json!(false);
    pod["spec"]["dnsPolicy"] = json!("Default");
    assert!(warned(&pod, &Names::Hidden, "DNS"));
}

#[test]
fn variables_by_env_from_give_way_with_a_warning() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "settings"}}]);
    for names in [Names::Hidden, exposed(&["A"])] {
        assert!(warned(&pod, &names, "envFrom"));
    }
    assert!(!warned(
        &annotated(pod, "mode", "file"),
        &Names::Hidden,
        "envFrom"
    ));
}

#[test]
fn a_mode_that_may_lock_readers_out_is_named() {
    let pod = annotated(
        annotated(pod(json!([app()])), "mode", "file"),
        "file-mode",
        "0400",
    );
    assert!(warned(&pod, &Names::Hidden, "runAsUser"));
}

#[test]
fn a_warning_is_short_however_many_names_it_is_about() {
    let names = (0..1000)
        .map(|number| format!("{number}{}", "x".repeat(200)).as_str().into())
        .collect();
    let warnings = plan(&pod(json!([app()])), &Names::Exposed(names), true)
        .unwrap()
        .warnings;
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].len() <= 300 && warnings[0].ends_with("and 995 more"),
        "{}",
        warnings[0]
    );
}

#[test]
fn null_lists_are_as_good_as_missing_ones() {
    let mut pod = pod(json!([app()]));
    for field in ["initContainers", "volumes"] {
        pod["spec"][field] = Value::Null;
    }
    for field in ["env", "volumeMounts"] {
        pod["spec"]["containers"][0][field] = Value::Null;
    }
    let got = admitted(&pod, &Names::Hidden);
    assert_eq!(got["spec"]["initContainers"][0]["name"], "splitvault");
    assert_eq!(got["spec"]["containers"][0]["env"].as_array().unwrap().len(), 1);
}

#[test]
fn empty_lists_are_filled() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["initContainers"] = json!([]);
    pod["spec"]["containers"][0]["env"] = json!([]);
    let got = admitted(&pod, &exposed(&["A"]));
    assert_eq!(got["spec"]["initContainers"].as_array().unwrap().len(), 1);
    assert_eq!(got["spec"]["containers"][0]["env"].as_array().unwrap().len(), 2);
}
