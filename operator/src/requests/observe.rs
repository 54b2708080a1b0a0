//! What is observed about one VaultRequest. Reads only; what is not needed any more is not asked for.

use k8s_openapi::jiff::Timestamp;
use kube::api::GetParams;
use kube::{Api, ResourceExt as _};
use splitvault_api::{Demand, VaultRequest, VaultSecret};
use splitvault_vault::Described;
use tokio::time::Instant;

use super::plan::{Observed, Target};
use super::review::review;
use super::seen::Taken;
use super::{Context, Failure, Meta, stamp};
use crate::controller::remembered;
use crate::fault::Fault;

impl Context {
    /// The request as it is now; `None` when it is gone, or is another one of that name.
    pub(super) async fn find(&self, meta: &Meta) -> Result<Option<VaultRequest>, Fault> {
        let api: Api<VaultRequest> =
            Api::namespaced(self.client.clone(), &meta.namespace().unwrap_or_default());
        match api
            .get_with(&meta.name_any(), &GetParams::default())
            .await
            .map_err(Fault::from)
        {
            Ok(found) => Ok(Some(found).filter(|found| found.metadata.uid == meta.metadata.uid)),
            Err(Fault::NotFound) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn observe(&self, object: VaultRequest, now: Timestamp) -> Observed {
        let over = object.status.as_ref().is_some_and(|status| status.is_over());
        let leaving = object.metadata.deletion_timestamp.is_some();
        if over || leaving {
            return Observed::settled(object, now);
        }
        let vouched = self.vouch(&object);
        let demand = Demand::try_from(&object.spec).map_err(Failure::Demand);
        let (Ok(()), Ok(wanted)) = (&vouched, &demand) else {
            return Observed {
                vouched,
                demand,
                ..Observed::settled(object, now)
            };
        };
        let namespace = object.namespace().unwrap_or_default();
        let allowed = match &object.spec.requester {
            _ if object.spec.action.is_cluster_wide() && namespace != self.namespace => {
                Err(Failure::WrongNamespace(self.namespace.clone()))
            }
            Some(requester) => review(&self.client, requester, wanted.permission(), &namespace).await,
            None => Err(Failure::Unstamped(stamp::Unstamped::Missing)),
        };
        // Whoever may not have it done learns nothing of the VaultSecret, not even whether there is one.
        let begun = object
            .status
            .as_ref()
            .is_some_and(|status| status.base_revision.is_some());
        let target = match wanted.vault_secret().filter(|_| allowed.is_ok() || begun) {
            Some(name) => self.look(&namespace, name).await.map(Some),
            None => Ok(None),
        };
        Observed {
            object,
            now,
            demand,
            vouched,
            allowed,
            target,
        }
    }

    fn vouch(&self, object: &VaultRequest) -> Result<(), Failure> {
        let requester = stamp::verify(&*self.key, object).map_err(Failure::Unstamped)?;
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        match self.bounds.seen.take(&requester.mac, uid, Instant::now()) {
            Taken::Ours => Ok(()),
            Taken::Theirs => Err(Failure::StampTaken),
            Taken::Full => Err(Failure::Internal("too many requests".to_owned())),
        }
    }

    async fn look(&self, namespace: &str, name: &str) -> Result<Target, Failure> {
        let api: Api<VaultSecret> = Api::namespaced(self.client.clone(), namespace);
        let missing = || Failure::NotFound(name.to_owned());
        let object = match api.get(name).await.map_err(Fault::from) {
            Ok(object) if object.metadata.deletion_timestamp.is_none() => object,
            Ok(_) | Err(Fault::NotFound) => return Err(missing()),
            Err(fault) => return Err(Failure::Cluster(fault)),
        };
        let uid = object.uid().ok_or_else(missing)?;
        let described = match object.status.as_ref().and_then(remembered) {
            Some((revision, digest)) => self.vault.check(&uid, revision, &digest).await?,
            None => self.vault.describe(&uid).await?,
        };
        let described = described.ok_or_else(|| Failure::NothingStored(name.to_owned()))?;
        let Described {
            revision, history, ..
        } = described;
        Ok(Target {
            uid,
            revision,
            history,
            restored_from: described.restored_from,
            object,
        })
    }
}
