//! What the webhook asks.

use std::fmt;
use std::sync::Arc;

use splitvault_crypto::SecretBytes;

use super::cache::Cache;
use super::credentials::Fingerprint;
use super::flights::{Flights, Outcome};
use super::lookup::{self, Question};
use super::problem::Problem;
use super::reference::Reference;
use super::registries::Registries;
use super::secrets::PullSecrets;
use super::transport::Transport;
use crate::metrics::Metrics;

/// What an administrator says.
#[derive(Debug, Default)]
pub struct Settings {
    /// Which registries may be asked.
    pub registries: Registries,
    /// Those to whom plain HTTP is spoken; for tests and labs.
    pub plain: Registries,
    /// Authorities (PEM) that are trusted beside those of the web.
    pub bundle: Option<Vec<u8>>,
}

/// Looks images up; cheap to clone.
#[derive(Clone)]
pub struct Images(Arc<Inner>);

struct Inner {
    registries: Registries,
    transport: Transport,
    cache: Cache,
    flights: Arc<Flights>,
    salt: SecretBytes,
    metrics: Metrics,
}

impl Images {
    /// # Errors
    /// A CA bundle that is none, and the lack of random bytes.
    pub fn new(settings: Settings, metrics: Metrics) -> anyhow::Result<Self> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt)?;
        Ok(Self(Arc::new(Inner {
            registries: settings.registries,
            transport: Transport::new(settings.bundle.as_deref(), settings.plain)?,
            cache: Cache::default(),
            flights: Arc::default(),
            salt: SecretBytes::copy_of(&salt),
            metrics,
        })))
    }

    /// Whether its registry may be asked, so that pull secrets may be of use.
    #[must_use]
    pub fn may_ask(&self, image: &str) -> bool {
        Reference::parse(image).is_ok_and(|image| self.0.registries.has(image.registry()))
    }

    /// What `image` runs on this architecture, looked up with the pod's own pull secrets.
    ///
    /// # Errors
    /// [`Problem`], within four seconds.
    pub async fn look(&self, image: &str, architecture: &str, secrets: &Arc<PullSecrets>) -> Outcome {
        let outcome = self.ask(image, architecture, secrets).await;
        let (word, outcome) = match outcome {
            Ok((word, program)) => (word, Ok(program)),
            Err(problem) => (problem.outcome(), Err(problem)),
        };
        self.0.metrics.image_looked_up(word);
        outcome
    }

    async fn ask(
        &self,
        image: &str,
        architecture: &str,
        secrets: &Arc<PullSecrets>,
    ) -> Result<(&'static str, Arc<crate::inject::Program>), Problem> {
        let image = Reference::parse(image)?;
        if !self.0.registries.has(image.registry()) {
            return Err(Problem::NotListed);
        }
        let question = Question {
            credentials: Fingerprint::of(&self.0.salt, &secrets.keyring.of(&image)),
            architecture: architecture.chars().take(32).collect(),
            image,
        };
        if let Some(known) = self.0.cache.get(&question) {
            return Ok(("cached", known));
        }
        let work = || {
            let (inner, secrets, question) = (Arc::clone(&self.0), Arc::clone(secrets), question.clone());
            async move {
                let credentials = secrets.keyring.of(&question.image);
                lookup::look(&inner.transport, &inner.cache, &question, &credentials).await
            }
        };
        let found = self.0.flights.join(&question, work).await?;
        Ok(("found", found))
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images")
            .field("registries", &self.0.registries)
            .field("transport", &self.0.transport)
            .finish_non_exhaustive()
    }
}
