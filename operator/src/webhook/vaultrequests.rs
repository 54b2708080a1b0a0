//! VaultRequests: who asks is written down, and what was written down is never changed.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Deserialize as _;
use splitvault_api::{Demand, VaultRequest};

use super::Webhook;
use super::review::{Answer, Review};
use crate::requests::{StampError, Unstamped, is_of, stamp, verify};

/// Puts the stamp on a new request. What cannot be read is left to the schema, whose sentence is better, and to the
/// controller, which does nothing without a stamp.
pub(super) fn mutate(webhook: &Webhook, review: &Review) -> Answer {
    let request = &review.request;
    let main = request.sub_resource.as_deref().is_none_or(str::is_empty);
    if request.operation != "CREATE" || !main {
        return Answer::Allowed;
    }
    let Ok(object) = VaultRequest::deserialize(&request.object) else {
        return Answer::Allowed;
    };
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let user = user(review);
    let key = &*webhook.state.stamps;
    let stamped = stamp(
        key,
        namespace,
        &object.metadata,
        &object.spec,
        &user,
        Timestamp::now(),
    );
    let requester = match stamped.map(serde_json::to_value) {
        Ok(Ok(requester)) => requester,
        Ok(Err(_)) => return refused("the stamp has no JSON form", true, "NoStamp"),
        Err(error @ (StampError::Nobody | StampError::TooLarge)) => {
            return refused(&error.to_string(), false, "NoStamp");
        }
        Err(error @ StampError::Random) => return refused(&error.to_string(), true, "NoStamp"),
    };
    let path = PointerBuf::from_tokens(["spec", "requester"]);
    // Adding a member that is there replaces it (RFC 6902 §4.1).
    Answer::Stamped(Patch(vec![PatchOperation::Add(AddOperation {
        path,
        value: requester,
    })]))
}

/// Looks at a request once every webhook has had its way with it, and keeps it as it is from then on.
pub(super) fn validate(webhook: &Webhook, review: &Review) -> Answer {
    let request = &review.request;
    let main = request.sub_resource.as_deref().is_none_or(str::is_empty);
    match request.operation.as_str() {
        "CREATE" if main => create(webhook, review),
        "UPDATE" if main && request.object["spec"] != request.old_object["spec"] => refused(
            "what was asked for, and who asked, cannot be changed: delete this VaultRequest and create another",
            false,
            "Changed",
        ),
        _ => Answer::Allowed,
    }
}

fn create(webhook: &Webhook, review: &Review) -> Answer {
    let request = &review.request;
    let Ok(object) = VaultRequest::deserialize(&request.object) else {
        return refused(
            "spec is not that of a VaultRequest; see `kubectl explain vaultrequest.spec`",
            false,
            "SpecInvalid",
        );
    };
    if let Err(error) = Demand::try_from(&object.spec) {
        return refused(&error.to_string(), false, "SpecInvalid");
    }
    let own = &webhook.state.namespace;
    if object.spec.action.is_cluster_wide() && object.namespace().as_ref() != Some(own) {
        let action = object.spec.action.as_str();
        return refused(
            &format!("{action} is about the whole installation: ask in namespace {own}"),
            false,
            "OtherNamespace",
        );
    }
    match verify(&*webhook.state.stamps, &object) {
        Ok(requester) if is_of(requester, &user(review)) => Answer::Allowed,
        Ok(_) => refused("the stamp is of somebody else", false, "OtherStamp"),
        Err(Unstamped::Missing | Unstamped::Wrong) => refused(
            "something changed the request after Splitvault's webhook stamped it",
            false,
            "OtherStamp",
        ),
        Err(error @ Unstamped::OtherTime) => refused(&error.to_string(), false, "OtherStamp"),
    }
}

fn user(review: &Review) -> UserInfo {
    review.request.user_info.clone().unwrap_or_default()
}

fn refused(message: &str, passing: bool, kind: &'static str) -> Answer {
    Answer::Refused {
        message: message.to_owned(),
        passing,
        why: kind.into(),
    }
}
