//! Names and places that the pod uses itself and the injection needs.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::Value;
use splitvault_api::{Request, shown};
use splitvault_wire::pod as wire;

use super::containers::Target;
use super::{Refusal, mounts, volumes};

const VOLUMES: [&str; 3] = [wire::ENV_VOLUME, wire::BIN_VOLUME, wire::TOKEN_VOLUME];
const VARIABLES: [&str; 2] = [wire::REVISION, wire::KEEP];

/// Directories without what is there no container starts: its program, its loader, or what kubelet puts in.
const NEEDED: [&str; 9] = [
    "/bin",
    "/etc",
    "/lib",
    "/lib64",
    "/sbin",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
];

/// Refuses the first clash.
pub(super) fn refuse(
    pod: &Value,
    spec: &PodSpec,
    request: &Request,
    targets: &[Target<'_>],
) -> Result<(), Refusal> {
    let taken = |name: &&&str| spec.volumes.iter().flatten().any(|volume| volume.name == ***name);
    if let Some(name) = VOLUMES.iter().find(taken) {
        return Err(Refusal::NameTaken { what: "volume", name });
    }
    let init = spec.init_containers.iter().flatten();
    init.chain(&spec.containers).try_for_each(mounts_ours)?;
    volumes::containers(pod).try_for_each(reads_ours)?;
    if let Some(name) = mounts::file_name(request).filter(|name| !wire::is_file_name(name)) {
        return Err(Refusal::FileTaken { name: shown(name) });
    }
    targets.iter().try_for_each(|target| {
        mounted(target, request)?;
        set(target)
    })
}

/// Such a mount means nothing before the injection, and after it the container would have what is not meant for it.
fn mounts_ours(container: &Container) -> Result<(), Refusal> {
    let mounts = container.volume_mounts.iter().flatten();
    let ours = mounts.filter_map(|mount| VOLUMES.iter().find(|name| mount.name == **name));
    match ours.into_iter().next() {
        None => Ok(()),
        Some(name) => Err(Refusal::VolumeMounted {
            container: container.name.clone(),
            name,
        }),
    }
}

/// Kubelet reads for any container what a variable of it refers to: no mount is needed to have what is not meant for it.
fn reads_ours(container: &Value) -> Result<(), Refusal> {
    match VOLUMES.iter().find(|name| volumes::reads(container, name)) {
        None => Ok(()),
        Some(name) => Err(Refusal::VolumeRead {
            container: container["name"].as_str().unwrap_or_default().to_owned(),
            name,
        }),
    }
}

fn set(target: &Target<'_>) -> Result<(), Refusal> {
    let container = target.container;
    let taken = |name: &&&str| {
        container
            .env
            .iter()
            .flatten()
            .any(|variable| variable.name == ***name)
    };
    match VARIABLES.iter().find(taken) {
        None => Ok(()),
        Some(name) => Err(Refusal::VariableTaken {
            container: container.name.clone(),
            name,
        }),
    }
}

fn mounted(target: &Target<'_>, request: &Request) -> Result<(), Refusal> {
    let container = target.container;
    let paths = container
        .volume_mounts
        .iter()
        .flatten()
        .map(|mount| mount.mount_path.as_str());
    let devices = container
        .volume_devices
        .iter()
        .flatten()
        .map(|device| device.device_path.as_str());
    let taken: Vec<_> = paths
        .chain(devices)
        .map(|path| path.trim_end_matches('/'))
        .collect();
    for mount in mounts::of(target, request) {
        let path = mount["mountPath"].as_str().unwrap_or_default();
        if taken.contains(&path) {
            return Err(Refusal::MountTaken {
                container: container.name.clone(),
                path: path.to_owned(),
            });
        }
        let alone = mount["subPath"].is_string();
        if !alone && NEEDED.contains(&path) {
            return Err(Refusal::HidesImage {
                container: container.name.clone(),
                directory: path.to_owned(),
            });
        }
        let below = |other: &&&str| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        if let Some(other) = taken.iter().find(below) {
            return Err(Refusal::MountBelow {
                container: container.name.clone(),
                path: (*other).to_owned(),
                directory: path.to_owned(),
            });
        }
    }
    Ok(())
}
