//! Keeps the certificates: looks at the cluster and at the clock, and makes, renews and hands out what is due.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use kube::Client;
use rustls::ClientConfig;

use super::authority::{Authority, Issued, Leaf};
use super::publish::{Published, publish};
use super::safe::{Found, Safe, failed};
use super::succession::{Pace, Succession};
use super::{Certificates, OPERATOR_IDENTITY, PkiError, STORE_SECRET, client_config};
use crate::secret::{self, NewSecret};

/// Who gets a certificate.
#[derive(Debug, Clone)]
pub struct Names {
    /// The operator's namespace, where the Secrets are.
    pub namespace: String,
    /// DNS names of webhook and delivery.
    pub operator: Vec<String>,
    /// DNS names of the store.
    pub store: Vec<String>,
}

impl Names {
    /// The names that the two Services have inside a cluster.
    pub fn of_services(namespace: &str, operator: &str, store: &str) -> Self {
        let dns = |service: &str| {
            let base = format!("{service}.{namespace}");
            vec![
                format!("{base}.svc"),
                format!("{base}.svc.cluster.local"),
                base,
                service.to_owned(),
            ]
        };
        Self {
            namespace: namespace.to_owned(),
            operator: dns(operator),
            store: dns(store),
        }
    }
}

/// Tries a connection to the store without using it.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Whether the store lets in who connects with this, and shows a certificate that this trusts.
    async fn admits(&self, config: Arc<ClientConfig>) -> bool;
}

/// Keeps the certificates.
pub struct Keeper {
    client: Client,
    names: Names,
    certificates: Certificates,
    pace: Pace,
    probe: Arc<dyn Probe>,
    safe: Safe,
    /// What the operator itself shows (both certificates end together), with the bundle that they were made under.
    held: Option<Held>,
    /// What keeps the CA when its Secret is deleted while the operator runs.
    kept: Option<Succession>,
    /// Whether the log says that a step waits.
    waits: bool,
}

struct Held {
    bundle: String,
    server: Issued,
}

impl Keeper {
    /// Nothing is done yet; see [`Keeper::look`].
    pub fn new(
        client: Client,
        names: Names,
        certificates: Certificates,
        pace: Pace,
        probe: Arc<dyn Probe>,
    ) -> Self {
        Self {
            safe: Safe::new(client.clone(), names.namespace.clone()),
            client,
            names,
            certificates,
            pace,
            probe,
            held: None,
            kept: None,
            waits: false,
        }
    }

    /// Makes and renews what is due; does nothing when nothing is. Answers when the server's certificate ends.
    ///
    /// # Errors
    /// [`PkiError`]; what was in use stays in use.
    pub async fn look(&mut self, now: SystemTime) -> Result<SystemTime, PkiError> {
        let found = self.found(now).await?;
        let ends = self.establish(&found.succession, now).await?;
        if !self.step(&found, now).await? {
            return Ok(ends);
        }
        let found = self.found(now).await?;
        self.establish(&found.succession, now).await
    }

    /// Puts the bundle into the webhook configurations, as far as they are there, and answers whether they are.
    ///
    /// # Errors
    /// [`PkiError::Cluster`].
    pub async fn publish(&self) -> Result<bool, PkiError> {
        let bundle = self.certificates.bundle().load_full();
        Ok(publish(&self.client, &bundle).await? != Published::Absent)
    }

    /// The signing CA's age and how many are trusted, as last seen.
    pub fn authorities(&self) -> Option<(SystemTime, usize)> {
        let kept = self.kept.as_ref()?;
        Some((kept.authority().ok()?.made(), kept.trusted()))
    }

    /// What the Secret holds. Without one it is made, with the CA that is in use, or with a new one.
    async fn found(&mut self, now: SystemTime) -> Result<Found, PkiError> {
        let found = match self.safe.read().await? {
            Some(found) => found,
            None => {
                // It stays held meanwhile: whoever waits for this may give up in the middle.
                if self.kept.is_none() {
                    self.kept = Some(Succession::found(now)?);
                }
                let kept = self.kept.as_ref().ok_or(PkiError::Gone)?.copy();
                self.safe.create(&kept).await?;
                self.safe.read().await?.ok_or(PkiError::Gone)?
            }
        };
        self.kept = Some(found.succession.copy());
        Ok(found)
    }

    async fn establish(&mut self, succession: &Succession, now: SystemTime) -> Result<SystemTime, PkiError> {
        let authority = succession.authority()?;
        let ends = self.hold(&authority, now)?;
        self.store(&authority, now).await?;
        Ok(ends)
    }

    /// Goes on to the next stage when its time has come and everything of this one has arrived. Answers whether the
    /// Secret is another one now, be it by somebody else.
    async fn step(&mut self, found: &Found, now: SystemTime) -> Result<bool, PkiError> {
        if !found.succession.is_due(now, &self.pace)? {
            return Ok(false);
        }
        let arrived = self.has_arrived(&found.succession, now).await?;
        if !arrived && !self.waits {
            tracing::warn!(
                "the rotation of the internal CA waits until both webhook configurations and the store have what \
                 was made last"
            );
        }
        self.waits = !arrived;
        if !arrived {
            return Ok(false);
        }
        let next = found.succession.next(now)?;
        if self.safe.swap(found, &next).await? {
            tracing::info!("the internal CA rotates: {}", next.progress(&self.pace)?);
        }
        Ok(true)
    }

    /// Whether the API server and the store get along with the next stage: seen, not concluded from the time.
    async fn has_arrived(&self, succession: &Succession, now: SystemTime) -> Result<bool, PkiError> {
        let Some((bundle, issued)) = succession.trial(now)? else {
            return Ok(true);
        };
        // What was only just written may not have reached every API server.
        if publish(&self.client, succession.authority()?.bundle()).await? != Published::Before {
            return Ok(false);
        }
        Ok(self.probe.admits(client_config(&bundle, &issued)?).await)
    }

    /// The operator's own two certificates; each replica has its own, in memory only.
    fn hold(&mut self, authority: &Authority, now: SystemTime) -> Result<SystemTime, PkiError> {
        let bundle = authority.bundle();
        if let Some(held) = &self.held
            && held.bundle == bundle
            && !held.server.is_due(now)
        {
            return Ok(held.server.ends);
        }
        let server = authority.issue(Leaf::Server(&self.names.operator), now)?;
        let client = authority.issue(Leaf::Client(OPERATOR_IDENTITY), now)?;
        self.certificates.connect_with(bundle, &client)?;
        self.certificates.serve_with(&server)?;
        self.certificates.trust(bundle);
        let ends = server.ends;
        self.held = Some(Held {
            bundle: bundle.to_owned(),
            server,
        });
        tracing::info!("issued the operator's certificates");
        Ok(ends)
    }

    async fn store(&self, authority: &Authority, now: SystemTime) -> Result<(), PkiError> {
        let found = secret::read(&self.client, &self.names.namespace, STORE_SECRET).await;
        let found = found.map_err(failed("read the Secret splitvault-store-tls"))?;
        let leaf = Leaf::Server(&self.names.store);
        let good = found.is_some_and(|found| {
            let get = |key| found.get(key).map(splitvault_crypto::SecretBytes::expose);
            match (get("ca.crt"), get("tls.crt"), get("tls.key")) {
                (Some(ca), Some(chain), Some(key)) => {
                    ca == authority.bundle().as_bytes() && authority.vouches_for(chain, key, leaf, now)
                }
                _ => false,
            }
        });
        if good {
            return Ok(());
        }
        let issued = authority.issue(leaf, now)?;
        let new = NewSecret {
            name: STORE_SECRET,
            kind: "kubernetes.io/tls",
            about: "The value store's certificate; renewed by the operator.",
            // EXPOSE: the store reads its private key from this Secret.
            data: &[
                ("ca.crt", authority.bundle().as_bytes()),
                ("tls.crt", issued.chain.as_bytes()),
                ("tls.key", issued.key.expose().as_bytes()),
            ],
        };
        let written = secret::apply(&self.client, &self.names.namespace, &new).await;
        written.map_err(failed("write the Secret splitvault-store-tls"))?;
        tracing::info!("issued the store's certificate");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
