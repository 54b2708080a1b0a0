//! Who asks: a pod, proven by the token that kubelet projected into it. Pure, but for the question to the API server.

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::PostParams;
use kube::{Api, Client};
use splitvault_wire::{Reason, pod::TOKEN_AUDIENCE};

use super::Refusal;
use crate::fault::Fault;

const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";
/// The most that a token may be; projected ones have about a kilobyte.
const TOKEN_LIMIT: usize = 16 * 1024;

/// The pod that a token is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's ServiceAccount.
    pub service_account: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's UID.
    pub uid: String,
}

impl Caller {
    /// The pod, for events about it.
    pub(super) fn reference(&self) -> ObjectReference {
        ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(self.pod.clone()),
            namespace: Some(self.namespace.clone()),
            uid: Some(self.uid.clone()),
            ..ObjectReference::default()
        }
    }
}

/// The bearer token of an `Authorization` header (RFC 6750, section 2.1).
pub(super) fn bearer(header: Option<&http::HeaderValue>) -> Option<&str> {
    let (scheme, token) = header?.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let sound =
        !token.is_empty() && token.len() <= TOKEN_LIMIT && token.bytes().all(|b| b.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && sound).then_some(token)
}

/// Has the API server review the token.
///
/// # Errors
/// [`Reason::Unauthenticated`] for every token but a valid one of our audience that is bound to a pod;
/// [`Reason::Unavailable`] when there is no answer.
pub(super) async fn review(client: &Client, token: &str) -> Result<Caller, Refusal> {
    let question = TokenReview {
        spec: TokenReviewSpec {
            token: Some(token.to_owned()),
            audiences: Some(vec![TOKEN_AUDIENCE.to_owned()]),
        },
        ..TokenReview::default()
    };
    let api: Api<TokenReview> = Api::all(client.clone());
    match api.create(&PostParams::default(), &question).await {
        Ok(answer) => identify(answer.status.unwrap_or_default()).ok_or_else(|| {
            let advice = "the token is not a valid one of this pod for the audience splitvault";
            Refusal::new(Reason::Unauthenticated, advice)
        }),
        Err(error) => {
            tracing::warn!(fault = %Fault::from(error), "cannot review a token");
            Err(Refusal::new(
                Reason::Unavailable,
                "the API server does not answer; will try again",
            ))
        }
    }
}

/// The pod that an answer speaks of. The audience is checked in the answer: an authenticator that does not know
/// audiences leaves them out, and its tokens are for the API server (TokenReview's own documentation).
fn identify(status: TokenReviewStatus) -> Option<Caller> {
    let ours = |audiences: &Vec<String>| audiences.iter().any(|audience| audience == TOKEN_AUDIENCE);
    if status.authenticated != Some(true)
        || status.error.is_some()
        || !status.audiences.as_ref().is_some_and(ours)
    {
        return None;
    }
    let user = status.user?;
    let name = user.username?;
    let (namespace, service_account) = name.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    let mut extra = user.extra?;
    let mut only = |key: &str| match extra.remove(key).as_deref() {
        Some([one]) if !one.is_empty() => Some(one.clone()),
        _ => None,
    };
    Some(Caller {
        namespace: namespace.to_owned(),
        service_account: service_account.to_owned(),
        pod: only(POD_NAME)?,
        uid: only(POD_UID)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(change: impl FnOnce(&mut Value)) -> TokenReviewStatus {
        let mut status = json!({
            "authenticated": true,
            "audiences": ["splitvault"],
            "user": {
                "username": "system:serviceaccount:shop:web",
                "extra": {POD_NAME: ["web-1"], POD_UID: ["u-1"]},
            },
        });
        change(&mut status);
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn a_token_of_a_pod_tells_which_pod() {
        let caller = identify(status(|_| {})).unwrap();
        let expected = ("shop", "web", "web-1", "u-1");
        let got = (
            &*caller.namespace,
            &*caller.service_account,
            &*caller.pod,
            &*caller.uid,
        );
        assert_eq!(got, expected);
    }

    #[test]
    fn everything_else_is_nobody() {
        let changes: [fn(&mut Value); 12] = [
            |s| s["authenticated"] = json!(false),
            |s| s["authenticated"] = Value::Null,
            |s| s["error"] = json!("expired"),
            |s| s["audiences"] = json!(["https://kubernetes.default.svc"]),
            |s| s["audiences"] = Value::Null,
            |s| s["user"]["username"] = json!("alice"),
            |s| s["user"]["username"] = json!("system:serviceaccount:shop"),
            |s| s["user"]["extra"] = Value::Null,
            |s| s["user"]["extra"] = json!({POD_NAME: ["web-1"]}),
            |s| s["user"]["extra"][POD_NAME] = json!([]),
            |s| s["user"]["extra"][POD_UID] = json!(["u-1", "u-2"]),
            |s| s["user"] = Value::Null,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!(identify(status(change)), None, "change {number}");
        }
    }

    #[test]
    fn only_a_bearer_token_is_a_token() {
        let header = |text: &str| http::HeaderValue::from_str(text).unwrap();
        assert_eq!(bearer(Some(&header("Bearer abc.def"))), Some("abc.def"));
        assert_eq!(bearer(Some(&header("bearer abc"))), Some("abc"));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Basic abc",
            "Bearer a b",
            &format!("Bearer {}", "a".repeat(TOKEN_LIMIT + 1)),
        ] {
            assert_eq!(bearer(Some(&header(wrong))), None, "{wrong}");
        }
        assert_eq!(
            bearer(Some(&http::HeaderValue::from_bytes(b"Bearer \xff").unwrap())),
            None
        );
        assert_eq!(bearer(None), None);
    }
}
