//! What went wrong at the API server, in words that quote nothing of a body.

use kube::Error;

/// Why the API server did not do what it was asked. `kube::Error` itself is not shown to anyone: its text may
/// quote what could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// There is no such object, or no such kind of object.
    #[error("not found")]
    NotFound,
    /// RBAC does not let the operator do that.
    #[error("forbidden by RBAC")]
    Forbidden,
    /// Somebody else changed the object meanwhile, or it is another one of the same name.
    #[error("changed by someone else meanwhile")]
    Conflict,
    /// The object is not accepted: a rule of the CRD, an admission webhook, a quota.
    #[error("refused by the API server (status {0})")]
    Refused(u16),
    /// No connection, no answer in time, overload, or an error of the server itself.
    #[error("the API server is unavailable")]
    Unavailable,
    /// The answer is not what the operator understands.
    #[error("the API server's answer cannot be understood")]
    Malformed,
}

impl Fault {
    /// What an HTTP status stands for.
    pub fn from_status(code: u16) -> Self {
        match code {
            404 => Self::NotFound,
            401 | 403 => Self::Forbidden,
            409 => Self::Conflict,
            429 | 500..=599 => Self::Unavailable,
            code => Self::Refused(code),
        }
    }
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        match error {
            Error::Api(status) => Self::from_status(status.code),
            Error::SerdeError(_) | Error::FromUtf8(_) | Error::BuildRequest(_) => Self::Malformed,
            // What is left is about connections and credentials, and may pass.
            _ => Self::Unavailable,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        let unread = serde_json::from_str::<u8>("\"CANARY\"").unwrap_err();
        let fault = Fault::from(Error::SerdeError(unread));
        assert_eq!(fault, Fault::Malformed);
        assert!(!format!("{fault} {fault:?}").contains("CANARY"));
    }

    #[test]
    fn overload_may_pass_and_a_refusal_does_not() {
        assert_eq!(Fault::from_status(429), Fault::Unavailable);
        assert_eq!(Fault::from_status(503), Fault::Unavailable);
        assert_eq!(Fault::from_status(422), Fault::Refused(422));
    }
}
