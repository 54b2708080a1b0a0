//! Why the sidecar was restarted.

use serde_json::{Value, json};

use super::*;

fn told(count: Value, code: Value, on_change: &str) -> String {
    let findings = found(|e| {
        sidecar_does(e, on_change);
        let sidecar = &mut e.pod["status"]["initContainerStatuses"][0];
        sidecar["restartCount"] = count;
        sidecar["lastState"]["terminated"]["exitCode"] = code;
    });
    assert!(is_well(&findings));
    said(&findings, Level::Well, "container splitvault").concat()
}

#[test]
fn code_90_is_a_reaction_where_one_was_asked_for() {
    let reacted = told(json!(3), json!(90), "RestartContainers");
    assert!(
        reacted.starts_with("runs, restarted 3 times")
            && reacted.contains("on-change: RestartContainers asks for: code 90"),
        "{reacted}"
    );
    for setting in ["", "HTTP"] {
        let told = told(json!(3), json!(90), setting);
        assert_eq!(told, "runs, restarted 3 times (the last time it ended with 90)");
    }
}

#[test]
fn code_0_is_a_late_delivery_and_others_are_told_as_they_are() {
    let late = told(json!(1), json!(0), "");
    assert!(
        late.starts_with("runs, restarted once (") && late.contains("delivered late"),
        "{late}"
    );
    assert!(told(json!(2), json!(137), "RestartContainers").ends_with("ended with 137)"));
    assert_eq!(
        told(json!(2), Value::Null, "RestartContainers"),
        "runs, restarted 2 times"
    );
    for count in [json!(0), json!(-1), json!("x"), Value::Null] {
        assert_eq!(told(count, json!(90), "RestartContainers"), "runs");
    }
}
