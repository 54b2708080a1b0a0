//! Some variables only, and under other names, as they stand in a pod's spec.

use serde_json::{Value, json};

use crate::inject::fixture::{admitted, annotated, bare, exposed, patched, plan, pod, refused};
use crate::inject::{Exposed, Names, Refusal};

fn names(pod: &Value) -> Vec<&str> {
    let entries = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect()
}

#[test]
fn only_what_is_picked_stands_in_the_spec() {
    let known = exposed(&["URL", "PASSWORD", "OTHER"]);
    let picking = annotated(pod(json!([bare()])), "variables", "URL, PG=web/PASSWORD");
    let got = admitted(&picking, &known);
    assert_eq!(names(&got), ["URL", "PG", "SPLITVAULT_REVISION"]);
    assert!(!got["spec"].to_string().contains("OTHER") && !got["spec"].to_string().contains("PASSWORD"));
    let reference = &got["spec"]["containers"][0]["env"][1]["valueFrom"]["fileKeyRef"];
    assert_eq!(reference["key"], "PG", "the file has it under that name");
    let prefixed = annotated(pod(json!([bare()])), "prefix", "APP_");
    assert_eq!(names(&admitted(&prefixed, &exposed(&["URL"])))[0], "APP_URL");
}

#[test]
fn what_is_not_there_yet_keeps_its_place_with_a_warning() {
    let picking = annotated(pod(json!([bare()])), "variables", "URL, LATER=NOPE");
    let injection = plan(&picking, &exposed(&["URL"]), true).unwrap();
    assert_eq!(names(&patched(&picking, &injection))[..2], ["URL", "LATER"]);
    let told = |warning: &String| {
        warning.contains("picks LATER=…,")
            && warning.contains("splitvault.dev/variables")
            && !warning.contains("NOPE")
    };
    assert!(injection.warnings.iter().any(told), "{:?}", injection.warnings);
}

#[test]
fn a_value_that_kubelet_cannot_hold_matters_only_when_it_is_picked() {
    let quoted = Exposed {
        unwritable: true,
        ..Exposed::from("QUOTED")
    };
    let known = Names::Exposed(vec![Exposed::from("URL"), quoted]);
    let all = pod(json!([bare()]));
    assert!(matches!(refused(&all, &known), Refusal::NoCommand { .. }));
    let picking = annotated(all, "variables", "URL");
    assert_eq!(names(&admitted(&picking, &known))[0], "URL");
}
