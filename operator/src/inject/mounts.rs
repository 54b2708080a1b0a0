//! Where a container sees the files.

use serde_json::{Value, json};
use splitvault_api::{Format, Refresh, Request};
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
        // A file that stays as it is is mounted by itself. One that is replaced by rename needs its directory mounted.
        (Way::File, Some(path)) if request.refresh == Refresh::Once => {
            let mut mount = env(path);
            mount["subPath"] = json!(usual_name(request.format));
            vec![mount]
        }
        (Way::File, Some(path)) => vec![env(split(path).0)],
    }
}

/// The name that the sidecar is to give the file or directory, where it is another one than usual.
pub(super) fn file_name(request: &Request) -> Option<&str> {
    let path = request
        .path
        .as_deref()
        .filter(|_| request.refresh != Refresh::Once);
    path.map(|path| split(path).1)
        .filter(|name| *name != usual_name(request.format))
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

const fn usual_name(format: Format) -> &'static str {
    match format {
        Format::Dotenv => wire::ENV_FILE,
        Format::Json => wire::JSON_FILE,
        Format::Yaml => wire::YAML_FILE,
        Format::Files => wire::SET,
    }
}
