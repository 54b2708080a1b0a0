//! Where a container sees the files.

use serde_json::{Value, json};
use splitvault_api::{Refresh, Request};
use splitvault_wire::pod as wire;

use super::containers::{Target, Way};

/// Where the container finds the files; kubelet needs no mount for those that it reads itself.
pub(super) fn of(target: &Target<'_>, request: &Request) -> Vec<Value> {
    let env = |path: &str| json!({"name": wire::ENV_VOLUME, "mountPath": path, "readOnly": true});
    match (target.way, &request.path) {
        (Way::Kubelet, _) => Vec::new(),
        (Way::Exec, _) => {
            vec![
                env(wire::ENV_DIRECTORY),
                json!({"name": wire::BIN_VOLUME, "mountPath": wire::BIN_DIRECTORY, "readOnly": true}),
            ]
        }
        (Way::File, None) => vec![env(wire::ENV_DIRECTORY)],
        (Way::File, Some(path)) => {
            let mut mount = env(mount_path(path, request.refresh));
            if request.refresh == Refresh::Once {
                mount["subPath"] = json!(wire::ENV_FILE);
            }
            vec![mount]
        }
    }
}

/// A file that stays as it is is mounted by itself. One that is replaced by rename needs its directory mounted.
fn mount_path(path: &str, refresh: Refresh) -> &str {
    match refresh {
        Refresh::Once => path,
        Refresh::Every(_) => path.rsplit_once('/').map_or(path, |(directory, _)| directory),
    }
}
