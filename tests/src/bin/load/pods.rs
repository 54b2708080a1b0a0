//! The pods that ask: as many as anybody numbers, all of one form.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

/// Where they are.
pub(crate) const NAMESPACE: &str = "load";
/// What the form is called by.
pub(crate) const NAME: &str = "web-5d8c7b9f4-x0000";
/// Its UID.
pub(crate) const UID: &str = "00000000-0000-4000-8000-000000000000";
/// VaultSecrets that they share out among themselves.
pub(crate) const VAULT_SECRETS: u32 = 100;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pod(pub(crate) u32);

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    spec: Spec<'a>,
}

#[derive(Deserialize)]
struct Spec<'a> {
    token: &'a str,
}

impl Pod {
    /// Its own UID.
    pub(crate) fn uid(self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.0)
    }

    fn name(self) -> String {
        format!("web-5d8c7b9f4-x{:04}", self.0)
    }

    /// The VaultSecret that it asks for.
    pub(crate) fn vault_secret(self) -> String {
        vault_secret(self.0 % VAULT_SECRETS)
    }

    /// A token as long as a projected one, with the claims that the operator reads. It ends in the pod's number.
    pub(crate) fn token(self) -> String {
        let claims = json!({
            "aud": ["splitvault"], "exp": 4_102_444_800_u32, "iat": 1_790_000_000, "iss": "https://kubernetes.default.svc.cluster.local",
            "jti": "7d3f6a52-0000-4000-8000-000000000000",
            "kubernetes.io": {
                "namespace": NAMESPACE, "node": {"name": "node-1", "uid": "1f0c1f9a-0000-4000-8000-000000000000"},
                "pod": {"name": self.name(), "uid": self.uid()},
                "serviceaccount": {"name": "default", "uid": "2a0c1f9a-0000-4000-8000-000000000000"}, "warnafter": 1_790_003_607,
            },
            "nbf": 1_790_000_000, "sub": format!("system:serviceaccount:{NAMESPACE}:default"),
        });
        let head =
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"bPj1zY4n3vTq0jJcQ4m0Q0Y2c3o1b2d5e6f7g8h9i0j"}"#);
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("{head}.{claims}.{}{:08}", "s".repeat(334), self.0)
    }

    /// Whose token stands in a TokenReview.
    pub(crate) fn of_review(body: &[u8]) -> Option<Self> {
        let review: Review<'_> = serde_json::from_slice(body).ok()?;
        let number = review.spec.token.get(review.spec.token.len().checked_sub(8)?..)?;
        number.parse().ok().map(Self)
    }

    /// The pod at a path of the API.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods/");
        let (_, number) = path.strip_prefix(&pods)?.rsplit_once('x')?;
        number.parse().ok().map(Self)
    }

    /// The form, with this pod's name, UID and VaultSecret.
    pub(crate) fn written(self, form: &str) -> String {
        let form = form.replace(NAME, &self.name()).replace(UID, &self.uid());
        form.replace(
            &format!("\"{}\"", vault_secret(0)),
            &format!("\"{}\"", self.vault_secret()),
        )
    }
}

/// The name of one of the VaultSecrets.
pub(crate) fn vault_secret(number: u32) -> String {
    format!("web-{number}")
}

/// What a TokenReview says of a pod.
pub(crate) fn reviewed(pod: Pod) -> Value {
    json!({
        "authenticated": true,
        "audiences": ["splitvault"],
        "user": {
            "username": format!("system:serviceaccount:{NAMESPACE}:default"),
            "uid": "2a0c1f9a-0000-4000-8000-000000000000",
            "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{NAMESPACE}"), "system:authenticated"],
            "extra": {
                "authentication.kubernetes.io/credential-id": ["JTI=7d3f6a52-0000-4000-8000-000000000000"],
                "authentication.kubernetes.io/node-name": ["node-1"],
                "authentication.kubernetes.io/node-uid": ["1f0c1f9a-0000-4000-8000-000000000000"],
                "authentication.kubernetes.io/pod-name": [pod.name()],
                "authentication.kubernetes.io/pod-uid": [pod.uid()],
            },
        },
    })
}

/// Twenty variables as a `.env`.
pub(crate) fn variables() -> String {
    (1..=20).fold(String::new(), |mut text, number| {
        let _infallible = writeln!(
            text,
            "VARIABLE_{number}=value-number-{number}-of-this-environment"
        );
        text
    })
}
