//! VaultSecrets that cannot be processed are refused, by the conversion that the controller uses.

use serde::Deserialize;
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
            Ok(_) => Answer::Allowed,
            Err(error) => refused(&error.to_string()),
        },
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
