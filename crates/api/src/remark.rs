//! Conditions of a VaultSecret that are there only while they are true, beside Ready and its two companions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// What may be said of an object whatever Ready says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// The payload opens, but is sealed to a key that is not the current one.
    SealedWithOldKey,
    /// Revisions cannot be opened, so a rotation left them as they are and keeps the old master key for them.
    Quarantined,
    /// Workloads are still to be restarted for the newest content.
    Restarting,
    /// Workloads should be restarted, and the operator may not.
    RestartForbidden,
    /// Pods that ask for the object started without it.
    MissedPods,
}

impl Remark {
    /// The type of the condition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SealedWithOldKey => "SealedWithOldKey",
            Self::Quarantined => "Quarantined",
            Self::Restarting => "Restarting",
            Self::RestartForbidden => "RestartForbidden",
            Self::MissedPods => "MissedPods",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::SealedWithOldKey => "KeyReplaced",
            Self::Quarantined => "Tampered",
            Self::Restarting => "Outstanding",
            Self::RestartForbidden => "Forbidden",
            Self::MissedPods => "NotInjected",
        }
    }

    /// The condition. It keeps the time of its last transition from `previous` when it was there already.
    #[must_use]
    pub fn condition(
        self,
        previous: &[Condition],
        message: &str,
        generation: Option<i64>,
        now: &Time,
    ) -> Condition {
        let before = previous
            .iter()
            .find(|before| before.type_ == self.as_str() && before.status == "True");
        Condition {
            type_: self.as_str().to_owned(),
            status: "True".to_owned(),
            reason: self.reason().to_owned(),
            message: message.to_owned(),
            observed_generation: generation,
            last_transition_time: before
                .map_or_else(|| now.clone(), |before| before.last_transition_time.clone()),
        }
    }
}
