//! What a sidecar could not do with a delivery, or after one: said with its next request, so that the pod's owner is told.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why the files of the last delivery are not there, or who does not know of them. Holds nothing secret: no name and no
/// value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The VaultSecret, unless it is all of them together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_secret: Option<String>,
    /// What is the matter.
    pub kind: ProblemKind,
}

/// A closed set, the same in requests and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProblemKind {
    /// A variable has a name that cannot be used.
    UnusableName,
    /// More variables, or longer ones, than a `.env` file may have.
    TooManyVariables,
    /// A value that no quotes of a `.env` file can hold.
    ValueNotForFile,
    /// A variable has a name that cannot be a file's.
    NameNotForFile,
    /// A value that kubelet's environment files cannot hold (KEP-3721).
    ValueNotForKubelet,
    /// More than kubelet reads of a file (KEP-3721).
    TooLongForKubelet,
    /// The files are there, and the signal after a change did not reach those it is for.
    SignalFailed,
    /// The files are there, and the application did not take the call after a change.
    HttpFailed,
    /// Of a newer sidecar. Never sent.
    #[serde(other)]
    Unknown,
}

impl ProblemKind {
    /// Every kind that a sidecar can tell of.
    pub const ALL: [Self; 8] = [
        Self::UnusableName,
        Self::TooManyVariables,
        Self::ValueNotForFile,
        Self::NameNotForFile,
        Self::ValueNotForKubelet,
        Self::TooLongForKubelet,
        Self::SignalFailed,
        Self::HttpFailed,
    ];

    /// The kind as it stands in JSON and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnusableName => "UnusableName",
            Self::TooManyVariables => "TooManyVariables",
            Self::ValueNotForFile => "ValueNotForFile",
            Self::NameNotForFile => "NameNotForFile",
            Self::ValueNotForKubelet => "ValueNotForKubelet",
            Self::TooLongForKubelet => "TooLongForKubelet",
            Self::SignalFailed => "SignalFailed",
            Self::HttpFailed => "HttpFailed",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_as_itself() {
        for kind in ProblemKind::ALL {
            let json = format!(r#"{{"vaultSecret":"web","kind":"{kind}"}}"#);
            let problem = Problem {
                vault_secret: Some("web".to_owned()),
                kind,
            };
            assert_eq!(serde_json::to_string(&problem).unwrap(), json);
            assert_eq!(serde_json::from_str::<Problem>(&json).unwrap(), problem);
        }
    }

    #[test]
    fn a_kind_of_a_newer_sidecar_is_no_error() {
        let problem: Problem = serde_json::from_str(r#"{"kind":"Melted","more":1}"#).unwrap();
        assert_eq!((problem.vault_secret, problem.kind), (None, ProblemKind::Unknown));
    }
}
