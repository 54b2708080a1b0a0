//! Puts the CA bundle where the API server reads it: into the two webhook configurations.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::PkiError;
use crate::fault::Fault;

/// Both webhook configurations have this name.
const NAME: &str = "splitvault";

/// How both configurations were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// One of them is not there; Helm makes them after the operator.
    Absent,
    /// They have the bundle, but one of them only since now.
    Now,
    /// They had it before.
    Before,
}

/// Sees to it that both configurations have the bundle, as far as they are there.
pub(super) async fn publish(client: &Client, bundle: &str) -> Result<Published, PkiError> {
    let mut state = Published::Before;
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let found = mutating
        .get_opt(NAME)
        .await
        .map_err(failed("read the mutating webhook"))?;
    let hooks = found.as_ref().and_then(|found| found.webhooks.as_ref());
    let hooks = hooks
        .into_iter()
        .flatten()
        .map(|hook| (hook.name.as_str(), &hook.client_config));
    if let Some(patch) = plan("MutatingWebhookConfiguration", &hooks.collect::<Vec<_>>(), bundle) {
        let written = mutating.patch(NAME, &params(), &Patch::Apply(patch)).await;
        written.map_err(failed("patch the mutating webhook"))?;
        state = Published::Now;
    }
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let other = validating
        .get_opt(NAME)
        .await
        .map_err(failed("read the validating webhook"))?;
    let hooks = other.as_ref().and_then(|found| found.webhooks.as_ref());
    let hooks = hooks
        .into_iter()
        .flatten()
        .map(|hook| (hook.name.as_str(), &hook.client_config));
    if let Some(patch) = plan(
        "ValidatingWebhookConfiguration",
        &hooks.collect::<Vec<_>>(),
        bundle,
    ) {
        let written = validating.patch(NAME, &params(), &Patch::Apply(patch)).await;
        written.map_err(failed("patch the validating webhook"))?;
        state = Published::Now;
    }
    let both = found.is_some() && other.is_some();
    Ok(if both { state } else { Published::Absent })
}

/// The server-side apply that sets the bundle and nothing else; `None` when it is there already.
fn plan(kind: &str, hooks: &[(&str, &WebhookClientConfig)], bundle: &str) -> Option<Value> {
    let current = |config: &WebhookClientConfig| {
        config
            .ca_bundle
            .as_ref()
            .is_some_and(|b| b.0 == bundle.as_bytes())
    };
    if hooks.iter().all(|(_, config)| current(config)) {
        return None;
    }
    let bundle = STANDARD.encode(bundle);
    let hook = |name: &str| json!({"name": name, "clientConfig": {"caBundle": bundle}});
    let hooks: Vec<Value> = hooks.iter().map(|(name, _)| hook(name)).collect();
    Some(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": NAME},
        "webhooks": hooks,
    }))
}

fn params() -> PatchParams {
    PatchParams::apply(crate::MANAGER).force()
}

fn failed(doing: &'static str) -> impl Fn(kube::Error) -> PkiError {
    move |error| PkiError::Cluster {
        doing,
        fault: Fault::from(error),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn config(bundle: Option<&str>) -> WebhookClientConfig {
        WebhookClientConfig {
            ca_bundle: bundle.map(|bundle| ByteString(bundle.as_bytes().to_vec())),
            ..WebhookClientConfig::default()
        }
    }

    #[test]
    fn a_bundle_that_is_there_is_not_written_again() {
        assert_eq!(plan("K", &[("a", &config(Some("PEM")))], "PEM"), None);
        assert_eq!(plan("K", &[], "PEM"), None);
    }

    #[test]
    fn one_old_bundle_is_replaced_and_nothing_else_is_touched() {
        let (new, old) = (config(Some("PEM")), config(None));
        let patch = plan("K", &[("a", &new), ("b", &old)], "PEM").unwrap();
        let expected = json!([
            {"name": "a", "clientConfig": {"caBundle": "UEVN"}},
            {"name": "b", "clientConfig": {"caBundle": "UEVN"}},
        ]);
        assert_eq!(patch["webhooks"], expected);
        assert_eq!(patch.as_object().unwrap().len(), 4);
    }
}
