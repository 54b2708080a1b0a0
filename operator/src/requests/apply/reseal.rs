//! Sealing a VaultSecret's own payload to the newest key, so that the manifest in Git can be mended.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::ResourceExt as _;
use splitvault_api::{Outcome, Sealed, SealedPayload};
use splitvault_crypto::sealing::{Context as Purpose, sealed_key_id};

use super::Target;
use crate::requests::status::{Said, Verdict};
use crate::requests::{Context, Failure};

impl Context {
    pub(super) async fn reseal(&self, target: &Target) -> Result<Verdict, Failure> {
        let object = &target.object;
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let source = object.spec.source.as_ref();
        let sealed = source.and_then(|source| source.sealed.as_ref());
        let sealed = sealed.ok_or_else(|| Failure::NotSealed(name.clone()))?;
        let payload = SealedPayload::try_from(sealed).map_err(Failure::Payload)?;
        let keys = self.vault.sealing_keys();
        let refused = || Failure::SealedInvalid(name.clone());
        let newest = keys
            .first()
            .ok_or_else(|| Failure::Internal("there is no sealing key".to_owned()))?;
        let newest_id = newest.id().to_string();
        if payload.key_id == newest_id {
            let said = Said {
                payload: Some(sealed.clone()),
                ..Said::default()
            };
            let message = format!("sealed to key {newest_id}, the newest, already");
            return Ok(Verdict::new(Outcome::Done, message, said));
        }
        let _turn = self.bounds.reveals.acquire().await;
        let id = sealed_key_id(&payload.bytes).ok_or_else(refused)?;
        let key = keys.iter().find(|key| key.id() == id).ok_or_else(refused)?;
        let purpose = Purpose::Manifest {
            namespace: &namespace,
            name: &name,
        };
        let text = key.open(&purpose, &payload.bytes).map_err(|_| refused())?;
        // EXPOSE: sealed again at once, for the same namespace and name.
        let again = newest.public().seal(&purpose, text.expose());
        let again = again.map_err(|_| Failure::Internal("the operator cannot encrypt".to_owned()))?;
        let said = Said {
            payload: Some(Sealed {
                key_id: newest_id.clone(),
                payload: STANDARD.encode(again),
            }),
            ..Said::default()
        };
        let message = format!("sealed to key {newest_id}; before, to {}", payload.key_id);
        Ok(Verdict::new(Outcome::Done, message, said))
    }
}
