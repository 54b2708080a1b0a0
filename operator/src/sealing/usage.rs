//! Which sealing keys the VaultSecrets of the cluster need. Reads lists, one small page at a time, and keeps of each
//! object nothing but the id of its key.

use std::collections::HashSet;

use kube::api::{ApiResource, ListParams, NotUsed, Object};
use kube::{Api, Client};
use serde::Deserialize;
use splitvault_api::VaultSecret;

use crate::fault::Fault;

/// VaultSecrets on one page; each may hold a payload of a megabyte, which arrives though it is not kept.
const PAGE: u32 = 8;

#[derive(Debug, Clone, Deserialize)]
struct Spec {
    source: Option<Source>,
}

#[derive(Debug, Clone, Deserialize)]
struct Source {
    sealed: Option<Sealed>,
}

#[derive(Debug, Clone, Deserialize)]
struct Sealed {
    #[serde(rename = "keyID")]
    key_id: String,
}

/// The ids of all keys that some object is sealed to.
///
/// # Errors
/// As the API server has them: then nothing is known.
pub(super) async fn needed(client: &Client) -> Result<HashSet<String>, Fault> {
    let kind = ApiResource::erase::<VaultSecret>(&());
    let api: Api<Object<Spec, NotUsed>> = Api::all_with(client.clone(), &kind);
    let (mut page, mut needed) = (ListParams::default().limit(PAGE), HashSet::new());
    loop {
        let found = api.list(&page).await.map_err(Fault::from)?;
        let sealed = found
            .items
            .into_iter()
            .filter_map(|object| object.spec.source?.sealed);
        needed.extend(sealed.map(|sealed| sealed.key_id));
        match found.metadata.continue_ {
            Some(next) if !next.is_empty() => page.continue_token = Some(next),
            _ => return Ok(needed),
        }
    }
}
