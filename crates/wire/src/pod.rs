//! What the webhook writes into a pod and the sidecar finds there: variables, volumes, paths.

/// What starts with this steers Splitvault: a container gets no such variable from a VaultSecret.
pub const RESERVED: &str = "SPLITVAULT_";
/// Variable of the sidecar: the delivery API's URL, `https://…`.
pub const OPERATOR: &str = "SPLITVAULT_OPERATOR";
/// Variable of the sidecar: the certificates (PEM) that the operator's must chain to.
pub const CA: &str = "SPLITVAULT_CA";
/// Variable of the sidecar: names of the VaultSecrets, separated by commas.
pub const VAULT_SECRETS: &str = "SPLITVAULT_VAULTSECRETS";
/// Variable of the sidecar: the pod's UID, from the downward API.
pub const POD_UID: &str = "SPLITVAULT_POD_UID";
/// Variable of the sidecar: the pod's name, from the downward API.
pub const POD_NAME: &str = "SPLITVAULT_POD_NAME";
/// Variable of the sidecar: the pod's namespace, from the downward API.
pub const POD_NAMESPACE: &str = "SPLITVAULT_POD_NAMESPACE";
/// Variable of the sidecar: [`MODE_ENV`] or [`MODE_FILE`], or both with a comma between.
pub const MODE: &str = "SPLITVAULT_MODE";
/// Value of [`MODE`]: write [`ENV_BIN`], which `exec` reads.
pub const MODE_ENV: &str = "env";
/// Value of [`MODE`]: write the file that applications read, and keep it fresh.
pub const MODE_FILE: &str = "file";
/// Variable of the sidecar: how it writes that file, [`FORMAT_DOTENV`] when not set, or one of the other three.
pub const FORMAT: &str = "SPLITVAULT_FORMAT";
/// Value of [`FORMAT`]: `NAME="value"` lines in [`ENV_FILE`].
pub const FORMAT_DOTENV: &str = "dotenv";
/// Value of [`FORMAT`]: one object in [`JSON_FILE`].
pub const FORMAT_JSON: &str = "json";
/// Value of [`FORMAT`]: one mapping in [`YAML_FILE`].
pub const FORMAT_YAML: &str = "yaml";
/// Value of [`FORMAT`]: one file per variable in the directory [`SET`].
pub const FORMAT_FILES: &str = "files";
/// Variable of the sidecar: the name of that file or directory when it is another one; see [`is_file_name`].
pub const FILE: &str = "SPLITVAULT_FILE";
/// Variable of the sidecar: seconds between two questions whether there is a newer revision; 0 writes once and exits.
pub const REFRESH: &str = "SPLITVAULT_REFRESH";
/// Variable of the sidecar: the mode of the written files, octal, such as `0400`.
pub const FILE_MODE: &str = "SPLITVAULT_FILE_MODE";
/// Variable of the sidecar: `1` has it write [`KUBELET_ENV`] too.
pub const KUBELET: &str = "SPLITVAULT_KUBELET";
/// Variable of the sidecar: what it does once changed variables are in place: nothing when not set,
/// [`ON_CHANGE_SIGNAL`], [`ON_CHANGE_HTTP`] or [`ON_CHANGE_RESTART`].
pub const ON_CHANGE: &str = "SPLITVAULT_ON_CHANGE";
/// Value of [`ON_CHANGE`]: send [`SIGNAL`] to each process named [`SIGNAL_PROCESS`].
pub const ON_CHANGE_SIGNAL: &str = "Signal";
/// Value of [`ON_CHANGE`]: POST to [`ON_CHANGE_URL`].
pub const ON_CHANGE_HTTP: &str = "HTTP";
/// Value of [`ON_CHANGE`]: end with [`RESTART_CODE`].
pub const ON_CHANGE_RESTART: &str = "RestartContainers";
/// Variable of the sidecar: where on the pod's loopback to POST to.
pub const ON_CHANGE_URL: &str = "SPLITVAULT_ON_CHANGE_URL";
/// Variable of the sidecar: the POSIX name of a signal.
pub const SIGNAL: &str = "SPLITVAULT_SIGNAL";
/// Variable of the sidecar: the name of a process.
pub const SIGNAL_PROCESS: &str = "SPLITVAULT_SIGNAL_PROCESS";
/// With this code the sidecar ends to have kubelet restart all containers of the pod (KEP-5532). No other of its ends
/// has this code, nor has one by a signal.
pub const RESTART_CODE: u8 = 90;
/// Variable of the sidecar: the port on 127.0.0.1 where it answers `/healthz` and `/readyz`; it listens nowhere when not set.
pub const HEALTH_PORT: &str = "SPLITVAULT_HEALTH_PORT";
/// Variable of the sidecar: `info`, or `debug` for a line on every try that fails.
pub const LOG: &str = "SPLITVAULT_LOG";
/// Variable of the application container, from the gate file: which revisions it started with, as `name:revision,…`.
pub const REVISION: &str = "SPLITVAULT_REVISION";
/// Variable of a container started by `exec`: names, separated by commas, that the pod spec sets itself and that win.
pub const KEEP: &str = "SPLITVAULT_KEEP";

/// Variable of the sidecar: where it writes instead of [`ENV_DIRECTORY`]. For tests.
pub const DIRECTORY: &str = "SPLITVAULT_DIRECTORY";
/// Variable of the sidecar: seconds between two reactions to changes instead of the usual ones. For tests.
pub const DISTANCE: &str = "SPLITVAULT_DISTANCE";
/// Variable of the sidecar: where its token is instead of in [`TOKEN_DIRECTORY`]. For tests.
pub const TOKEN: &str = "SPLITVAULT_TOKEN";

/// Volume for the files that the sidecar writes: an `emptyDir` of medium `Memory`.
pub const ENV_VOLUME: &str = "splitvault-env";
/// Where [`ENV_VOLUME`] is mounted.
pub const ENV_DIRECTORY: &str = "/run/splitvault";
/// Volume for the sidecar's binary, which starts the application in `exec` mode: an `emptyDir` of medium `Memory`.
pub const BIN_VOLUME: &str = "splitvault-bin";
/// Where [`BIN_VOLUME`] is mounted.
pub const BIN_DIRECTORY: &str = "/splitvault";
/// Volume for the sidecar's projected ServiceAccount token.
pub const TOKEN_VOLUME: &str = "splitvault-token";
/// Where [`TOKEN_VOLUME`] is mounted.
pub const TOKEN_DIRECTORY: &str = "/var/run/secrets/splitvault";
/// The token's file in [`TOKEN_DIRECTORY`].
pub const TOKEN_FILE: &str = "token";
/// The token's audience.
pub const TOKEN_AUDIENCE: &str = "splitvault";
/// How long a token is valid, in seconds: the least that Kubernetes grants.
pub const TOKEN_SECONDS: i64 = 600;

/// File for applications, in the general dialect of `.env`.
pub const ENV_FILE: &str = ".env";
/// File for applications: one JSON object (RFC 8259) of strings.
pub const JSON_FILE: &str = "env.json";
/// File for applications: one YAML mapping of quoted strings.
pub const YAML_FILE: &str = "env.yaml";
/// Directory for applications: one file per variable.
pub const SET: &str = "env";
/// File for `exec`: `NAME=VALUE`, each ended by NUL.
pub const ENV_BIN: &str = "env.bin";
/// File for kubelet's `fileKeyRef` (KEP-3721): `NAME='value'` lines.
pub const KUBELET_ENV: &str = "kubelet.env";
/// File with [`REVISION`] for kubelet's `fileKeyRef`, written last: when it is there, all others are.
pub const GATE_ENV: &str = "gate.env";

/// File with the certificates (PEM) that the operator sent last. The sidecar keeps it for its own restarts.
pub const CA_FILE: &str = "ca.crt";

/// File that is there while changed variables are in place and the application was not told yet.
pub const CHANGED: &str = ".changed";
/// File that is there while the `postStart` hook has given up waiting and the sidecar has not seen it yet.
pub const GAVE_UP: &str = ".gave-up";

/// What the sidecar keeps in [`ENV_DIRECTORY`] for others than applications.
const KEPT: [&str; 6] = [ENV_BIN, KUBELET_ENV, GATE_ENV, CA_FILE, CHANGED, GAVE_UP];

/// Whether a file or directory for applications may have this name: one component of a path, at most 240 bytes, none of
/// ours, and not one that we make while a file is being written (`.NAME.new`, `..…`).
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    let component = !name.is_empty() && name.len() <= 240 && name != "." && !name.contains(['/', '\0']);
    let passing = name.starts_with("..") || (name.starts_with('.') && name.ends_with(".new"));
    component && !passing && !KEPT.contains(&name)
}

/// The sidecar's binary in its image.
pub const BINARY: &str = "/splitvault-sidecar";
/// The sidecar's binary in [`BIN_DIRECTORY`]: the sidecar copies itself there, before all else, when that is mounted.
pub const COPIED_BINARY: &str = "/splitvault/splitvault-sidecar";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_names_are_file_names_and_ours_are_not() {
        for name in [
            ENV_FILE,
            JSON_FILE,
            YAML_FILE,
            SET,
            "app.conf",
            "a b",
            "é",
            &"a".repeat(240),
        ] {
            assert!(is_file_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "..data",
            "..x",
            "a/b",
            "/a",
            "a\0",
            ".env.new",
            &"a".repeat(241),
        ] {
            assert!(!is_file_name(name), "{name:?}");
        }
        for name in KEPT {
            assert!(!is_file_name(name), "{name}");
        }
    }
}
