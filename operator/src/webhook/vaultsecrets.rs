//! VaultSecrets that cannot be processed are refused, by the conversion that the controller uses.

use serde::Deserialize;
use serde_json::Value;
use splitvault_api::{Desired, VaultSecretSpec};

use super::review::{Answer, Review};

/// Decides. A write that leaves the spec as it is always passes: status, labels, and above all the finalizer of an
/// object that an older version let in.
pub(super) fn admit(review: &Review) -> Answer {
    let request = &review.request;
    let main = request.sub_resource.as_deref().is_none_or(str::is_empty);
    let changed = request.object["spec"] != request.old_object["spec"];
    if !main || !matches!(request.operation.as_str(), "CREATE" | "UPDATE") || !changed {
        return Answer::Allowed;
    }
    match VaultSecretSpec::deserialize(&request.object["spec"]) {
        // Not serde's text: it may quote the input.
        Err(_) => refused(
            "the spec does not have the shape of a VaultSecret: see `kubectl explain vaultsecret.spec`",
        ),
        Ok(spec) => match Desired::try_from(&spec) {
            Ok(_) => Answer::allowed(taken_away(&request.old_object["spec"], &request.object["spec"])),
            Err(error) => refused(&error.to_string()),
        },
    }
}

/// What an update takes away that somebody may miss. `splitvault seal` writes a whole manifest, so that one which replaces
/// another has only what was asked for this time.
fn taken_away(old: &Value, new: &Value) -> Vec<String> {
    let gone = |field: &str| is_set(&old[field]) && !is_set(&new[field]);
    let told = [
        ("access", "every pod of this namespace may have it now"),
        (
            "exposeNames",
            "new pods whose containers have no command are refused now",
        ),
        ("onChange", "a change restarts no workload any more"),
        ("output", "its Kubernetes Secret is removed"),
    ];
    let told = told.into_iter().filter(|(field, _)| gone(field));
    told.map(|(field, meaning)| {
        format!(
            "spec.{field} is gone: {meaning}. If that is not meant: `splitvault seal` writes the whole manifest, give it all \
             options again and add what has none"
        )
    })
    .collect()
}

/// Whether a field says anything: no default, and nothing empty.
fn is_set(field: &Value) -> bool {
    match field {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::String(text) => text != "None",
        Value::Object(fields) => fields.values().any(is_set),
        Value::Array(items) => !items.is_empty(),
        Value::Number(_) => true,
    }
}

fn refused(message: &str) -> Answer {
    Answer::Refused {
        message: message.to_owned(),
        passing: false,
        // Not the error: it may name a variable.
        why: "SpecInvalid".into(),
    }
}
