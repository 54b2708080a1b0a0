//! Which workloads have pods that were admitted with an older content than there is.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{GetParams, ListParams};
use kube::{Api, Client};
use splitvault_api::annotations;

use super::Change;
use super::plan::Kind;
use super::tag::{self, Tags};
use crate::fault::Fault;

/// Pods on one page; the metadata of one has some two kilobytes.
const PAGE: u32 = 500;

/// A workload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Workload {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) uid: String,
}

/// The workloads of a namespace that have to be rolled, each with the changes that its pods lack.
///
/// # Errors
/// As the API server has them.
pub(super) async fn outdated(
    client: &Client,
    namespace: &str,
    changes: &[Change],
) -> Result<BTreeMap<Workload, Tags>, Fault> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut owners: BTreeMap<(String, String, String, String), BTreeSet<usize>> = BTreeMap::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let found = pods.list_metadata(&page).await.map_err(Fault::from)?;
        for pod in &found.items {
            let lacking = lacking(&pod.metadata, changes);
            if let Some(owner) = controller(&pod.metadata).filter(|_| !lacking.is_empty()) {
                let owner = owner.clone();
                let key = (owner.api_version, owner.kind, owner.name, owner.uid);
                owners.entry(key).or_default().extend(lacking);
            }
        }
        match found.metadata.continue_ {
            Some(next) if !next.is_empty() => page.continue_token = Some(next),
            _ => break,
        }
    }
    let mut workloads: BTreeMap<Workload, Tags> = BTreeMap::new();
    for ((api_version, kind, name, uid), lacking) in owners {
        let owner = OwnerReference {
            api_version,
            kind,
            name,
            uid,
            ..OwnerReference::default()
        };
        if let Some(workload) = workload(client, namespace, owner).await? {
            let tags = lacking.into_iter().filter_map(|at| changes.get(at));
            let tags = tags.map(|one| (one.name.clone(), tag::change(&one.uid, one.revision, &one.digest)));
            workloads.entry(workload).or_default().0.extend(tags);
        }
    }
    Ok(workloads)
}

/// Which of the changes a pod asks for and was admitted without. One that was not injected is another matter, and so is one
/// on its way out.
fn lacking(pod: &ObjectMeta, changes: &[Change]) -> Vec<usize> {
    let annotations = pod.annotations.as_ref();
    let text = |name: &str| annotations.and_then(|all| all.get(name)).map(String::as_str);
    let (Some(asked), Some(_), None) = (
        text(annotations::INJECT),
        text(annotations::INJECTED),
        &pod.deletion_timestamp,
    ) else {
        return Vec::new();
    };
    let had = Tags::parse(text(annotations::CONTENT));
    let names: BTreeSet<_> = asked.split(',').map(str::trim).collect();
    let lacks = |change: &Change| {
        let same = |tag: &String| *tag == tag::content(&change.uid, &change.digest);
        names.contains(change.name.as_str()) && !had.0.get(&change.name).map_or(change.first, same)
    };
    let lacking = changes.iter().enumerate().filter(|(_, change)| lacks(change));
    lacking.map(|(at, _)| at).collect()
}

fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    let owners = metadata.owner_references.as_ref()?;
    owners.iter().find(|owner| owner.controller == Some(true))
}

/// The workload that makes the pods of this owner; `None` for what is left alone: Jobs, kinds that nobody knows, and
/// ReplicaSets that stand for themselves.
async fn workload(
    client: &Client,
    namespace: &str,
    owner: OwnerReference,
) -> Result<Option<Workload>, Fault> {
    let owner = if owner.api_version.starts_with("apps/") && owner.kind == "ReplicaSet" {
        let api: Api<ReplicaSet> = Api::namespaced(client.clone(), namespace);
        // It names the same owner as long as it lives, so a cache does.
        let found = api.get_metadata_with(&owner.name, &GetParams::at("0")).await;
        let set = match found.map_err(Fault::from) {
            Ok(set) => set,
            Err(Fault::NotFound) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        if set.metadata.uid.as_ref() != Some(&owner.uid) {
            return Ok(None);
        }
        controller(&set.metadata).cloned()
    } else {
        Some(owner)
    };
    Ok(owner.and_then(|owner| {
        let kind = Kind::of(&owner.api_version, &owner.kind)?;
        Some(Workload {
            kind,
            name: owner.name,
            uid: owner.uid,
        })
    }))
}
