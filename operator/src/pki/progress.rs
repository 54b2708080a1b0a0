//! How far a rotation of the CA is, for people.

use std::fmt;
use std::time::SystemTime;

use k8s_openapi::jiff::Timestamp;

/// How far a rotation of the CA is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is none: one CA, this old.
    Settled {
        /// When it was made.
        made: SystemTime,
    },
    /// A new one is trusted and does not sign yet.
    Announced {
        /// When it will, at the earliest.
        signs: SystemTime,
    },
    /// The new one signs; the old one is still trusted.
    Overlap {
        /// Until when, at least.
        ends: SystemTime,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled { made } => write!(f, "no rotation is under way; the CA is of {}", moment(*made)),
            Self::Announced { signs } => write!(
                f,
                "step 1 of 2: the new CA is being trusted everywhere and signs from {}",
                moment(*signs)
            ),
            Self::Overlap { ends } => write!(
                f,
                "step 2 of 2: the new CA signs; the old one is trusted until {}",
                moment(*ends)
            ),
        }
    }
}

/// In whole seconds (RFC 3339).
pub(super) fn moment(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    Timestamp::from_second(time.as_second())
        .unwrap_or_default()
        .to_string()
}
