//! SIGKILL at each step of a write: the old revision or the new one, whole, and then the new one.

use splitvault_tests::{Kind, Namespace, Workload};

use crate::installation::Part;

const OPERATOR_STEPS: [&str; 6] = [
    "vault::before-put",
    "vault::after-put",
    "vault::before-commit",
    "vault::after-commit",
    "vault::before-delete",
    "vault::after-delete",
];
const STORE_STEPS: [&str; 5] = [
    "values::before-insert",
    "values::after-insert-before-commit",
    "values::after-commit",
    "values::before-delete",
    "values::after-delete-before-commit",
];

fn killed_while_writing(part: Part, steps: &[&str]) {
    let namespace = Namespace::make("crash").unwrap();
    // Without history each write deletes what it replaces, so that each step comes by.
    let revision = |number: usize| {
        let dotenv = format!("A={number}\nB={number}\n");
        let sealed = namespace.seal("web", &dotenv, &["--output", "json"]).unwrap();
        let mut object: serde_json::Value = serde_json::from_str(&sealed).unwrap();
        object["spec"]["historyLimit"] = 0.into();
        object.to_string()
    };
    namespace.apply(&revision(0)).unwrap();
    namespace.ready("web");
    for (number, step) in steps.iter().enumerate().map(|(i, step)| (i + 1, step)) {
        part.arm(step);
        namespace.apply(&revision(number)).unwrap();
        part.killed(step);
        part.disarm();
        namespace.ready("web");
        let workload = Workload::new(Kind::Pod, &format!("after-{number}"), "web");
        workload.apply(&namespace).unwrap();
        workload.ready(&namespace);
        let value = |name| String::from_utf8(workload.variable(&namespace, name).unwrap()).unwrap();
        assert_eq!(
            (value("A"), value("B")),
            (number.to_string(), number.to_string()),
            "after {step}"
        );
    }
}

#[test]
fn an_operator_killed_at_each_step_of_a_write_loses_nothing() {
    killed_while_writing(Part::Operator, &OPERATOR_STEPS);
}

#[test]
fn a_store_killed_at_each_step_of_a_write_loses_nothing() {
    killed_while_writing(Part::Store, &STORE_STEPS);
}
