//! A pod's pull secrets, read with the operator's own right, which an administrator grants one by one.

use std::time::Duration;

use futures::future::join_all;
use kube::Client;
use tokio::time::timeout;

use super::keyring::{Form, Keyring};
use crate::fault::Fault;
use crate::secret::{self, Version};

/// Pull secrets of one pod that are read.
const MOST: usize = 16;
/// For all of them.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a pod's pull secrets hold, and which of them could not be read.
#[derive(Debug, Default)]
pub struct PullSecrets {
    pub(super) keyring: Keyring,
    ungranted: Vec<String>,
}

/// The API server does not answer. Asking a registry as nobody instead would answer another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the API server does not answer")]
pub struct Late;

impl PullSecrets {
    /// Reads these, of this namespace, from the API server's cache. One that is not there, or of another type, is passed
    /// over, as kubelet does.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn read(client: &Client, namespace: &str, names: &[String]) -> Result<Self, Late> {
        let names = &names[..names.len().min(MOST)];
        let read = |name| {
            timeout(
                PATIENCE,
                secret::read_version(client, namespace, name, Version::Any),
            )
        };
        let read = join_all(names.iter().map(|name| read(name))).await;
        let mut all = Self::default();
        for (name, read) in names.iter().zip(read) {
            match read {
                Ok(Ok(Some(secret))) => all.add(&secret),
                Ok(Ok(None)) => {}
                Ok(Err(Fault::Forbidden)) => all.ungranted.push(name.clone()),
                Ok(Err(Fault::NotFound | Fault::Conflict | Fault::Refused(_) | Fault::Malformed)) => {}
                Ok(Err(Fault::Unavailable)) | Err(_) => return Err(Late),
            }
        }
        Ok(all)
    }

    fn add(&mut self, secret: &secret::Secret) {
        let (form, key) = match secret.kind.as_str() {
            "kubernetes.io/dockerconfigjson" => (Form::Json, ".dockerconfigjson"),
            "kubernetes.io/dockercfg" => (Form::Cfg, ".dockercfg"),
            _ => return,
        };
        if let Some(content) = secret.get(key) {
            // EXPOSE: parsed into credentials, which are wiped as well.
            self.keyring.add(form, content.expose());
        }
    }

    #[cfg(test)]
    pub(super) fn of(keyring: Keyring) -> Self {
        Self {
            keyring,
            ungranted: Vec::new(),
        }
    }

    /// What to grant, where the operator may not read a pull secret.
    #[must_use]
    pub fn advice(&self, namespace: &str) -> Option<String> {
        let names: Vec<_> = self.ungranted.iter().take(4).map(String::as_str).collect();
        (!names.is_empty()).then(|| {
            format!(
                "the operator may not read the pod's pull secret {}, so it asked without: an administrator grants it in \
                 imageLookup.pullSecrets of the chart, namespace {namespace}",
                names.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::reference::Reference;
    use super::*;
    use crate::fixture::Server;

    fn put(server: &Server, name: &str, kind: &str, key: &str) {
        use base64::Engine as _;
        let entries = json!({"a.example": {"username": name, "password": "CANARY"}});
        let content = if key == ".dockercfg" {
            entries
        } else {
            json!({"auths": entries})
        };
        let content = base64::engine::general_purpose::STANDARD.encode(content.to_string());
        let secret: Value = json!({"kind": "Secret", "type": kind, "metadata": {"name": name, "namespace": "shop", "resourceVersion": "1"},
            "data": {key: content}});
        server.put(&format!("/api/v1/namespaces/shop/secrets/{name}"), secret);
    }

    async fn read(server: &Server, names: &[&str]) -> Result<PullSecrets, Late> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        PullSecrets::read(&server.client(), "shop", &names).await
    }

    fn count(secrets: &PullSecrets) -> usize {
        secrets
            .keyring
            .of(&Reference::parse("a.example/b").unwrap())
            .len()
    }

    #[tokio::test]
    async fn both_types_are_read_and_others_passed_over() {
        let server = Server::default();
        put(
            &server,
            "json",
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
        );
        put(&server, "cfg", "kubernetes.io/dockercfg", ".dockercfg");
        put(&server, "opaque", "Opaque", ".dockerconfigjson");
        let secrets = read(&server, &["json", "cfg", "opaque", "missing", "../other"])
            .await
            .unwrap();
        assert_eq!((count(&secrets), secrets.advice("shop")), (2, None));
        assert!(!format!("{secrets:?}").contains("CANARY"));
    }

    #[tokio::test]
    async fn one_that_is_not_granted_is_told_by_name_with_the_value_to_set() {
        let server = Server::default();
        server.refuse("/api/v1/namespaces/shop/secrets/pull", 403);
        let secrets = read(&server, &["pull"]).await.unwrap();
        let advice = secrets.advice("shop").unwrap();
        assert!(
            advice.contains("pull secret pull,")
                && advice.contains("imageLookup.pullSecrets")
                && advice.ends_with("namespace shop")
        );
    }

    #[tokio::test]
    async fn an_api_server_that_is_away_is_not_taken_for_a_pod_without_secrets() {
        let server = Server::default();
        server.refuse("/api/v1/namespaces/shop/secrets/pull", 503);
        assert_eq!(read(&server, &["pull"]).await.unwrap_err(), Late);
    }
}
