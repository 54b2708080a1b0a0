//! The AdmissionReview (admission.k8s.io/v1), as far as it is needed, and the answer.
//!
//! kube's own type reads the object into a typed one, which drops unknown fields, and writes the patch as an array
//! of numbers, which is 3.6 times the size; hence these.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use k8s_openapi::api::authentication::v1::UserInfo;
use serde::Deserialize;
use serde_json::{Value, json};

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// What the API server asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Review {
    api_version: String,
    kind: String,
    pub(super) request: Request,
}

/// The object in question.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) uid: String,
    pub(super) operation: String,
    #[serde(default)]
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) sub_resource: Option<String>,
    #[serde(default)]
    pub(super) user_info: Option<UserInfo>,
    #[serde(default)]
    pub(super) object: Value,
    #[serde(default)]
    pub(super) old_object: Value,
}

impl Review {
    /// `None` for whatever is not such a review.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let review: Self = serde_json::from_slice(body).ok()?;
        let known = review.api_version == API_VERSION && review.kind == KIND;
        (known && !review.request.uid.is_empty()).then_some(review)
    }
}

/// What the API server is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// As it is.
    Allowed,
    /// As it is, and there is something to say.
    Warned(Vec<String>),
    /// With these changes.
    Patched { patch: Patch, warnings: Vec<String> },
    /// With who asks written into it.
    Stamped(Patch),
    /// Not at all, for now or for good.
    Refused {
        /// For the person alone: it may repeat what somebody wrote, and name variables.
        message: String,
        passing: bool,
        why: Why,
    },
}

/// What the log says of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    /// A word of ours.
    pub(super) kind: &'static str,
    /// The annotation that it is about, if it is about one.
    pub(super) annotation: Option<String>,
}

impl From<&'static str> for Why {
    fn from(kind: &'static str) -> Self {
        let annotation = None;
        Self { kind, annotation }
    }
}

impl Answer {
    /// As it is, with what there is to say.
    pub(super) fn allowed(warnings: Vec<String>) -> Self {
        if warnings.is_empty() {
            Self::Allowed
        } else {
            Self::Warned(warnings)
        }
    }

    /// For metrics.
    pub(super) const fn outcome(&self) -> &'static str {
        match self {
            Self::Allowed | Self::Warned(_) => "allowed",
            Self::Patched { .. } => "injected",
            Self::Stamped(_) => "stamped",
            Self::Refused { .. } => "refused",
        }
    }

    /// The review's answer as JSON.
    pub(super) fn to_review(&self, uid: &str) -> Value {
        let mut response = json!({"uid": uid, "allowed": true});
        match self {
            Self::Allowed => {}
            Self::Stamped(patch) => put(&mut response, patch),
            Self::Warned(warnings) => response["warnings"] = json!(warnings),
            Self::Patched { patch, warnings } => {
                put(&mut response, patch);
                if !warnings.is_empty() {
                    response["warnings"] = json!(warnings);
                }
            }
            Self::Refused { message, passing, .. } => {
                let (code, reason) = if *passing {
                    (503, "ServiceUnavailable")
                } else {
                    (403, "Forbidden")
                };
                response["allowed"] = json!(false);
                response["status"] =
                    json!({"status": "Failure", "code": code, "reason": reason, "message": message});
            }
        }
        json!({"apiVersion": API_VERSION, "kind": KIND, "response": response})
    }
}

fn put(response: &mut Value, patch: &Patch) {
    // A Patch is strings and JSON values only: it always has a JSON form.
    let patch = serde_json::to_vec(patch).unwrap_or_default();
    response["patchType"] = json!("JSONPatch");
    response["patch"] = json!(STANDARD.encode(patch));
}
