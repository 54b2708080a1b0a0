//! The injected container and its volumes.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::{Value, json};
use splitvault_api::{Format, Mode, Refresh, Request};
use splitvault_wire::pod as wire;

use super::containers::{Target, Way};
use super::identity::Identity;
use super::{CONTAINER, Surroundings, has_exec, health, mode_variable, mounts, reaction};

/// The volumes: memory only, and a token that is of no use elsewhere.
pub(super) fn volumes(request: &Request, targets: &[Target<'_>]) -> Vec<Value> {
    let memory =
        |name: &str, limit: &str| json!({"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": limit}});
    let mut volumes = vec![memory(wire::ENV_VOLUME, room(request))];
    if has_exec(targets) {
        volumes.push(memory(wire::BIN_VOLUME, "16Mi"));
    }
    let token = json!({
        "audience": wire::TOKEN_AUDIENCE,
        "expirationSeconds": wire::TOKEN_SECONDS,
        "path": wire::TOKEN_FILE,
    });
    volumes.push(
        json!({"name": wire::TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}),
    );
    volumes
}

/// The most that the files may take. It counts as memory of the sidecar, whose limit is 32Mi.
const fn room(request: &Request) -> &'static str {
    match request.format {
        // At most 1 MiB of variables in each of three files, twice for a moment.
        Format::Dotenv => "8Mi",
        // A character may take six bytes; a file of one variable takes a page of 4 KiB, and the set before is kept: enough
        // for two sets of 2,500 files.
        Format::Json | Format::Yaml | Format::Files => "20Mi",
    }
}

/// The container: a native sidecar (KEP-753), or a plain init container for those who ask for one.
pub(super) fn container(
    spec: &PodSpec,
    request: &Request,
    targets: &[Target<'_>],
    identity: Identity,
    around: &Surroundings<'_>,
) -> Value {
    let mut container = json!({
        "name": CONTAINER,
        "image": around.config.image,
        "imagePullPolicy": around.config.pull_policy,
        "env": environment(request, targets, identity, around),
        "resources": resources(spec),
        "securityContext": security(identity),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": own_mounts(targets),
    });
    if request.refresh != Refresh::Once {
        let command = |word: &str| json!({"command": [wire::BINARY, word]});
        container["restartPolicy"] = json!("Always");
        if let Some(rules) = reaction::restart_rules(request) {
            container["restartPolicyRules"] = rules;
        }
        container["lifecycle"] = json!({"postStart": {"exec": command("wait")}});
        if !around.environment_files {
            // The second gate where kubelet has no environment files; it never gives up.
            container["startupProbe"] = json!({"exec": command("ready"), "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": i32::MAX});
        }
    }
    container
}

fn environment(
    request: &Request,
    targets: &[Target<'_>],
    identity: Identity,
    around: &Surroundings<'_>,
) -> Vec<Value> {
    let text = |name: &str, value: &str| json!({"name": name, "value": value});
    let field =
        |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let refresh = match request.refresh {
        Refresh::Once => 0,
        Refresh::Every(seconds) => seconds,
    };
    let mut environment = vec![
        text(wire::OPERATOR, &around.config.operator_url),
        text(wire::CA, around.ca),
        text(wire::VAULT_SECRETS, &request.vault_secrets.join(",")),
        field(wire::POD_UID, "metadata.uid"),
        field(wire::POD_NAME, "metadata.name"),
        field(wire::POD_NAMESPACE, "metadata.namespace"),
        text(wire::MODE, mode_variable(request)),
        text(wire::REFRESH, &refresh.to_string()),
        text(wire::FILE_MODE, &format!("{:04o}", identity.file_mode)),
        text(wire::LOG, &around.config.log_level),
    ];
    if targets.iter().any(|target| target.way == Way::Kubelet) {
        environment.push(text(wire::KUBELET, "1"));
    }
    let format = format(request).map(|format| (wire::FORMAT, format));
    let name = mounts::file_name(request).map(|name| (wire::FILE, name));
    let more = format.into_iter().chain(name).chain(reaction::variables(request));
    environment.extend(more.map(|(name, value)| text(name, value)));
    environment.extend(health::variable(request).map(|(name, value)| text(name, &value)));
    environment
}

/// How the file is written, where that is not the usual way.
fn format(request: &Request) -> Option<&'static str> {
    match (request.mode, request.format) {
        (Mode::Env, _) | (Mode::File, Format::Dotenv) => None,
        (Mode::File, Format::Json) => Some(wire::FORMAT_JSON),
        (Mode::File, Format::Yaml) => Some(wire::FORMAT_YAML),
        (Mode::File, Format::Files) => Some(wire::FORMAT_FILES),
    }
}

fn own_mounts(targets: &[Target<'_>]) -> Vec<Value> {
    let mut mounts = vec![
        json!({"name": wire::ENV_VOLUME, "mountPath": wire::ENV_DIRECTORY}),
        json!({"name": wire::TOKEN_VOLUME, "mountPath": wire::TOKEN_DIRECTORY, "readOnly": true}),
    ];
    if has_exec(targets) {
        mounts.push(json!({"name": wire::BIN_VOLUME, "mountPath": wire::BIN_DIRECTORY}));
    }
    mounts
}

/// The *restricted* Pod Security Standard, and a root that cannot be written.
fn security(identity: Identity) -> Value {
    let mut security = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    if let Some(uid) = identity.run_as_user {
        security["runAsUser"] = json!(uid);
    }
    security
}

/// Little; in a pod of the quality of service Guaranteed, so that it stays that.
fn resources(spec: &PodSpec) -> Value {
    if is_guaranteed(spec) {
        let all = json!({"cpu": "100m", "memory": "32Mi"});
        return json!({"requests": all, "limits": all});
    }
    json!({"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "32Mi"}})
}

fn is_guaranteed(spec: &PodSpec) -> bool {
    let guaranteed = |container: &Container| {
        let resources = container.resources.as_ref();
        let limits = resources.and_then(|resources| resources.limits.as_ref());
        let requests = resources.and_then(|resources| resources.requests.as_ref());
        ["cpu", "memory"].iter().all(|kind| {
            let limit = limits.and_then(|limits| limits.get(*kind));
            let request = requests.and_then(|requests| requests.get(*kind));
            limit.is_some() && request.is_none_or(|request| Some(request) == limit)
        })
    };
    spec.init_containers
        .iter()
        .flatten()
        .chain(&spec.containers)
        .all(guaranteed)
}
