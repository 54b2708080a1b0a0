//! `splitvault history`: the revisions of a VaultSecret, from its status.

use kube::Api;
use serde_json::json;
use splitvault_api::VaultSecret;

use crate::args::{History, TableFormat};
use crate::cluster::{self, Connection, chain};
use crate::fault::Fault;
use crate::output;
use crate::request::unreachable;

/// Prints the revisions, newest first.
pub(crate) fn history(args: &History) -> Result<(), Fault> {
    let (namespace, object) = cluster::block_on(async {
        let at = Connection::open(&args.cluster).await?;
        let namespace = args.namespace.clone().unwrap_or_else(|| at.namespace.clone());
        let object = fetch(&at, &namespace, &args.name).await?;
        Ok((namespace, object))
    })?;
    let revisions = revisions(&object);
    if revisions.is_empty() {
        return Err(Fault::failure(format!(
            "VaultSecret {namespace}/{} has no revision yet",
            args.name
        ))
        .next(format!(
            "see why: kubectl -n {namespace} get vaultsecret {}",
            args.name
        )));
    }
    let text = match args.output {
        TableFormat::Table => table(&revisions),
        TableFormat::Json => {
            let each = |revision: &Revision| {
                json!({
                    "revision": revision.number, "entries": revision.entries, "current": revision.current,
                    "restoredFrom": revision.restored_from,
                })
            };
            let all: Vec<_> = revisions.iter().map(each).collect();
            format!("{:#}\n", json!(all))
        }
    };
    output::print(text.as_bytes())
}

/// A revision that is kept.
pub(crate) struct Revision {
    pub(crate) number: i64,
    pub(crate) entries: i64,
    pub(crate) current: bool,
    pub(crate) restored_from: Option<i64>,
}

/// All that a status tells of, newest first.
pub(crate) fn revisions(object: &VaultSecret) -> Vec<Revision> {
    let Some(status) = &object.status else {
        return Vec::new();
    };
    let current = status.revision.map(|number| Revision {
        number,
        entries: status.entries.unwrap_or_default(),
        current: true,
        restored_from: status.restored_from,
    });
    let past = status.history.iter().map(|entry| Revision {
        number: entry.revision,
        entries: entry.entries,
        current: false,
        restored_from: None,
    });
    current.into_iter().chain(past).collect()
}

/// A VaultSecret as the cluster has it.
pub(crate) async fn fetch(at: &Connection, namespace: &str, name: &str) -> Result<VaultSecret, Fault> {
    let api: Api<VaultSecret> = Api::namespaced(at.client.clone(), namespace);
    api.get(name).await.map_err(|error| {
        let kube::Error::Api(status) = &error else {
            return unreachable(&error, at);
        };
        let object = format!("VaultSecret {namespace}/{name}");
        match status.code {
            404 if !status.message.contains(name) => Fault::failure(format!(
                "the cluster knows no VaultSecrets: {}",
                status.message
            ))
            .next(
                "is Splitvault installed, and of this version? kubectl get crd vaultsecrets.splitvault.dev",
            ),
            404 => Fault::failure(format!("{object} is not there: {}", status.message)).next(format!(
                "see what there is: kubectl -n {namespace} get vaultsecrets"
            )),
            403 => {
                Fault::failure(format!("{object} may not be read by you: {}", status.message)).next(format!(
                    "whoever administers the namespace grants it: kubectl -n {namespace} create rolebinding \
                 splitvault-requester --clusterrole=splitvault-requester --user=YOU"
                ))
            }
            401 => Fault::failure(format!("{object} was refused: you are not logged in"))
                .next("log in to the cluster again"),
            _ => Fault::failure(format!("{object} cannot be read: {}", chain(&error))),
        }
    })
}

fn table(revisions: &[Revision]) -> String {
    let mut text = format!("{:>8}  {:>9}  {}\n", "REVISION", "VARIABLES", "NOTE");
    for revision in revisions {
        let note = match (revision.current, revision.restored_from) {
            (true, Some(from)) => format!("current, with the content of revision {from}"),
            (true, None) => "current".to_owned(),
            (false, _) => String::new(),
        };
        let line = format!("{:>8}  {:>9}  {note}", revision.number, revision.entries);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
