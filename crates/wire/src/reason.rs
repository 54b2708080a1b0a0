//! Why a delivery is refused or late.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why there is no delivery; a closed set, the same in answers, logs, events and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// The token is missing, expired, for another audience, or of no pod.
    Unauthenticated,
    /// The pod that the token is bound to is not there any more.
    PodNotFound,
    /// The pod's annotation does not ask for one of the VaultSecrets.
    NotRequested,
    /// The pod's ServiceAccount may not have one of the VaultSecrets.
    NotAllowed,
    /// A VaultSecret is missing or not ready; it may become so.
    NotReady,
    /// A store, or the API server, does not answer.
    Unavailable,
    /// The pod has as many requests in flight as it may, or its address asks too often.
    TooManyRequests,
    /// The variables together do not fit into one delivery.
    TooLarge,
    /// The request cannot be understood.
    Invalid,
    /// A stored row was changed, moved, or rolled back.
    Tampered,
    /// A reason of a newer operator. Never sent.
    #[serde(other)]
    Unknown,
}

impl Reason {
    /// Every reason that an operator can give.
    pub const ALL: [Self; 10] = [
        Self::Unauthenticated,
        Self::PodNotFound,
        Self::NotRequested,
        Self::NotAllowed,
        Self::NotReady,
        Self::Unavailable,
        Self::TooManyRequests,
        Self::TooLarge,
        Self::Invalid,
        Self::Tampered,
    ];

    /// Whether only a person can change the answer, so that asking again soon is of no use.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::NotReady | Self::Unavailable | Self::TooManyRequests | Self::Unknown => false,
            Self::Unauthenticated
            | Self::PodNotFound
            | Self::NotRequested
            | Self::NotAllowed
            | Self::TooLarge
            | Self::Invalid
            | Self::Tampered => true,
        }
    }

    /// Whether a change of a VaultSecret may be the end of it, so that the operator can tell when that is.
    #[must_use]
    pub const fn can_be_waited_for(self) -> bool {
        matches!(self, Self::NotAllowed | Self::NotReady)
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::NotRequested | Self::NotAllowed => 403,
            Self::PodNotFound => 404,
            Self::NotReady => 409,
            Self::TooManyRequests => 429,
            Self::TooLarge => 413,
            Self::Invalid => 400,
            Self::Tampered | Self::Unknown => 500,
            Self::Unavailable => 503,
        }
    }

    /// The reason as it stands in JSON, events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "Unauthenticated",
            Self::PodNotFound => "PodNotFound",
            Self::NotRequested => "NotRequested",
            Self::NotAllowed => "NotAllowed",
            Self::NotReady => "NotReady",
            Self::Unavailable => "Unavailable",
            Self::TooManyRequests => "TooManyRequests",
            Self::TooLarge => "TooLarge",
            Self::Invalid => "Invalid",
            Self::Tampered => "Tampered",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The body of every answer of the delivery API that is no success. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct DeliverError {
    /// For programs.
    pub reason: Reason,
    /// For people: what is the matter and what to do about it, naming objects but no variable and no value.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_as_itself() {
        for reason in Reason::ALL {
            let json = format!("\"{reason}\"");
            assert_eq!(serde_json::to_string(&reason).unwrap(), json);
            assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), reason);
            assert!((400..600).contains(&reason.status()));
        }
    }

    #[test]
    fn a_reason_of_a_newer_operator_is_no_error_and_is_retried() {
        let error: DeliverError =
            serde_json::from_str(r#"{"reason":"Quarantined","message":"m","more":1}"#).unwrap();
        assert_eq!(error.reason, Reason::Unknown);
        assert!(!error.reason.is_final());
    }

    #[test]
    fn only_what_heals_by_itself_is_retried_soon() {
        let soon: Vec<_> = Reason::ALL
            .into_iter()
            .filter(|reason| !reason.is_final())
            .collect();
        assert_eq!(
            soon,
            [Reason::NotReady, Reason::Unavailable, Reason::TooManyRequests]
        );
    }
}
