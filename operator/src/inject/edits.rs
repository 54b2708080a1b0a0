//! Edits of a pod as a JSON patch (RFC 6902) that adds, and touches nothing else.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::Value;

/// A step into an object or an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Item(usize),
}

impl From<&str> for Step {
    fn from(field: &str) -> Self {
        Self::Field(field.to_owned())
    }
}

impl From<usize> for Step {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

/// Edits against a pod as received. Each list is edited at most once from each end.
#[derive(Debug)]
pub(super) struct Edits<'a> {
    pod: &'a Value,
    operations: Vec<PatchOperation>,
}

impl<'a> Edits<'a> {
    pub(super) fn of(pod: &'a Value) -> Self {
        Self {
            pod,
            operations: Vec::new(),
        }
    }

    /// Puts items before those of a list, which is made when it is missing or null.
    pub(super) fn prepend(&mut self, list: &[Step], items: Vec<Value>) {
        self.insert(list, 0, items);
    }

    /// Puts items into a list, after so many of its own.
    pub(super) fn insert(&mut self, list: &[Step], place: usize, items: Vec<Value>) {
        if self.items(list).is_none() {
            return self.make(list, items);
        }
        for (at, item) in items.into_iter().enumerate() {
            self.add(pointer(list, Some((place + at).to_string())), item);
        }
    }

    /// Puts items after those of a list, which is made when it is missing or null.
    pub(super) fn append(&mut self, list: &[Step], items: Vec<Value>) {
        if self.items(list).is_none() {
            return self.make(list, items);
        }
        for item in items {
            self.add(pointer(list, Some("-".to_owned())), item);
        }
    }

    /// Sets a field of an object that is there.
    pub(super) fn set(&mut self, field: &[Step], value: Value) {
        self.add(pointer(field, None), value);
    }

    pub(super) fn finish(self) -> Patch {
        Patch(self.operations)
    }

    fn make(&mut self, list: &[Step], items: Vec<Value>) {
        if !items.is_empty() {
            self.add(pointer(list, None), Value::Array(items));
        }
    }

    fn add(&mut self, path: PointerBuf, value: Value) {
        self.operations
            .push(PatchOperation::Add(AddOperation { path, value }));
    }

    fn items(&self, list: &[Step]) -> Option<&'a Vec<Value>> {
        let step = |value: &'a Value, step: &Step| match step {
            Step::Field(field) => value.get(field),
            Step::Item(item) => value.get(item),
        };
        list.iter().try_fold(self.pod, step)?.as_array()
    }
}

fn pointer(steps: &[Step], last: Option<String>) -> PointerBuf {
    let token = |step: &Step| match step {
        Step::Field(field) => field.clone(),
        Step::Item(item) => item.to_string(),
    };
    PointerBuf::from_tokens(steps.iter().map(token).chain(last))
}
