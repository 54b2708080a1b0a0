//! What is observed about one VaultSecret. Reads only, and asks as little of etcd as it can.

use kube::ResourceExt as _;
use splitvault_api::{Desired, DesiredSource, VaultSecret};
use tokio::sync::SemaphorePermit;

use super::failure::Failure;
use super::plan::Observed;
use super::source::{self, Found};
use super::{Context, stored};
use crate::secret::Version;

impl Context {
    /// With what keeps the room that the payload takes.
    pub(super) async fn observe(&self, mut object: VaultSecret) -> (Observed, Option<SemaphorePermit<'_>>) {
        let mut desired = Desired::try_from(&object.spec);
        if let Some(sealed) = object
            .spec
            .source
            .as_mut()
            .and_then(|source| source.sealed.as_mut())
        {
            // It is in `desired` as well, decoded.
            sealed.payload = String::new();
        }
        let source = desired.as_mut().ok().and_then(|desired| desired.source.take());
        let leaving = object.metadata.deletion_timestamp.is_some();
        let held = if leaving {
            Ok(None)
        } else {
            stored::look(&self.vault, &object).await
        };
        let wanted = !leaving && held.is_ok() && desired.as_ref().is_ok_and(|desired| !desired.suspend);
        let source = source.filter(|_| wanted);
        let is_current = |found: &Found| match (&desired, &held) {
            (Ok(desired), Ok(Some(held))) => {
                held.keeps_at_most(desired.history_limit)
                    && held.is_made_from(&found.identity(&desired.generate))
            }
            _ => false,
        };
        let followed = match (&source, &held) {
            (Some(DesiredSource::SecretRef(name)), Ok(Some(_))) => Some(name.clone()),
            _ => None,
        };
        let version = if followed.is_some() {
            Version::Any
        } else {
            Version::Newest
        };
        let mut found = self.find(&object, source, version).await;
        let mut room = self.room.for_payload(size(&found)).await;
        let mut current = found.as_ref().is_ok_and(is_current);
        // A cache may lag behind: before anything is written, what it says is made sure of.
        if let Some(name) = followed.filter(|_| found.is_ok() && !current) {
            let source = Some(DesiredSource::SecretRef(name));
            found = self.find(&object, source, Version::Newest).await;
            if room.is_none() {
                room = self.room.for_payload(size(&found)).await;
            }
            current = found.as_ref().is_ok_and(is_current);
        }
        let observed = Observed {
            object,
            desired,
            stored: held.map(|held| held.map(|held| held.stored)),
            found,
            current,
        };
        (observed, room)
    }

    async fn find(
        &self,
        object: &VaultSecret,
        source: Option<DesiredSource>,
        version: Version,
    ) -> Result<Found, Failure> {
        let _reading = self.room.to_read().await;
        let namespace = object.namespace().unwrap_or_default();
        source::find(&self.client, &namespace, source, version, &self.grantee).await
    }
}

fn size(found: &Result<Found, Failure>) -> usize {
    found.as_ref().map_or(0, Found::size)
}
