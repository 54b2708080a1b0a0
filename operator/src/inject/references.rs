//! `$(NAME)` in a command, in arguments or in `env`: kubelet puts in what it knows, and it does not know what a container
//! gets by `exec` (<https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/>).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Container;

use super::containers::{Target, Way};
use super::variables::is_name;

/// References in one warning; the API server cuts a warning after 256 bytes.
const SHOWN: usize = 2;

/// Names what stays as it is written.
pub(super) fn warn_about(targets: &[Target<'_>], warnings: &mut Vec<String>) {
    for target in targets.iter().filter(|target| target.way == Way::Exec) {
        let container = target.container;
        let unknown = unknown(container);
        if unknown.is_empty() {
            continue;
        }
        let shown: Vec<_> = unknown
            .iter()
            .take(SHOWN)
            .map(|name| format!("$({name})"))
            .collect();
        warnings.push(format!(
            "container {}: {} stays as it is written: kubelet knows no variable with a hidden name. Have a shell put it in \
             (sh -c '… $NAME'), or seal with --expose-names",
            container.name,
            shown.join(", ")
        ));
    }
}

/// What is referred to and is nothing that kubelet may know. A name in capitals, as what shells run in their own `$(…)` is
/// in small letters.
fn unknown(container: &Container) -> BTreeSet<&str> {
    // It may have any name.
    if container.env_from.as_ref().is_some_and(|from| !from.is_empty()) {
        return BTreeSet::new();
    }
    let env = || container.env.iter().flatten();
    let values = env().filter_map(|variable| variable.value.as_ref());
    let texts = container
        .command
        .iter()
        .chain(&container.args)
        .flatten()
        .chain(values);
    let own: BTreeSet<_> = env().map(|variable| variable.name.as_str()).collect();
    let unknown = texts.flat_map(|text| references(text));
    unknown
        .filter(|name| !own.contains(name) && !is_of_service(name))
        .collect()
}

fn references(text: &str) -> impl Iterator<Item = &str> {
    let in_capitals = |name: &&str| {
        name.len() <= 64 && is_name(name) && !name.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    let mut rest = text;
    let next = std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('$')? + 1..];
            // Two of them are one, and no reference.
            if let Some(after) = rest.strip_prefix('$') {
                rest = after;
            } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                rest = after;
                return Some(name);
            }
        }
    });
    next.filter(in_capitals)
}

/// As kubelet tells each container of Services.
fn is_of_service(name: &str) -> bool {
    name.contains("_SERVICE_") || name.contains("_PORT")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<&str> {
        references(text).collect()
    }

    #[test]
    fn only_what_kubelet_would_put_in_is_a_reference() {
        assert_eq!(found("--x=$(GREETING) $(B_2)"), ["GREETING", "B_2"]);
        for none in [
            "",
            "$",
            "$(",
            "$()",
            "$(A",
            "$$(A)",
            "$A",
            "${A}",
            "$(hostname)",
            "$(2A)",
            "$(cat A)",
            "( A)",
            "$ (A)",
        ] {
            assert_eq!(found(none), [] as [&str; 0], "{none}");
        }
        assert_eq!(found("$$$(A) $($(B)"), ["A"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[$()A-Za-z é]{0,60}") {
            let _found = found(&text);
        }
    }
}
