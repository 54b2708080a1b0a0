//! What an image runs, in place of a command that the pod does not give.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Container;
use serde_json::{Value, json};

use super::containers::Target;
use super::refusal::{NoCommand, Refusal};

/// Bytes of an image's name in a sentence.
const SHOWN: usize = 200;

/// An image's entrypoint and command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// `REGISTRY/REPOSITORY@DIGEST` of what was looked up.
    pub image: String,
    /// What is always run.
    pub entrypoint: Vec<String>,
    /// What follows it, unless the pod says otherwise.
    pub cmd: Vec<String>,
}

/// Why what an image runs is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoProgram {
    /// The image, as it stands in the pod.
    pub image: String,
    /// Why, and what to do.
    pub cause: String,
    /// Whether the same look-up may succeed a moment later.
    pub passing: bool,
}

/// What came of the look-ups, by container; empty where there were none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Programs(pub BTreeMap<String, Result<Arc<Program>, NoProgram>>);

impl Programs {
    /// What this container's image runs.
    pub(super) fn found(&self, container: &Container) -> Option<&Program> {
        self.0.get(&container.name)?.as_ref().ok().map(Arc::as_ref)
    }

    /// Whether there is something to run, with the arguments that the pod gives.
    pub(super) fn is_enough(&self, container: &Container) -> bool {
        self.found(container).is_some_and(|program| {
            has_arguments(container) || !program.entrypoint.is_empty() || !program.cmd.is_empty()
        })
    }
}

impl Program {
    /// The entrypoint as a container's `command` has it.
    pub(super) fn command(&self) -> impl Iterator<Item = Value> {
        self.entrypoint.iter().map(|word| json!(literal(word)))
    }
}

/// The image's own arguments, where the pod gives none.
pub(super) fn arguments(target: &Target<'_>) -> Vec<Value> {
    let program = target.program.filter(|_| !has_arguments(target.container));
    let words = program.map(|program| program.cmd.as_slice()).unwrap_or_default();
    words.iter().map(|word| json!(literal(word))).collect()
}

/// The refusal of a container whose image was looked up in vain.
pub(super) fn refusal(container: &Container, why: &NoCommand, programs: &Programs) -> Option<Refusal> {
    let refuse = |image: &str, cause: &str, passing| Refusal::NoProgram {
        container: container.name.clone(),
        why: why.clone(),
        image: image.chars().take(SHOWN).collect(),
        cause: cause.to_owned(),
        passing,
    };
    Some(match programs.0.get(&container.name)? {
        Ok(program) => refuse(
            &program.image,
            "it has neither an entrypoint nor a command, and the container has no args",
            false,
        ),
        Err(no) => refuse(&no.image, &no.cause, no.passing),
    })
}

fn has_arguments(container: &Container) -> bool {
    container.args.as_ref().is_some_and(|args| !args.is_empty())
}

/// Kubelet replaces `$(NAME)` in a pod's `command` and `args`, and `$$` by `$`, but nothing in an image's. With every `$`
/// doubled, what it makes of it is what the image says.
fn literal(word: &str) -> String {
    word.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Kubelet's expansion (Kubernetes 1.37, third_party/forked/golang/expansion/expand.go) where `NAME` is `VALUE`.
    fn expand(input: &str) -> String {
        let input: Vec<char> = input.chars().collect();
        let (mut output, mut at) = (String::new(), 0);
        while at < input.len() {
            if input[at] != '$' || at + 1 == input.len() {
                output.push(input[at]);
                at += 1;
                continue;
            }
            match input[at + 1] {
                '$' => {
                    output.push('$');
                    at += 2;
                }
                '(' => match input[at + 2..].iter().position(|character| *character == ')') {
                    Some(length) => {
                        let name: String = input[at + 2..at + 2 + length].iter().collect();
                        if name == "NAME" {
                            output.push_str("VALUE");
                        } else {
                            output.push_str(&format!("$({name})"));
                        }
                        at += length + 3;
                    }
                    None => {
                        output.push_str("$(");
                        at += 2;
                    }
                },
                other => {
                    output.push('$');
                    output.push(other);
                    at += 2;
                }
            }
        }
        output
    }

    #[test]
    fn kubelet_would_change_an_entrypoint_that_is_not_made_literal() {
        assert_eq!(expand("echo $(NAME) $$ $(x"), "echo VALUE $ $(x");
    }

    proptest! {
        #[test]
        fn what_kubelet_runs_is_what_the_image_says(word in r"[$()NAME x]{0,16}") {
            prop_assert_eq!(expand(&literal(&word)), word);
        }
    }
}
