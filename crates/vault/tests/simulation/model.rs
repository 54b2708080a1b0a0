//! What must be there: an acknowledged write is never lost, and one whose answer was lost is there whole or not at all.

use std::collections::BTreeMap;

use splitvault_crypto::SecretString;
use splitvault_dotenv::{Dotenv, Name, Variable};
use splitvault_vault::Environment;

/// What an environment holds, by the number of the operation that wrote it; `None` for no environment.
pub(crate) type Content = Option<u64>;

/// One operation on one object.
pub(crate) struct Operation {
    /// What is there afterwards.
    content: Content,
    begun: u64,
    /// When it was answered, or when the process that did it was gone.
    ended: Option<u64>,
    /// Whether it said that it changed something.
    acknowledged: bool,
}

/// All that was done to one object.
#[derive(Default)]
pub(crate) struct History {
    operations: Vec<Operation>,
    /// What was seen under a revision, and its digest; only where nothing is ever removed.
    revisions: BTreeMap<u64, (Content, [u8; 32])>,
}

impl History {
    pub(crate) fn begin(&mut self, content: Content, now: u64) -> usize {
        self.operations.push(Operation {
            content,
            begun: now,
            ended: None,
            acknowledged: false,
        });
        self.operations.len() - 1
    }

    pub(crate) fn end(&mut self, operation: usize, acknowledged: bool, now: u64) {
        let operation = &mut self.operations[operation];
        operation.ended.get_or_insert(now);
        operation.acknowledged |= acknowledged;
    }

    /// How many operations are under way.
    pub(crate) fn open(&self) -> usize {
        self.operations
            .iter()
            .filter(|operation| operation.ended.is_none())
            .count()
    }

    /// Whether this may be there, or may have been at some time since `begun`: what some operation left, unless one
    /// that began after its end was acknowledged by then.
    pub(crate) fn allowed_since(&self, content: Content, begun: u64) -> bool {
        let known =
            |operation: &&Operation| operation.acknowledged && operation.ended.is_some_and(|end| end < begun);
        let last = self
            .operations
            .iter()
            .filter(known)
            .map(|operation| operation.begun)
            .max();
        let stands = |operation: &&Operation| {
            operation
                .ended
                .is_none_or(|ended| last.is_none_or(|last| ended >= last))
        };
        let mut left = self.operations.iter().filter(stands);
        (content.is_none() && last.is_none()) || left.any(|operation| operation.content == content)
    }

    /// Notes what a revision holds; a sentence when it held something else before.
    pub(crate) fn see(&mut self, revision: u64, content: Content, digest: [u8; 32]) -> Result<(), String> {
        let seen = *self.revisions.entry(revision).or_insert((content, digest));
        if seen == (content, digest) {
            Ok(())
        } else {
            Err(format!(
                "revision {revision} held {:?} and holds {content:?}",
                seen.0
            ))
        }
    }

    /// The revisions that were seen, with their content, oldest first.
    pub(crate) fn seen(&self) -> impl DoubleEndedIterator<Item = (u64, Content)> {
        self.revisions
            .iter()
            .map(|(revision, (content, _))| (*revision, *content))
    }
}

/// What operation `number` writes: one to three variables, each of which tells the number.
pub(crate) fn dotenv(number: u64) -> Dotenv {
    let variable = |index: u64| Variable {
        name: Name::parse(&format!("VARIABLE_{index}")).unwrap(),
        value: SecretString::from(format!("{number}/{index}")),
        comment: None,
    };
    Dotenv::from_variables((0..=number % 3).map(variable).collect()).unwrap()
}

/// Which operation's content an environment holds; a sentence when it is none's, whole.
pub(crate) fn recognize(environment: &Environment) -> Result<u64, String> {
    let told = |dotenv: &Dotenv| -> Vec<(String, String)> {
        let pair = |variable: &Variable| {
            (
                variable.name.as_str().to_owned(),
                variable.value.expose().to_owned(),
            )
        };
        dotenv.iter().map(pair).collect()
    };
    let got = told(&environment.dotenv);
    let number = got
        .first()
        .and_then(|(_, value)| value.split('/').next()?.parse().ok());
    match number {
        Some(number) if got == told(&dotenv(number)) => Ok(number),
        _ => Err(format!("a mixture: {got:?}")),
    }
}
