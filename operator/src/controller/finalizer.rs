//! The finalizer, and the object under it.

use json_patch::jsonptr::PointerBuf;
use json_patch::{PatchOperation, RemoveOperation, TestOperation};
use kube::api::{GetParams, Patch, PatchParams};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::{Value, json};
use splitvault_api::VaultSecret;

use super::{FINALIZER, Meta};
use crate::fault::Fault;
use crate::secret::Version;

/// The object as it is now, or in [`Version::Any`] not older than the watch knows it, with our finalizer unless it is
/// being deleted: nothing is stored for an object that could vanish unnoticed. `None` when it is gone.
///
/// # Errors
/// As the API server has them.
pub(super) async fn claim(
    client: &Client,
    meta: &Meta,
    version: Version,
) -> Result<Option<VaultSecret>, Fault> {
    let (name, namespace) = (meta.name_any(), meta.namespace().unwrap_or_default());
    let api: Api<VaultSecret> = Api::namespaced(client.clone(), &namespace);
    if is_claimed(meta.finalizers()) || meta.metadata.deletion_timestamp.is_some() {
        // Not older than what the watch has told, which the API server has in its cache.
        let known = meta.resource_version().filter(|_| version == Version::Any);
        let params = known.map_or_else(GetParams::default, |version| GetParams::at(&version));
        return match api.get_with(&name, &params).await.map_err(Fault::from) {
            Ok(found) => Ok(Some(found).filter(|found| found.metadata.uid == meta.metadata.uid)),
            Err(Fault::NotFound) => Ok(None),
            Err(fault) => Err(fault),
        };
    }
    let patch = json!({
        "apiVersion": VaultSecret::api_version(&()),
        "kind": VaultSecret::kind(&()),
        // With the UID, an object that is gone meanwhile is not made again.
        "metadata": {"name": name, "namespace": namespace, "uid": meta.uid(), "finalizers": [FINALIZER]},
    });
    let params = PatchParams::apply(crate::MANAGER).force();
    match api
        .patch(&name, &params, &Patch::Apply(patch))
        .await
        .map_err(Fault::from)
    {
        Ok(object) => Ok(Some(object)),
        // Gone, or another object of that name, which the watch will tell of.
        Err(Fault::NotFound | Fault::Conflict) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Whether ours is among them.
pub(super) fn is_claimed(finalizers: &[String]) -> bool {
    finalizers.iter().any(|name| name == FINALIZER)
}

/// Takes our finalizer away, whoever set it, and nobody else's.
///
/// # Errors
/// As the API server has them; [`Fault::Conflict`] when the list changed meanwhile. An object that is gone is none.
pub(super) async fn release(client: &Client, object: &VaultSecret) -> Result<(), Fault> {
    let Some(at) = object.finalizers().iter().position(|name| name == FINALIZER) else {
        return Ok(());
    };
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let path = |tokens: &[&str]| PointerBuf::from_tokens(tokens.iter().copied());
    let ours = path(&["metadata", "finalizers", &at.to_string()]);
    let test = |path, value| PatchOperation::Test(TestOperation { path, value });
    let patch = json_patch::Patch(vec![
        test(path(&["metadata", "uid"]), Value::from(object.uid())),
        test(ours.clone(), Value::from(FINALIZER)),
        PatchOperation::Remove(RemoveOperation { path: ours }),
    ]);
    let api: Api<VaultSecret> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams::default();
    match api
        .patch(&name, &params, &Patch::Json::<()>(patch))
        .await
        .map_err(Fault::from)
    {
        Ok(_) | Err(Fault::NotFound) => Ok(()),
        Err(Fault::Refused(422)) => Err(Fault::Conflict),
        Err(fault) => Err(fault),
    }
}
