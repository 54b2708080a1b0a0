//! Containers without a command, where it is known what their images run.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::inject::fixture::*;
use crate::inject::{
    Injectable, Names, NoProgram, Program, Programs, Refusal, Surroundings, Wanted, without_command,
};

const IMAGE: &str = "registry.example/app@sha256:00";
const EXEC: [&str; 3] = ["/splitvault/splitvault-sidecar", "exec", "--"];

fn program(entrypoint: &[&str], cmd: &[&str]) -> Programs {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let program = Program {
        image: IMAGE.to_owned(),
        entrypoint: words(entrypoint),
        cmd: words(cmd),
    };
    Programs([("app".to_owned(), Ok(Arc::new(program)))].into())
}

/// `command` and `args` of a container with these args, if any, whose image runs this.
fn run(args: &Value, programs: &Programs) -> Result<(Value, Value), Refusal> {
    let mut container = bare();
    if !args.is_null() {
        container["args"] = args.clone();
    }
    let pod = pod(json!([container]));
    let injection = plan_with(&pod, &Names::Hidden, true, programs)?;
    let got = patched(&pod, &injection)["spec"]["containers"][0].clone();
    Ok((got["command"].clone(), got["args"].clone()))
}

fn exec(words: &[&str]) -> Value {
    json!([&EXEC[..], words].concat())
}

#[test]
fn command_and_arguments_are_put_together_as_kubernetes_does() {
    for (entrypoint, cmd, args, command, arguments) in [
        (
            &["/a", "b"][..],
            &["c"][..],
            Value::Null,
            exec(&["/a", "b"]),
            json!(["c"]),
        ),
        (&["/a"], &["c"], json!([]), exec(&["/a"]), json!(["c"])),
        (&["/a"], &["c"], json!(["own"]), exec(&["/a"]), json!(["own"])),
        (&["/a"], &[], Value::Null, exec(&["/a"]), Value::Null),
        (&[], &["c", "d"], Value::Null, exec(&[]), json!(["c", "d"])),
        (&[], &[], json!(["own"]), exec(&[]), json!(["own"])),
    ] {
        assert_eq!(
            run(&args, &program(entrypoint, cmd)).unwrap(),
            (command, arguments),
            "{entrypoint:?} {cmd:?} {args}"
        );
    }
}

#[test]
fn an_image_that_runs_nothing_is_refused_by_name() {
    let refusal = run(&Value::Null, &program(&[], &[])).unwrap_err();
    assert!(
        !refusal.is_passing() && refusal.to_string().contains(IMAGE),
        "{refusal}"
    );
}

#[test]
fn what_kubelet_would_replace_is_kept_as_the_image_has_it() {
    let (command, args) = run(&Value::Null, &program(&["sh", "-c"], &["echo $$ $(HOME)"])).unwrap();
    assert_eq!(
        (command, args),
        (exec(&["sh", "-c"]), json!(["echo $$$$ $$(HOME)"]))
    );
    let (_, own) = run(&json!(["$(HOME)"]), &program(&["a"], &[])).unwrap();
    assert_eq!(own, json!(["$(HOME)"]), "the pod's own is the pod's");
}

#[test]
fn the_image_is_told_by_its_digest() {
    let pod = pod(json!([bare()]));
    let injection = plan_with(&pod, &Names::Hidden, true, &program(&["a"], &[])).unwrap();
    let told = &patched(&pod, &injection)["metadata"]["annotations"]["splitvault.dev/injected-as"];
    assert_eq!(
        told,
        &json!(format!("app=exec (entrypoint of {IMAGE}; names hidden)"))
    );
}

#[test]
fn a_command_of_the_pods_own_and_kubelets_way_do_without() {
    let programs = program(&["evil"], &["evil"]);
    let pod = pod(json!([app()]));
    let got = patched(&pod, &plan_with(&pod, &Names::Hidden, true, &programs).unwrap());
    assert_eq!(got["spec"]["containers"][0]["command"], exec(&["/bin/app"]));
    assert!(!got.to_string().contains("evil"));
    let injection = plan_with(&pod, &exposed(&["A"]), true, &programs).unwrap();
    assert!(!patched(&pod, &injection).to_string().contains("evil"));
}

#[test]
fn a_look_up_in_vain_is_told_with_container_image_and_cause() {
    for passing in [true, false] {
        let no = NoProgram {
            image: "registry.example/app:1".to_owned(),
            cause: "its registry is away".to_owned(),
            passing,
        };
        let refusal = run(&Value::Null, &Programs([("app".to_owned(), Err(no))].into())).unwrap_err();
        assert_eq!(refusal.is_passing(), passing);
        let told = refusal.to_string();
        for part in [
            "container app ",
            "registry.example/app:1",
            "its registry is away",
            "exposeNames",
            "splitvault.dev/mode",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}

fn wanted(pod: &Value, names: &Names) -> Vec<String> {
    let request = request(pod);
    let objects = [Injectable {
        name: "web".to_owned(),
        names: names.clone(),
    }];
    let (config, programs) = (config(), Programs::default());
    let around = Surroundings {
        config: &config,
        ca: "PEM",
        environment_files: true,
        restart_in_place: true,
        programs: &programs,
    };
    let spec = serde_json::from_value(pod["spec"].clone()).unwrap();
    let all = without_command(&spec, &request, &objects, &around);
    all.into_iter()
        .map(|Wanted { container, .. }| container)
        .collect()
}

#[test]
fn only_containers_that_would_be_refused_are_looked_up() {
    let second = json!({"name": "second", "image": "example/second:1"});
    let mut pod = pod(json!([app(), second]));
    pod["spec"]["containers"][0]["name"] = json!("first");
    pod["spec"]["initContainers"] = json!([{"name": "network", "image": "example/network:1"}]);
    assert_eq!(wanted(&pod, &Names::Hidden), ["second"]);
    assert!(wanted(&pod, &exposed(&["A"])).is_empty());
    assert!(wanted(&annotated(pod.clone(), "mode", "file"), &Names::Hidden).is_empty());
    assert!(wanted(&annotated(pod.clone(), "containers", "first"), &Names::Hidden).is_empty());
    assert_eq!(
        wanted(&annotated(pod, "containers", "network"), &Names::Hidden),
        ["network"]
    );
}
