//! The Secret `splitvault-ca`, which holds the succession. Every write is a compare-and-swap on its version, so that
//! of two operators that take a step, one does.

use kube::Client;
use splitvault_crypto::SecretString;

use super::succession::Succession;
use super::{AUTHORITY_SECRET, PkiError};
use crate::fault::Fault;
use crate::secret::{self, NewSecret};

/// Where the CA is kept.
#[derive(Clone)]
pub(super) struct Safe {
    client: Client,
    namespace: String,
}

/// What was found there.
pub(super) struct Found {
    pub(super) succession: Succession,
    version: String,
}

impl Safe {
    pub(super) fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    /// What is there now; `None` when there is no Secret.
    ///
    /// # Errors
    /// [`PkiError::Authority`] when it cannot be understood.
    pub(super) async fn read(&self) -> Result<Option<Found>, PkiError> {
        let found = secret::read(&self.client, &self.namespace, AUTHORITY_SECRET).await;
        let Some(found) = found.map_err(failed("read the Secret splitvault-ca"))? else {
            return Ok(None);
        };
        let version = found.resource_version.clone();
        let succession = Succession::parse(found.into_data())?;
        Ok(Some(Found { succession, version }))
    }

    /// Makes the Secret; whatever is there already stays, and counts.
    ///
    /// # Errors
    /// [`PkiError::Cluster`].
    pub(super) async fn create(&self, succession: &Succession) -> Result<(), PkiError> {
        let data = succession.data();
        let held = data.iter().filter_map(|(key, value)| {
            // EXPOSE: the Secret is where the CA's keys are kept.
            let bytes = value.as_ref().map(SecretString::expose).map(str::as_bytes)?;
            Some((*key, bytes))
        });
        let new = NewSecret {
            name: AUTHORITY_SECRET,
            kind: "Opaque",
            about: "Splitvault's internal CA. Deleting it cuts running pods off from updates.",
            data: &held.collect::<Vec<_>>(),
        };
        match secret::create(&self.client, &self.namespace, &new).await {
            Ok(()) => {
                tracing::info!("made the Secret of the internal CA");
                Ok(())
            }
            // Another replica was faster.
            Err(Fault::Conflict) => Ok(()),
            Err(fault) => Err(failed("create the Secret splitvault-ca")(fault)),
        }
    }

    /// Puts `next` in the place of what was found, unless something else is there by now. Answers whether it did.
    ///
    /// # Errors
    /// [`PkiError::Cluster`]; also when the Secret is gone.
    pub(super) async fn swap(&self, found: &Found, next: &Succession) -> Result<bool, PkiError> {
        let (client, namespace) = (&self.client, &self.namespace);
        let data = next.data();
        match secret::swap(client, namespace, AUTHORITY_SECRET, &found.version, &data).await {
            Ok(()) => Ok(true),
            Err(Fault::Conflict) => Ok(false),
            Err(fault) => Err(failed("write the Secret splitvault-ca")(fault)),
        }
    }
}

/// For an error of the API server.
pub(super) fn failed(doing: &'static str) -> impl Fn(Fault) -> PkiError {
    move |fault| PkiError::Cluster { doing, fault }
}
