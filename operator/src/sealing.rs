//! Sealing keys: published for `splitvault seal`, replaced at their age, and destroyed when nobody needs them.
//!
//! The pairs themselves are the vault's; here is when, and who is told.

mod life;
mod pace;
mod usage;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use splitvault_crypto::sealing::PublicKey;

use crate::fault::Fault;

pub use life::{Life, LifeError};
pub use pace::Pace;

/// The ConfigMap's name.
pub const CONFIG_MAP: &str = "splitvault-sealing-keys";
/// Its key for the public key to seal to now, in text form.
pub const CURRENT: &str = "current";
/// Its key for the id of that one, as manifests have it.
const CURRENT_ID: &str = "current-id";
/// In front of the id of each older one that still opens.
const OLDER: &str = "older-";

/// Makes the ConfigMap tell of these keys, the current one first; writes nothing when it does.
///
/// # Errors
/// As the API server has them.
pub async fn publish(client: &Client, namespace: &str, keys: &[&PublicKey]) -> Result<(), Fault> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let data = data(keys);
    let found = api.get_opt(CONFIG_MAP).await?;
    if found.and_then(|found| found.data).as_ref() == Some(&data) {
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
        "data": data,
    });
    let params = PatchParams::apply(crate::MANAGER).force();
    api.patch(CONFIG_MAP, &params, &Patch::Apply(wanted)).await?;
    tracing::info!("published the sealing keys");
    Ok(())
}

fn data(keys: &[&PublicKey]) -> BTreeMap<String, String> {
    let mut keys = keys.iter();
    let current = keys.next().into_iter().flat_map(|key| {
        [
            (CURRENT.to_owned(), key.to_text()),
            (CURRENT_ID.to_owned(), key.id().to_string()),
        ]
    });
    let mut data: BTreeMap<_, _> = current.collect();
    data.extend(keys.map(|key| (format!("{OLDER}{}", key.id()), key.to_text())));
    data
}

#[cfg(test)]
mod tests {
    use splitvault_crypto::sealing::{Algorithm, KeyPair};

    use super::*;
    use crate::fixture::Server;

    #[tokio::test]
    async fn all_keys_are_published_and_the_same_ones_once() {
        let (server, path) = (
            Server::default(),
            "/api/v1/namespaces/vault/configmaps/splitvault-sealing-keys",
        );
        let pairs: [_; 2] = std::array::from_fn(|_| KeyPair::make(Algorithm::XWing).unwrap());
        let [new, old] = pairs.each_ref().map(KeyPair::public);
        publish(&server.client(), "vault", &[old]).await.unwrap();
        publish(&server.client(), "vault", &[new, old]).await.unwrap();
        let told = server.object(path)["data"].clone();
        let expected = json!({
            "current": new.to_text(),
            "current-id": new.id().to_string(),
            format!("older-{}", old.id()): old.to_text(),
        });
        assert_eq!(told, expected);
        server.asked();
        publish(&server.client(), "vault", &[new, old]).await.unwrap();
        assert_eq!(server.asked(), [format!("GET {path}")]);
    }
}
