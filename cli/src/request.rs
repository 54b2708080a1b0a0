//! Asking the operator by a VaultRequest, and waiting for what comes of it. The user's kubeconfig is all there is.

mod follow;
mod refusal;

use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use splitvault_api::{COMPLETE, Demand, VaultRequest, VaultRequestSpec};
use splitvault_crypto::Id;

use crate::args::{ResultFormat, Waiting};
use crate::cluster::Connection;
use crate::fault::Fault;
use crate::output;

pub(crate) use refusal::{grant, unreachable};

/// What is asked for, where, and how long it is waited for.
pub(crate) struct Ask<'a> {
    pub(crate) at: &'a Connection,
    pub(crate) namespace: &'a str,
    pub(crate) spec: VaultRequestSpec,
}

impl Ask<'_> {
    /// Asks, and prints what came of it, or that the operator has it now.
    pub(crate) async fn run(self, waiting: Waiting) -> Result<(), Fault> {
        let asked = self.create().await?;
        if waiting.wait {
            let done = follow::follow(self.at, &asked, waiting.timeout).await?;
            return print(&done, waiting.output);
        }
        if waiting.output == ResultFormat::Text {
            output::note(format_args!("the operator has it; {}", look(&asked)));
        }
        print(&asked, waiting.output)
    }

    /// Asks, and answers the request once it is done.
    pub(crate) async fn answer(self, timeout: std::time::Duration) -> Result<VaultRequest, Fault> {
        let asked = self.create().await?;
        follow::follow(self.at, &asked, timeout).await
    }

    async fn create(&self) -> Result<VaultRequest, Fault> {
        let api: Api<VaultRequest> = Api::namespaced(self.at.client.clone(), self.namespace);
        let object = VaultRequest::new(&name(&self.spec)?, self.spec.clone());
        let demand = Demand::try_from(&self.spec).map_err(|error| Fault::usage(error.to_string()))?;
        let created = api.create(&PostParams::default(), &object).await;
        let created = created.map_err(|error| refusal::create(&error, self, &demand))?;
        if created.spec.requester.is_none() {
            forget(self.at, &created).await;
            return Err(refusal::unstamped(self));
        }
        Ok(created)
    }
}

/// Takes a request away once its answer is here.
pub(crate) async fn forget(at: &Connection, request: &VaultRequest) {
    let (Some(namespace), Some(name)) = (&request.metadata.namespace, &request.metadata.name) else {
        return;
    };
    let api: Api<VaultRequest> = Api::namespaced(at.client.clone(), namespace);
    // The operator does it a minute later in any case.
    drop(api.delete(name, &DeleteParams::default()).await);
}

/// How to look at a request.
pub(crate) fn look(request: &VaultRequest) -> String {
    let (namespace, name) = (&request.metadata.namespace, &request.metadata.name);
    format!(
        "look at it with: kubectl -n {} get vaultrequest {}",
        namespace.as_deref().unwrap_or("default"),
        name.as_deref().unwrap_or_default()
    )
}

/// What is done to which object, and eight random digits; at most 63 characters.
fn name(spec: &VaultRequestSpec) -> Result<String, Fault> {
    let id = Id::make()
        .map_err(|error| Fault::failure(error.to_string()))?
        .to_string();
    let mut what = spec.action.as_str().to_lowercase();
    if let Some(name) = &spec.vault_secret_name {
        what = format!("{what}-{name}");
    }
    let what: String = what.chars().take(54).collect();
    Ok(format!("{}-{}", what.trim_end_matches(['-', '.']), &id[..8]))
}

/// The sentence of the condition Complete.
pub(crate) fn message(request: &VaultRequest) -> Option<(&str, &str)> {
    let conditions = request.status.iter().flat_map(|status| &status.conditions);
    let complete = conditions
        .into_iter()
        .find(|condition| condition.type_ == COMPLETE)?;
    Some((&complete.reason, &complete.message))
}

fn print(request: &VaultRequest, format: ResultFormat) -> Result<(), Fault> {
    let spec = &request.spec;
    let (name, namespace) = (&request.metadata.name, &request.metadata.namespace);
    let (reason, message) = message(request).unwrap_or(("Pending", "not answered yet"));
    let status = request.status.as_ref();
    let text = match format {
        ResultFormat::Text => match &spec.vault_secret_name {
            Some(secret) => {
                format!(
                    "VaultSecret {}/{secret}: {message}\n",
                    namespace.as_deref().unwrap_or_default()
                )
            }
            None => format!("{}: {message}\n", spec.action.as_str()),
        },
        ResultFormat::Json => {
            let result = json!({
                "name": name, "namespace": namespace, "action": spec.action,
                "vaultSecretName": spec.vault_secret_name, "reason": reason, "message": message,
                "revision": status.and_then(|status| status.revision),
                "progress": status.and_then(|status| status.progress.as_ref()),
            });
            format!("{result:#}\n")
        }
    };
    output::print(text.as_bytes())
}
