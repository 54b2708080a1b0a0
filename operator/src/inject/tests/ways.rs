//! How the variables reach each container.

use serde_json::{Value, json};

use crate::inject::fixture::*;
use crate::inject::{Exposed, Injectable, Injection, Names, Programs, Surroundings, inject};

fn gate() -> Value {
    json!({"name": "SPLITVAULT_REVISION", "valueFrom": {"fileKeyRef": {
        "volumeName": "splitvault-env", "path": "gate.env", "key": "SPLITVAULT_REVISION"}}})
}

fn by_kubelet(name: &str) -> Value {
    json!({"name": name, "valueFrom": {"fileKeyRef": {
        "volumeName": "splitvault-env", "path": "kubelet.env", "key": name, "optional": true}}})
}

#[test]
fn kubelet_sets_exposed_names_and_all_else_of_the_container_stays() {
    for container in [app(), bare()] {
        let pod = pod(json!([container]));
        let mut got = admitted(&pod, &exposed(&["A", "B"]))["spec"]["containers"][0].clone();
        assert_eq!(got["env"], json!([by_kubelet("A"), by_kubelet("B"), gate()]));
        got.as_object_mut().unwrap().remove("env");
        assert_eq!(got, container);
    }
}

#[test]
fn without_exposed_names_a_command_is_started_through_exec() {
    for names in [Names::Hidden, missing()] {
        let got = &admitted(&pod(json!([app()])), &names)["spec"]["containers"][0];
        assert_eq!(
            got["command"],
            json!(["/splitvault/splitvault-sidecar", "exec", "--", "/bin/app"])
        );
        assert_eq!(got["args"], json!(["--serve"]));
        assert_eq!(got["env"], json!([gate()]));
        assert_eq!(
            got["volumeMounts"],
            json!([
                {"name": "splitvault-env", "mountPath": "/run/splitvault", "readOnly": true},
                {"name": "splitvault-bin", "mountPath": "/splitvault", "readOnly": true},
            ])
        );
    }
}

#[test]
fn one_hidden_vault_secret_among_exposed_ones_keeps_all_names_out_of_the_pod() {
    let pod = annotated(pod(json!([app()])), "inject", "web,db");
    let object = |name: &str, names| Injectable {
        name: name.to_owned(),
        names,
    };
    let objects = [object("web", exposed(&["OPEN"])), object("db", Names::Hidden)];
    let config = config();
    let around = Surroundings {
        config: &config,
        ca: "PEM",
        environment_files: true,
        restart_in_place: true,
        programs: &Programs::default(),
    };
    let injection = inject(&pod, &request(&pod), &objects, &around).unwrap();
    let got = patched(&pod, &injection);
    assert_eq!(got["spec"]["containers"][0]["command"][1], "exec");
    assert!(!got.to_string().contains("OPEN"));
}

#[test]
fn the_file_is_mounted_read_only_and_nothing_else_changes() {
    let pod = annotated(pod(json!([bare()])), "mode", "file");
    let got = &admitted(&pod, &Names::Hidden)["spec"]["containers"][0];
    assert_eq!(
        got["volumeMounts"],
        json!([{"name": "splitvault-env", "mountPath": "/run/splitvault", "readOnly": true}])
    );
    assert_eq!(got["env"], json!([gate()]));
    assert_eq!(got["command"], Value::Null);
}

#[test]
fn what_the_pod_sets_itself_wins_and_can_refer_to_what_is_injected() {
    let own = json!([{"name": "A", "value": "own"}, {"name": "URL", "value": "db://$(B)"}]);
    let mut container = app();
    container["env"] = own.clone();
    let pod = pod(json!([container]));

    let injection = plan(&pod, &exposed(&["A", "B"]), true).unwrap();
    let env = patched(&pod, &injection)["spec"]["containers"][0]["env"].clone();
    assert_eq!(env, json!([by_kubelet("B"), gate(), own[0], own[1]]));
    assert!(
        injection
            .warnings
            .iter()
            .any(|warning| warning.contains("app") && warning.ends_with(": A"))
    );

    let injection = plan(&pod, &Names::Hidden, true).unwrap();
    let env = patched(&pod, &injection)["spec"]["containers"][0]["env"].clone();
    assert_eq!(
        env,
        json!([{"name": "SPLITVAULT_KEEP", "value": "A,URL"}, gate(), own[0], own[1]])
    );
    let refers = |warning: &&String| warning.contains("$(B) stays as it is written");
    assert_eq!(
        (
            injection.warnings.len(),
            injection.warnings.iter().filter(refers).count()
        ),
        (2, 1)
    );
}

#[test]
fn only_names_that_every_kubelet_takes_become_variables_each_once() {
    let names = exposed(&[
        "OK",
        "with.dot",
        "9",
        "",
        "SPLITVAULT_KEEP",
        "SPLITVAULT_REVISION",
        "OK",
        "a b",
        "é",
        "_x",
    ]);
    let injection = plan(&pod(json!([bare()])), &names, true).unwrap();
    let got = patched(&pod(json!([bare()])), &injection);
    assert_eq!(
        got["spec"]["containers"][0]["env"],
        json!([by_kubelet("OK"), by_kubelet("_x"), gate()])
    );
    assert!(
        injection
            .warnings
            .iter()
            .any(|warning| warning.contains("no variable may have these names:") && warning.contains("9"))
    );
}

#[test]
fn init_containers_get_the_variables_too_where_there_is_a_way() {
    let mut pod = pod(json!([app()]));
    pod["spec"]["initContainers"] = json!([
        {"name": "other-injector", "image": "example/init:1", "args": ["x"]},
        {"name": "migrate", "image": "example/app:1", "command": ["/bin/migrate"]},
    ]);
    let injection = plan(&pod, &Names::Hidden, true).unwrap();
    let got = &patched(&pod, &injection)["spec"]["initContainers"];
    assert_eq!(got[0]["name"], "splitvault");
    assert_eq!(got[1], pod["spec"]["initContainers"][0]);
    assert_eq!(got[2]["command"][3], "/bin/migrate");
    assert_eq!(got[2]["env"], json!([gate()]));
    assert!(
        injection
            .warnings
            .iter()
            .any(|warning| warning.contains("other-injector"))
    );

    let got = &admitted(&pod, &exposed(&["A"]))["spec"]["initContainers"];
    assert_eq!(
        (&got[1]["env"][0]["name"], &got[2]["env"][0]["name"]),
        (&json!("A"), &json!("A"))
    );
}

#[test]
fn only_the_containers_named_are_injected() {
    let second = json!({"name": "second", "image": "example/second:1"});
    let pod = annotated(pod(json!([second, app()])), "containers", "app");
    let got = admitted(&pod, &Names::Hidden);
    assert_eq!(got["spec"]["containers"][0], second);
    assert_eq!(got["spec"]["containers"][1]["env"], json!([gate()]));
}

#[test]
fn a_thousand_names_are_a_thousand_variables() {
    let names = (0..1000)
        .map(|number| format!("VARIABLE_{number}").as_str().into())
        .collect();
    let got = admitted(&pod(json!([bare()])), &Names::Exposed(names));
    let env = got["spec"]["containers"][0]["env"].as_array().unwrap();
    assert_eq!((env.len(), &env[999]), (1001, &by_kubelet("VARIABLE_999")));
}

#[test]
fn a_pod_that_is_injected_already_is_left_as_it_is() {
    for names in [Names::Hidden, exposed(&["A"])] {
        let once = admitted(&pod(json!([app()])), &names);
        assert_eq!(plan(&once, &missing(), true).unwrap(), Injection::default());
    }
}

#[test]
fn the_marker_alone_does_not_pass_for_an_injection() {
    let pod = annotated(pod(json!([app()])), "injected", "0.0.0");
    let got = admitted(&pod, &Names::Hidden);
    assert_eq!(got["spec"]["initContainers"][0]["name"], "splitvault");
    assert_eq!(
        got["metadata"]["annotations"]["splitvault.dev/injected"],
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn an_empty_value_stands_in_the_pod_as_kubelet_takes_it_for_none_in_a_file() {
    let names = Names::Exposed(vec![
        "PLAIN".into(),
        Exposed {
            empty: true,
            ..Exposed::from("EMPTY")
        },
    ]);
    let got = admitted(&pod(json!([bare()])), &names);
    let env = &got["spec"]["containers"][0]["env"];
    assert_eq!(env[0], by_kubelet("PLAIN"));
    assert_eq!(env[1], json!({"name": "EMPTY", "value": ""}));
}

#[test]
fn a_value_that_kubelet_cannot_hold_goes_by_the_command() {
    let names = Names::Unwritable("QUOTED".to_owned());
    let got = admitted(&pod(json!([app()])), &names);
    let container = &got["spec"]["containers"][0];
    assert_eq!(container["command"][0], "/splitvault/splitvault-sidecar");
    assert!(!got.to_string().contains("QUOTED"));
    let refusal = refused(&pod(json!([bare()])), &names);
    assert!(
        !refusal.is_passing() && refusal.to_string().contains("QUOTED"),
        "{refusal}"
    );
}

#[test]
fn a_reference_that_kubelet_cannot_put_in_is_warned_of_where_the_variables_come_by_exec() {
    let container = json!({
        "name": "app", "image": "i", "command": ["/bin/app", "$(OWN) $(date) $(WEB_SERVICE_HOST)"], "args": ["--x=$(TOKEN)"],
        "env": [{"name": "OWN", "value": "pre-$(GREETING)"}],
    });
    let said = |container: &Value, names: &Names| {
        let warnings = plan(&pod(json!([container])), names, true).unwrap().warnings;
        warnings
            .into_iter()
            .find(|warning| warning.contains("stays as it is written"))
    };
    let warning = said(&container, &Names::Hidden).unwrap();
    assert!(
        warning.contains("container app: $(GREETING), $(TOKEN) stays") && warning.len() <= 256,
        "{warning}"
    );
    assert_eq!(
        said(&container, &exposed(&["TOKEN"])),
        None,
        "kubelet knows those"
    );
    let mut from_elsewhere = container;
    from_elsewhere["envFrom"] = json!([{"configMapRef": {"name": "more"}}]);
    assert_eq!(said(&from_elsewhere, &Names::Hidden), None, "it may be there");
}
