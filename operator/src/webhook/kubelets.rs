//! What every kubelet of the cluster can do, by the versions of the API server and of the nodes.
//!
//! Kubelets may be up to three minor versions older than the API server (the version skew policy). One that does not know
//! a field takes it for an empty one and starts the container all the same, so the oldest decides.

use std::time::Duration;

use http::header::ACCEPT;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::lookup::PATIENCE;

/// After which the cluster may have been upgraded, or have nodes that are older.
const RECALL: Duration = Duration::from_secs(600);
/// The first version whose kubelets read environment files unless told not to (KEP-3721).
const ENVIRONMENT_FILES: Version = Version(1, 35);
/// The first version whose kubelets restart all containers of a pod in place unless told not to (KEP-5532).
const RESTART_IN_PLACE: Version = Version(1, 36);
/// Nodes of a page, as lines of the table that `kubectl get nodes` prints: some 300 bytes each instead of 10 KiB.
const NODES: &str = "/api/v1/nodes?resourceVersion=0&limit=500&includeObject=None";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
/// The column with kubelet's version.
const COLUMN: &str = "Version";

/// Major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

/// What kubelets can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) environment_files: bool,
    pub(super) restart_in_place: bool,
}

/// Knows the answer for a while.
#[derive(Debug, Default)]
pub(super) struct Kubelets(Mutex<Option<(Instant, Abilities)>>);

impl Kubelets {
    /// Asks the API server, or remembers.
    ///
    /// # Errors
    /// When the API server does not answer and never did.
    pub(super) async fn look(&self, client: &Client) -> Result<Abilities, kube::Error> {
        let mut known = self.0.lock().await;
        if let Some((when, abilities)) = *known
            && when.elapsed() < RECALL
        {
            return Ok(abilities);
        }
        let oldest = timeout(PATIENCE, oldest(client)).await;
        let oldest = oldest.unwrap_or_else(|late| Err(kube::Error::Service(Box::new(late))));
        match (oldest, *known) {
            (Ok(version), _) => {
                let abilities = Abilities::of(version);
                *known = Some((Instant::now(), abilities));
                Ok(abilities)
            }
            (Err(_), Some((_, abilities))) => Ok(abilities),
            (Err(error), None) => Err(error),
        }
    }
}

impl Abilities {
    fn of(oldest: Version) -> Self {
        Self {
            environment_files: oldest >= ENVIRONMENT_FILES,
            restart_in_place: oldest >= RESTART_IN_PLACE,
        }
    }
}

impl Version {
    /// Some distributions write `35+`.
    fn of_server(info: &Info) -> Self {
        Self(number(&info.major), number(&info.minor))
    }

    /// `v1.37.2`, and whatever distributions put behind that.
    fn of_kubelet(text: &str) -> Self {
        let mut parts = text.trim_start_matches('v').split('.').map(number);
        Self(parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}

/// The digits that a text begins with; 0 without any, which is older than everything.
fn number(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

/// The least version of API server and kubelets.
async fn oldest(client: &Client) -> Result<Version, kube::Error> {
    let mut oldest = Version::of_server(&client.apiserver_version().await?);
    let mut next = String::new();
    loop {
        let page = http::Request::get(format!("{NODES}{next}")).header(ACCEPT, TABLE);
        let page = page.body(Vec::new()).map_err(kube::Error::HttpError)?;
        let page: Table = match client.request(page).await {
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!(
                    "RBAC does not let the operator list nodes: it relies on nothing that old kubelets lack"
                );
                return Ok(Version(0, 0));
            }
            page => page?,
        };
        oldest = page.versions().fold(oldest, Version::min);
        match page.metadata.r#continue {
            // It is base64url without padding, so it needs no escaping.
            Some(more) if !more.is_empty() => next = format!("&continue={more}"),
            _ => return Ok(oldest),
        }
    }
}

/// A list as `kubectl get` prints it (`meta.k8s.io/v1`, Table).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    metadata: Page,
    #[serde(default)]
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Page {
    r#continue: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Row {
    cells: Vec<serde_json::Value>,
}

impl Table {
    /// One for each row; one that cannot be read counts as older than all.
    fn versions(&self) -> impl Iterator<Item = Version> {
        let place = self
            .column_definitions
            .iter()
            .position(|column| column.name == COLUMN);
        let cell = move |row: &Row| row.cells.get(place?)?.as_str().map(Version::of_kubelet);
        self.rows
            .iter()
            .map(move |row| cell(row).unwrap_or(Version(0, 0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ability_is_there_from_its_version_on() {
        let of = |version| {
            let abilities = Abilities::of(version);
            (abilities.environment_files, abilities.restart_in_place)
        };
        for version in [Version(1, 36), Version(1, 37), Version(2, 0)] {
            assert_eq!(of(version), (true, true), "{version:?}");
        }
        assert_eq!(of(Version(1, 35)), (true, false));
        for version in [Version(1, 34), Version(1, 9), Version(0, 99)] {
            assert_eq!(of(version), (false, false), "{version:?}");
        }
    }

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        let server = |major: &str, minor: &str| {
            Version::of_server(&Info {
                major: major.to_owned(),
                minor: minor.to_owned(),
                ..Info::default()
            })
        };
        assert_eq!(server("1", "37+"), Version(1, 37));
        assert_eq!(server("", ""), Version(0, 0));
        assert_eq!(server("x", "99"), Version(0, 99));
        for (text, version) in [
            ("v1.37.2", Version(1, 37)),
            ("v1.34.1-eks-1a2b3c4", Version(1, 34)),
            ("v1.35.0+k3s1", Version(1, 35)),
            ("1.36", Version(1, 36)),
            ("v1", Version(1, 0)),
            ("", Version(0, 0)),
            ("unknown", Version(0, 0)),
            ("v99999999999.1", Version(0, 1)),
        ] {
            assert_eq!(Version::of_kubelet(text), version, "{text}");
        }
    }

    #[test]
    fn a_row_without_a_version_is_older_than_all() {
        let table = |text: &str| serde_json::from_str::<Table>(text).unwrap();
        let columns = r#""columnDefinitions": [{"name": "Name"}, {"name": "Version"}]"#;
        let rows = r#""rows": [{"cells": ["a", "v1.37.2"]}, {"cells": ["b"]}, {"cells": ["c", 1]}]"#;
        let versions: Vec<_> = table(&format!("{{\"metadata\": {{}}, {columns}, {rows}}}"))
            .versions()
            .collect();
        assert_eq!(versions, [Version(1, 37), Version(0, 0), Version(0, 0)]);
        assert_eq!(
            table(&format!("{{\"metadata\": {{}}, {rows}}}")).versions().min(),
            Some(Version(0, 0))
        );
        assert_eq!(
            table("{\"metadata\": {\"continue\": \"\"}}").versions().count(),
            0
        );
    }
}
