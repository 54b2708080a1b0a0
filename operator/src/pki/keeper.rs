//! Keeps the certificates: looks at the cluster and at the clock, and makes, renews and hands out what is due.

use std::time::SystemTime;

use kube::Client;
use splitvault_crypto::SecretString;

use super::authority::{Authority, Issued, Leaf};
use super::{AUTHORITY_SECRET, Certificates, OPERATOR_IDENTITY, PkiError, STORE_SECRET, publish};
use crate::fault::Fault;
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

/// Keeps the certificates.
pub struct Keeper {
    client: Client,
    names: Names,
    certificates: Certificates,
    /// What the operator itself shows (both certificates end together), with the bundle that they were made under.
    held: Option<Held>,
    /// What keeps the CA when its Secret is deleted while the operator runs.
    authority: Option<Kept>,
}

struct Held {
    bundle: String,
    server: Issued,
}

struct Kept {
    bundle: String,
    key: SecretString,
}

impl Kept {
    fn copy(&self) -> Self {
        Self {
            bundle: self.bundle.clone(),
            // EXPOSE: the same key, zeroized as well.
            key: SecretString::copy_of(self.key.expose()),
        }
    }
}

impl Keeper {
    /// Nothing is done yet; see [`Keeper::look`].
    pub fn new(client: Client, names: Names, certificates: Certificates) -> Self {
        Self {
            client,
            names,
            certificates,
            held: None,
            authority: None,
        }
    }

    /// Makes and renews what is due; does nothing when nothing is. Answers when the server's certificate ends.
    ///
    /// # Errors
    /// [`PkiError`]; what was in use stays in use.
    pub async fn look(&mut self, now: SystemTime) -> Result<SystemTime, PkiError> {
        let authority = self.authority(now).await?;
        let ends = self.hold(&authority, now)?;
        self.store(&authority, now).await?;
        Ok(ends)
    }

    /// Puts the bundle into the webhook configurations, as far as they are there, and answers whether they are.
    ///
    /// # Errors
    /// [`PkiError::Cluster`].
    pub async fn publish(&self) -> Result<bool, PkiError> {
        publish::publish(&self.client, &self.certificates.bundle().load_full()).await
    }

    async fn authority(&mut self, now: SystemTime) -> Result<Authority, PkiError> {
        let found = self.read().await?;
        let kept = match found {
            Some(kept) => kept,
            None => self.create(now).await?,
        };
        // EXPOSE: the CA signs with its key.
        let authority = Authority::parse(kept.bundle.as_bytes(), kept.key.expose().as_bytes())?;
        self.authority = Some(kept);
        Ok(authority)
    }

    async fn read(&self) -> Result<Option<Kept>, PkiError> {
        let found = secret::read(&self.client, &self.names.namespace, AUTHORITY_SECRET).await;
        let Some(found) = found.map_err(cluster("read the Secret splitvault-ca"))? else {
            return Ok(None);
        };
        let mut data = found.into_data();
        let (Some(bundle), Some(key)) = (data.remove("ca.crt"), data.remove("ca.key")) else {
            return Err(PkiError::Authority);
        };
        // EXPOSE: a certificate is public.
        let bundle = std::str::from_utf8(bundle.expose())
            .map_err(|_| PkiError::Authority)?
            .to_owned();
        let key = SecretString::try_from(key).map_err(|_| PkiError::Authority)?;
        Ok(Some(Kept { bundle, key }))
    }

    /// Makes the Secret with the CA that is in use, or with a new one. When another replica is faster, its CA counts.
    async fn create(&mut self, now: SystemTime) -> Result<Kept, PkiError> {
        // It stays held meanwhile: whoever waits for this may give up in the middle.
        if self.authority.is_none() {
            let (authority, key) = Authority::make(now)?;
            let bundle = authority.bundle().to_owned();
            self.authority = Some(Kept { bundle, key });
        }
        let kept = self.authority.as_ref().ok_or(PkiError::Authority)?.copy();
        let new = NewSecret {
            name: AUTHORITY_SECRET,
            kind: "Opaque",
            about: "Splitvault's internal CA. Deleting it cuts running pods off from updates.",
            // EXPOSE: the Secret is where the CA's key is kept.
            data: &[
                ("ca.crt", kept.bundle.as_bytes()),
                ("ca.key", kept.key.expose().as_bytes()),
            ],
        };
        match secret::create(&self.client, &self.names.namespace, &new).await {
            Ok(()) => {
                tracing::info!("made the internal CA");
                Ok(kept)
            }
            Err(Fault::Conflict) => self.read().await?.ok_or(PkiError::Authority),
            Err(fault) => Err(cluster("create the Secret splitvault-ca")(fault)),
        }
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
        self.certificates
            .bundle()
            .store(std::sync::Arc::new(bundle.to_owned()));
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
        let found = found.map_err(cluster("read the Secret splitvault-store-tls"))?;
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
        written.map_err(cluster("write the Secret splitvault-store-tls"))?;
        tracing::info!("issued the store's certificate");
        Ok(())
    }
}

fn cluster(doing: &'static str) -> impl Fn(Fault) -> PkiError {
    move |fault| PkiError::Cluster { doing, fault }
}

#[cfg(test)]
mod tests;
