//! A rotation of the CA on demand, for whoever may ask for one, and how far it is.

use std::sync::Arc;
use std::time::SystemTime;

use kube::Client;
use tokio::sync::Notify;

use super::PkiError;
use super::progress::Progress;
use super::safe::Safe;
use super::succession::Pace;

/// Starts rotations of the CA; cheap to clone. Keeps nothing: what was started is in the Secret, and any operator
/// goes on with it.
#[derive(Clone)]
pub struct Rotation {
    safe: Safe,
    pace: Pace,
    wake: Arc<Notify>,
}

impl Rotation {
    /// Of the CA in this namespace.
    pub fn new(client: Client, namespace: &str, pace: Pace) -> Self {
        Self {
            safe: Safe::new(client, namespace.to_owned()),
            pace,
            wake: Arc::default(),
        }
    }

    /// Starts one; when one is under way, it is that one. Answers how far it is.
    ///
    /// # Errors
    /// [`PkiError`]; nothing was changed then. [`PkiError::Gone`] when there is no CA to follow.
    pub async fn start(&self, now: SystemTime) -> Result<Progress, PkiError> {
        let found = self.safe.read().await?.ok_or(PkiError::Gone)?;
        if let Progress::Settled { .. } = found.succession.progress(&self.pace)? {
            let next = found.succession.next(now)?;
            if self.safe.swap(&found, &next).await? {
                tracing::info!(
                    "a rotation of the internal CA was asked for; a new one is trusted from now on"
                );
            }
            self.wake.notify_one();
        }
        // Also when somebody else was faster.
        self.progress().await
    }

    /// How far it is.
    ///
    /// # Errors
    /// As [`Rotation::start`].
    pub async fn progress(&self) -> Result<Progress, PkiError> {
        let found = self.safe.read().await?.ok_or(PkiError::Gone)?;
        found.succession.progress(&self.pace)
    }

    /// Until one is started.
    pub async fn started(&self) {
        self.wake.notified().await;
    }
}
