//! Whether the store serves, and what it waits for otherwise.

use tokio::sync::watch;

/// A closed set: what `/readyz` and the log say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The certificate files are missing or broken.
    WaitingForCertificates,
    /// The database cannot be opened; the word says why.
    WaitingForDatabase(&'static str),
    /// Requests are answered.
    Serving,
    /// Requests in flight are finished, new ones refused.
    Stopping,
}

impl State {
    /// The line of `/readyz`.
    pub fn describe(self) -> String {
        match self {
            Self::WaitingForCertificates => "waiting for certificates".to_owned(),
            Self::WaitingForDatabase(reason) => format!("waiting for the database: {reason}"),
            Self::Serving => "ok".to_owned(),
            Self::Stopping => "stopping".to_owned(),
        }
    }
}

/// The state, told to whoever watches.
pub(crate) type Teller = watch::Sender<State>;
