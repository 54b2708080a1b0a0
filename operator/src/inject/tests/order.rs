//! Where among the init containers ours goes, before and after other webhooks.

use serde_json::{Value, json};

use crate::inject::fixture::*;
use crate::inject::{Names, Refusal};

/// A native sidecar as a service mesh adds it.
fn proxy() -> Value {
    json!({"name": "istio-proxy", "image": "proxy", "restartPolicy": "Always"})
}

fn step(name: &str) -> Value {
    json!({"name": name, "image": "i", "command": ["c"]})
}

/// A pod with these init containers that asks for this order.
fn ordered(init: &[Value], order: &str) -> Value {
    let mut pod = annotated(pod(json!([app()])), "init-order", order);
    pod["spec"]["initContainers"] = init.into();
    pod
}

fn order(pod: &Value) -> Vec<&str> {
    let init = pod["spec"]["initContainers"].as_array().unwrap();
    init.iter()
        .map(|container| container["name"].as_str().unwrap())
        .collect()
}

/// Which init containers have variables, by any way.
fn supplied(pod: &Value) -> Vec<&str> {
    let init = pod["spec"]["initContainers"].as_array().unwrap();
    let ours = |container: &&Value| {
        container["name"] != "splitvault" && container.to_string().contains("splitvault-env")
    };
    init.iter()
        .filter(ours)
        .map(|container| container["name"].as_str().unwrap())
        .collect()
}

fn warnings(pod: &Value) -> Vec<String> {
    plan(pod, &exposed(&["A"]), true).unwrap().warnings
}

#[test]
fn it_goes_where_it_is_asked_to_and_only_those_after_it_have_variables() {
    let init = [step("setup"), proxy(), step("migrate")];
    for (asked, expected, with) in [
        (
            "first",
            &["splitvault", "setup", "istio-proxy", "migrate"][..],
            &["setup", "istio-proxy", "migrate"][..],
        ),
        ("last", &["setup", "istio-proxy", "migrate", "splitvault"], &[]),
        (
            "after=istio-proxy",
            &["setup", "istio-proxy", "splitvault", "migrate"],
            &["migrate"],
        ),
        (
            "after=migrate",
            &["setup", "istio-proxy", "migrate", "splitvault"],
            &[],
        ),
    ] {
        let got = admitted(&ordered(&init, asked), &exposed(&["A"]));
        assert_eq!(order(&got), expected);
        assert_eq!(supplied(&got), with, "{asked}");
        assert!(
            got["spec"]["containers"][0]
                .to_string()
                .contains("splitvault-env"),
            "{asked}"
        );
    }
}

#[test]
fn it_needs_no_other_init_container() {
    for asked in ["first", "last", "after=istio-proxy"] {
        assert_eq!(
            order(&admitted(&ordered(&[], asked), &Names::Hidden)),
            ["splitvault"]
        );
        let mut none = ordered(&[], asked);
        none["spec"]["initContainers"] = Value::Null;
        assert_eq!(order(&admitted(&none, &Names::Hidden)), ["splitvault"]);
    }
}

#[test]
fn who_gets_no_variables_because_of_it_is_named_once() {
    let init = [step("setup"), proxy()];
    let told = warnings(&ordered(&init, "last"));
    assert!(
        told.len() == 1 && told[0].ends_with(": setup, istio-proxy"),
        "{told:?}"
    );
    let told = warnings(&ordered(&init, "after=istio-proxy"));
    assert!(told.len() == 1 && told[0].ends_with(": setup"), "{told:?}");
    assert_eq!(
        warnings(&annotated(ordered(&init, "last"), "containers", "app")),
        Vec::<String>::new()
    );
    let many: Vec<_> = (0..9).map(|number| step(&format!("s{number}"))).collect();
    assert!(warnings(&ordered(&many, "last"))[0].ends_with(": s0, s1, s2, s3, s4 and 4 more"));
    let marked = admitted(&ordered(&init, "last"), &exposed(&["A"]));
    let marked = marked["metadata"]["annotations"]["splitvault.dev/injected-as"]
        .as_str()
        .unwrap();
    assert!(
        marked.contains("setup=none (init container before splitvault)"),
        "{marked}"
    );
}

#[test]
fn an_init_container_that_is_to_have_variables_must_come_later() {
    for asked in ["last", "after=setup", "after=istio-proxy"] {
        let pod = annotated(
            ordered(&[step("setup"), proxy()], asked),
            "containers",
            "app,setup",
        );
        let refusal = refused(&pod, &exposed(&["A"]));
        assert_eq!(
            refusal,
            Refusal::ComesBefore {
                container: "setup".to_owned()
            }
        );
        for part in ["splitvault.dev/init-order", "setup", "splitvault.dev/containers"] {
            assert!(
                refusal.to_string().contains(part) && !refusal.is_passing(),
                "{refusal}"
            );
        }
    }
}

#[test]
fn a_proxy_that_is_no_init_container_cannot_come_before() {
    let mut pod = ordered(&[], "after=istio-proxy");
    pod["spec"]["containers"] = json!([app(), {"name": "istio-proxy", "image": "proxy", "command": ["p"]}]);
    let refusal = refused(&pod, &Names::Hidden);
    assert_eq!(
        refusal,
        Refusal::AfterContainer {
            name: "istio-proxy".to_owned()
        }
    );
    assert!(refusal.to_string().contains("native sidecar"), "{refusal}");
}

/// The pod as another webhook leaves it that is called after ours, and as ours leaves it then.
fn after(pod: &Value, place: usize, container: Value) -> Result<Value, Refusal> {
    let mut changed = admitted(pod, &exposed(&["A"]));
    changed["spec"]["initContainers"]
        .as_array_mut()
        .unwrap()
        .insert(place, container);
    let planned = plan(&changed, &exposed(&["A"]), true)?;
    assert_eq!(planned.warnings, Vec::<String>::new());
    let restored = patched(&changed, &planned);
    assert!(
        plan(&restored, &exposed(&["A"]), true)?.patch.0.is_empty(),
        "once is enough"
    );
    Ok(restored)
}

#[test]
fn it_goes_back_to_its_place_after_a_webhook_that_was_called_later() {
    let own = [step("migrate")];
    for (asked, place, expected) in [
        ("first", 0, ["splitvault", "istio-proxy", "migrate"]),
        ("first", 1, ["splitvault", "istio-proxy", "migrate"]),
        ("first", 2, ["splitvault", "migrate", "istio-proxy"]),
        ("last", 0, ["istio-proxy", "migrate", "splitvault"]),
        ("last", 2, ["migrate", "istio-proxy", "splitvault"]),
        ("after=istio-proxy", 0, ["istio-proxy", "splitvault", "migrate"]),
        ("after=istio-proxy", 1, ["istio-proxy", "splitvault", "migrate"]),
    ] {
        let got = after(&ordered(&own, asked), place, proxy()).unwrap();
        assert_eq!(order(&got), expected, "{asked}, {place}");
    }
}

#[test]
fn who_is_waited_for_and_not_there_is_told() {
    let told = warnings(&ordered(&[step("migrate")], "after=istio-proxy"));
    assert!(
        told.len() == 1 && told[0].contains("no init container istio-proxy"),
        "{told:?}"
    );
}

#[test]
fn a_proxy_that_is_added_after_who_has_variables_is_refused_and_no_pod_hangs() {
    let refusal = after(&ordered(&[step("migrate")], "after=istio-proxy"), 2, proxy()).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::ComesBefore {
            container: "migrate".to_owned()
        }
    );
}
