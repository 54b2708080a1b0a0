//! The delivery request and its answer, as they stand in the bodies of `POST /v1/deliver`.

use serde::{Deserialize, Serialize};

use crate::{Problem, Reason, base64_bytes};

/// Where the operator takes delivery requests.
pub const DELIVER_PATH: &str = "/v1/deliver";

/// The longest request body, in bytes.
pub const REQUEST_LIMIT: usize = 64 * 1024;

/// The longest body of an answer, in bytes: a sealed 2 MiB in base64, and room for the certificates.
pub const RESPONSE_LIMIT: usize = 4 * 1024 * 1024;

/// What a sidecar asks for. The pod's token goes with it, in the `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliverRequest {
    /// The ephemeral sealing key that the answer is sealed to, in its binary form (algorithm byte first).
    #[serde(with = "base64_bytes")]
    pub public_key: Vec<u8>,
    /// Names of the VaultSecrets, all in the pod's namespace, in the order in which they apply.
    pub vault_secrets: Vec<String>,
    /// The [`DeliverResponse::tag`] of what the sidecar holds already, if it holds anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Why the files of the last delivery are not there, if they are not, or what went wrong after a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// For how many seconds the operator may hold its answer back as long as that would be 204, or what the sidecar was
    /// [`refused`](Self::refused) with; a change ends the wait. An operator that does not know this, or has no room, answers
    /// at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
    /// With what the sidecar was refused last, if it was and [that can be waited for](Reason::can_be_waited_for).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Reason>,
}

/// The answer with status 200. When the request's `tag` is that of the answer, the status is 204 and there is no body.
///
/// A 204 with the header `Retry-After` (RFC 9110, section 10.2.3), in seconds, ends a wait, also one for the end of a
/// refusal: the sidecar asks again after that, on the same connection if it stays open. Without the header nothing was waited for, and it asks at its next
/// refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliverResponse {
    /// A [`Delivery`](crate::Delivery) as JSON, sealed to the request's key in the context of the pod's UID.
    #[serde(with = "base64_bytes")]
    pub sealed: Vec<u8>,
    /// The certificates (PEM) to trust from now on, so that a pod outlives the rotation of the internal CA.
    pub ca_bundle: String,
    /// Stands for all of the answer: another object, another content, or another certificate has another tag.
    /// Means nothing to a sidecar but that it is to send it back.
    pub tag: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_documented_shape() {
        let request = DeliverRequest {
            public_key: vec![1, 0xff, 0xfe],
            vault_secrets: vec!["web".to_owned(), "db".to_owned()],
            tag: Some("t7".to_owned()),
            problem: Some(Problem {
                vault_secret: None,
                kind: crate::ProblemKind::TooLongForKubelet,
            }),
            wait_seconds: Some(60),
            refused: Some(Reason::NotReady),
        };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(
            json,
            r#"{"publicKey":"Af/+","vaultSecrets":["web","db"],"tag":"t7","problem":{"kind":"TooLongForKubelet"},"waitSeconds":60,"refused":"NotReady"}"#
        );
        assert_eq!(serde_json::from_str::<DeliverRequest>(&json).unwrap(), request);
    }

    #[test]
    fn a_reaction_that_failed_is_one_word_and_one_of_a_newer_sidecar_is_no_error() {
        for (word, kind) in [
            ("SignalFailed", crate::ProblemKind::SignalFailed),
            ("HttpFailed", crate::ProblemKind::HttpFailed),
            ("Melted", crate::ProblemKind::Unknown),
        ] {
            let json = format!(
                r#"{{"publicKey":"","vaultSecrets":["web"],"tag":"t7","problem":{{"kind":"{word}"}}}}"#
            );
            let request: DeliverRequest = serde_json::from_str(&json).unwrap();
            let problem = request.problem.unwrap();
            assert_eq!((problem.vault_secret, problem.kind), (None, kind));
        }
    }

    #[test]
    fn a_request_for_the_first_time_has_no_tag() {
        let json = r#"{"publicKey":"","vaultSecrets":[]}"#;
        let request: DeliverRequest = serde_json::from_str(json).unwrap();
        assert_eq!((&request.tag, &request.problem), (&None, &None));
        assert_eq!((request.wait_seconds, request.refused), (None, None));
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
    }

    #[test]
    fn what_a_newer_sidecar_says_besides_is_no_error() {
        let json = r#"{"publicKey":"","vaultSecrets":[],"waitSeconds":5,"more":{"a":[1]}}"#;
        let request: DeliverRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request.wait_seconds, Some(5));
        for nonsense in ["-1", "1.5", "4294967296", "\"5\"", "[]"] {
            let json = format!(r#"{{"publicKey":"","vaultSecrets":[],"waitSeconds":{nonsense}}}"#);
            assert!(
                serde_json::from_str::<DeliverRequest>(&json).is_err(),
                "{nonsense}"
            );
        }
    }

    #[test]
    fn an_answer_has_the_documented_shape() {
        let json = r#"{"sealed":"AAE=","caBundle":"PEM","tag":"t7"}"#;
        let answer: DeliverResponse = serde_json::from_str(json).unwrap();
        assert_eq!(
            (answer.sealed.as_slice(), &*answer.ca_bundle, &*answer.tag),
            (&[0, 1][..], "PEM", "t7")
        );
        assert_eq!(serde_json::to_string(&answer).unwrap(), json);
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for sealed in ["AAE", "A-_=", "AA E=", "AAE=\\n", "é"] {
            let json = format!(r#"{{"sealed":"{sealed}","caBundle":"","tag":""}}"#);
            assert!(
                serde_json::from_str::<DeliverResponse>(&json).is_err(),
                "{sealed}"
            );
        }
    }
}
