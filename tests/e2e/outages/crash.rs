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
const STORE_STEPS: [&str; 4] = [
    "values::before-insert",
    "values::before-commit",
    "values::after-commit",
    "values::before-delete",
];

fn killed_while_writing(part: Part, steps: &[&str]) {
    let namespace = Namespace::make("crash").unwrap();
    let revision = |number: usize| {
        namespace
            .seal("web", &format!("A={number}\nB={number}\n"), &[])
            .unwrap()
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
