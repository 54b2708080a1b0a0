//! Publishes the public sealing key, for `splitvault seal`: the ConfigMap `splitvault-sealing-keys`.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use splitvault_crypto::sealing::PublicKey;

use crate::fault::Fault;

/// The ConfigMap's name.
pub const CONFIG_MAP: &str = "splitvault-sealing-keys";
/// Its key for the public key to seal to now, in text form.
pub const CURRENT: &str = "current";

/// Makes the ConfigMap say `key`; writes nothing when it does.
///
/// # Errors
/// As the API server has them.
pub async fn publish(client: &Client, namespace: &str, key: &PublicKey) -> Result<(), Fault> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let text = key.to_text();
    let found = api.get_opt(CONFIG_MAP).await?;
    let published = found.and_then(|found| found.data?.remove(CURRENT));
    if published.as_deref() == Some(&*text) {
        return Ok(());
    }
    let wanted = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": CONFIG_MAP,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": crate::MANAGER},
        },
        "data": {CURRENT: text},
    });
    let params = PatchParams::apply(crate::MANAGER).force();
    api.patch(CONFIG_MAP, &params, &Patch::Apply(wanted)).await?;
    tracing::info!("published the sealing key");
    Ok(())
}
