//! The pod that asks, as the API server has it: only what is looked at, for most of a pod is of no interest here.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::api::GetParams;
use kube::core::Request;
use kube::{Client, Resource as _};
use serde::Deserialize;

use super::Caller;

/// Parts of a Pod, named as in its own documentation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AskingPod {
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) spec: Spec,
    #[serde(default)]
    pub(super) status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) uid: Option<String>,
    pub(super) deletion_timestamp: Option<String>,
    #[serde(default, deserialize_with = "null_is_none")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_none")]
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) service_account_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Status {
    pub(super) phase: Option<String>,
}

/// The pod of this name; `None` when there is none.
///
/// # Errors
/// When the API server has no answer, or another than a pod.
pub(super) async fn pod(client: &Client, caller: &Caller) -> Result<Option<AskingPod>, kube::Error> {
    let request = Request::new(Pod::url_path(&(), Some(&caller.namespace)));
    let request = request.get(&caller.pod, &GetParams::default());
    let request = request.map_err(kube::Error::BuildRequest)?;
    match client.request(request).await {
        Ok(pod) => Ok(Some(pod)),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn null_is_none<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}
