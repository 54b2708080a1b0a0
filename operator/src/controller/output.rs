//! The Kubernetes Secret that an object has maintained as well (`spec.output`). It is the object's own or it is not
//! touched: an owner reference to the object's UID tells. Secrets of others are never read, not even listed; what is
//! looked at is the metadata of one name.

mod plan;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};
use splitvault_api::VaultSecret;
use splitvault_dotenv::Variable;

use super::failure::Failure;
use super::stored::{self, Stored};
use super::{Context, status};
use crate::fault::Fault;
use crate::secret::Version;
use crate::secret::owned::{self, Seen, Wanted};

use plan::{Step, plan};

/// What a Secret was when it was known to be as it should, by the UID of its VaultSecret. Lost with the process: then
/// each is written once, which changes nothing where nothing is wrong.
#[derive(Debug, Default)]
pub struct Outputs(Mutex<HashMap<String, Known>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// The Secret.
    pub(super) seen: Seen,
    /// The digest of what it holds.
    pub(super) digest: String,
}

impl Outputs {
    fn known(&self, uid: &str) -> Option<Known> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(uid).cloned()
    }

    /// Remembers, or forgets.
    pub(super) fn note(&self, uid: &str, known: Option<Known>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(known) => all.insert(uid.to_owned(), known),
            None => all.remove(uid),
        };
    }
}

/// An object and where it is.
struct Owner<'a> {
    object: &'a VaultSecret,
    namespace: String,
    uid: String,
}

impl Context {
    /// Makes the Secret be as `wanted`, or not be: removes one of a former name first. What the status remembers is kept up
    /// to date in `object`, because a Secret is made only after its name is written down.
    ///
    /// # Errors
    /// [`Failure`], as the object's condition will say it.
    pub(super) async fn output(
        &self,
        object: &mut VaultSecret,
        wanted: Option<&str>,
        stored: &Stored,
    ) -> Result<Option<String>, Failure> {
        let before = status::output(object);
        if let Some(former) = before.as_deref().filter(|former| wanted != Some(*former)) {
            self.drop_output(&Owner::of(object), former).await?;
        }
        let Some(name) = wanted else {
            return Ok(None);
        };
        if before.as_deref() != Some(name) {
            let written = status::announce(&self.client, object, name).await;
            written.map_err(Failure::Cluster)?;
        }
        self.keep_output(&Owner::of(object), name, stored).await?;
        Ok(Some(name.to_owned()))
    }

    async fn drop_output(&self, owner: &Owner<'_>, name: &str) -> Result<(), Failure> {
        self.outputs.note(&owner.uid, None);
        let seen = owned::look(&self.client, &owner.namespace, name, Version::Newest).await;
        let seen = seen.map_err(|fault| owner.failure(name, fault))?;
        if let Some(ours) = seen.filter(|seen| seen.owners.contains(&owner.uid)) {
            let gone = owned::remove(&self.client, &owner.namespace, name, &ours).await;
            gone.map_err(|fault| owner.failure(name, fault))?;
            tracing::info!(
                namespace = owner.namespace,
                secret = name,
                "removed a Secret that is not asked for any more"
            );
        }
        Ok(())
    }

    async fn keep_output(&self, owner: &Owner<'_>, name: &str, stored: &Stored) -> Result<(), Failure> {
        let known = self.outputs.known(&owner.uid);
        let look = async |version| {
            let seen = owned::look(&self.client, &owner.namespace, name, version).await;
            let seen = seen.map_err(|fault| owner.failure(name, fault))?;
            Ok::<_, Failure>(plan(seen, &owner.uid, known.as_ref(), &stored.digest))
        };
        if known.is_some() && look(Version::Any).await? == Step::Nothing {
            return Ok(());
        }
        // A cache may lag behind, behind ourselves too.
        let step = look(Version::Newest).await?;
        if step == Step::Nothing {
            return Ok(());
        }
        self.outputs.note(&owner.uid, None);
        if step == Step::Refuse {
            let secret = name.to_owned();
            return Err(Failure::OutputForeign { secret });
        }
        let _reading = self.room.to_read().await;
        let Some(environment) = stored::read(&self.vault, &owner.uid).await? else {
            return Err(Failure::Internal("nothing is stored any more".to_owned()));
        };
        let variables = environment.dotenv.into_variables();
        plan::fits(&variables, owner.object.spec.exposes_names()).map_err(Failure::OutputInvalid)?;
        let seen = self.write_output(owner, name, &variables, step).await?;
        let digest = stored::to_hex(&environment.digest);
        self.outputs.note(&owner.uid, Some(Known { seen, digest }));
        Ok(())
    }

    async fn write_output(
        &self,
        owner: &Owner<'_>,
        name: &str,
        variables: &[Variable],
        step: Step,
    ) -> Result<Seen, Failure> {
        let about = format!(
            "Kept by Splitvault for VaultSecret {}; what is changed here is changed back.",
            owner.object.name_any()
        );
        let wanted = Wanted {
            name,
            owner: owner.reference(),
            about: &about,
            variables,
        };
        let (client, namespace) = (&self.client, &owner.namespace);
        let written = match step {
            Step::Mend(seen) => match owned::mend(client, namespace, &wanted, &seen.uid).await {
                // Immutable, or of another type: only a new one can be as it should.
                Err(Fault::Refused(422)) => {
                    let gone = owned::remove(client, namespace, name, &seen).await;
                    gone.map_err(|fault| owner.failure(name, fault))?;
                    owned::make(client, namespace, &wanted).await
                }
                mended => mended,
            },
            Step::Make | Step::Nothing | Step::Refuse => owned::make(client, namespace, &wanted).await,
        };
        let seen = written.map_err(|fault| owner.failure(name, fault))?;
        tracing::info!(namespace, secret = name, "wrote the Secret of a VaultSecret");
        Ok(seen)
    }
}

impl<'a> Owner<'a> {
    fn of(object: &'a VaultSecret) -> Self {
        Self {
            object,
            namespace: object.namespace().unwrap_or_default(),
            uid: object.uid().unwrap_or_default(),
        }
    }

    /// The Secret goes with the object, and tools show it below it.
    fn reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: VaultSecret::api_version(&()).into_owned(),
            kind: VaultSecret::kind(&()).into_owned(),
            name: self.object.name_any(),
            uid: self.uid.clone(),
            controller: Some(true),
            block_owner_deletion: None,
        }
    }

    fn failure(&self, secret: &str, fault: Fault) -> Failure {
        match fault {
            Fault::Forbidden => Failure::OutputForbidden {
                namespace: self.namespace.clone(),
                secret: secret.to_owned(),
            },
            fault => Failure::Cluster(fault),
        }
    }
}
