//! Why a pod is not injected and so not admitted.

use std::fmt;

use super::Unknown;

/// Why a pod cannot get what it asks for. Its Display is the sentence for the person, and names the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a pod as this version knows them.
    #[error("the pod cannot be read: its spec does not have the shape of v1 Pod")]
    Malformed,
    /// A pod for another operating system.
    #[error(
        "splitvault.dev/inject works on Linux only: the pod's spec.os.name, or its nodeSelector or required nodeAffinity for kubernetes.io/os, is another"
    )]
    NotLinux,
    /// An annotation names a container that is not there.
    #[error("annotation splitvault.dev/containers: there is no container {name}; the pod has {there}")]
    NoSuchContainer {
        /// As it stands in the annotation.
        name: String,
        /// Those that the pod has.
        there: String,
    },
    /// Neither can kubelet set the variables nor can the command be prefixed.
    #[error(
        "container {container} has no command in the pod's spec, so its variables must be set by kubelet, and {why}; \
         or write the image's entrypoint as the container's command; or take annotation splitvault.dev/mode: file; \
         or leave the container out with annotation splitvault.dev/containers"
    )]
    NoCommand {
        /// The container.
        container: String,
        /// Why kubelet cannot.
        why: NoCommand,
    },
    /// Its image was to be asked for the command, and that came to nothing.
    #[error(
        "container {container} has no command in the pod's spec, so its variables must be set by kubelet, and {why}; \
         nor is it known what its image {image} runs, as {cause}; or write the image's entrypoint as the container's command; or take annotation splitvault.dev/mode: file; \
         or leave the container out with annotation splitvault.dev/containers"
    )]
    NoProgram {
        /// The container.
        container: String,
        /// Why kubelet cannot.
        why: NoCommand,
        /// The image, cut where it is very long.
        image: String,
        /// Why, and what to do.
        cause: String,
        /// Whether the same pod may be admitted a moment later.
        passing: bool,
    },
    /// A volume or a container has the name that the injection needs.
    #[error("the pod has a {what} {name} of its own: rename it, the name is Splitvault's")]
    NameTaken {
        /// `volume` or `container`.
        what: &'static str,
        /// Its name.
        name: &'static str,
    },
    /// Something else is mounted where the files must be.
    #[error(
        "container {container} mounts something else at {path}: move that, or set annotation splitvault.dev/path"
    )]
    MountTaken {
        /// The container.
        container: String,
        /// Where.
        path: String,
    },
    /// Something else is mounted below where the files must be, in a directory that nobody can write into.
    #[error(
        "container {container} mounts something at {path}, inside of {directory}, which holds the variables and is \
         read-only: move that, or set annotation splitvault.dev/path"
    )]
    MountBelow {
        /// The container.
        container: String,
        /// Where.
        path: String,
        /// Where the files are.
        directory: String,
    },
    /// The directory of the file would hide what no container starts without.
    #[error(
        "annotation splitvault.dev/path: the file's directory is mounted as a whole, and at {directory} it would hide what \
         container {container} needs to start: take a directory of its own, such as /run/env; or set \
         splitvault.dev/refresh to false, which mounts the file alone"
    )]
    HidesImage {
        /// The container.
        container: String,
        /// Where the files are.
        directory: String,
    },
    /// A container would see the injected files, or the sidecar's token, in a way that it does not ask for.
    #[error(
        "container {container} mounts {name}, a volume that Splitvault adds: remove that; which containers have the \
         variables, and where, is for annotations splitvault.dev/containers and splitvault.dev/path to say"
    )]
    VolumeMounted {
        /// The container.
        container: String,
        /// The volume.
        name: &'static str,
    },
    /// A container would have kubelet read the injected files for it.
    #[error(
        "container {container} has a variable by fileKeyRef from {name}, a volume that Splitvault adds: remove that; which \
         containers have the variables, and under which names, is for annotations splitvault.dev/containers and \
         splitvault.dev/variables to say"
    )]
    VolumeRead {
        /// The container.
        container: String,
        /// The volume.
        name: &'static str,
    },
    /// The annotation `path` ends with a name that the sidecar needs itself.
    #[error(
        "annotation splitvault.dev/path: a file cannot be named {name} there, as Splitvault needs the name or makes it \
         while it writes: take another, or set splitvault.dev/refresh to false"
    )]
    FileTaken {
        /// The name.
        name: String,
    },
    /// Processes cannot be found from another container.
    #[error(
        "annotation splitvault.dev/on-change: Signal needs the pod's spec.shareProcessNamespace: true, as the sidecar \
         does not see the processes of other containers without: set it, or take HTTP or RestartContainers"
    )]
    ProcessesNotShared,
    /// A process would be looked for among all of the node's.
    #[error(
        "annotation splitvault.dev/on-change: Signal does not go with hostPID, where the sidecar would look for the process \
         among all of the node's: take HTTP or RestartContainers, or give the pod processes of its own"
    )]
    ProcessesOfNode,
    /// Kubelets restart no pod in place.
    #[error(
        "annotation splitvault.dev/on-change: this cluster's kubelets cannot restart the containers of a pod in place \
         (they can from Kubernetes 1.36 on): take Signal or HTTP, or set spec.onChange: Restart in the VaultSecret"
    )]
    NoRestartInPlace,
    /// An init container that is to have variables comes before ours: each would wait for the other.
    #[error(
        "annotation splitvault.dev/init-order: init container {container} is to have variables, but comes before Splitvault's, \
         which brings them: take another order, or leave the container out with annotation splitvault.dev/containers"
    )]
    ComesBefore {
        /// The container.
        container: String,
    },
    /// Ours is to come after what starts when all init containers have started.
    #[error(
        "annotation splitvault.dev/init-order: {name} is no init container, and containers start after all of those: have it \
         injected as a native sidecar, or take first and have the mesh leave the operator's port alone"
    )]
    AfterContainer {
        /// The container.
        name: String,
    },
    /// A container of the pod listens where the sidecar is to answer for its health.
    #[error(
        "annotation splitvault.dev/health-port: container {container} has {port} among its ports, so the sidecar cannot \
         listen there: take another port"
    )]
    PortTaken {
        /// The container.
        container: String,
        /// The port.
        port: u16,
    },
    /// The pod sets a variable that is Splitvault's.
    #[error("container {container} sets {name} itself: remove it, the name is Splitvault's")]
    VariableTaken {
        /// The container.
        container: String,
        /// The variable.
        name: &'static str,
    },
}

impl Refusal {
    /// What the log calls it: nothing of what the pod says.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Malformed => "Malformed",
            Self::NotLinux => "NotLinux",
            Self::NoSuchContainer { .. } => "NoSuchContainer",
            Self::NoCommand { .. } => "NoCommand",
            Self::NoProgram { .. } => "NoProgram",
            Self::NameTaken { .. } => "NameTaken",
            Self::MountTaken { .. } => "MountTaken",
            Self::MountBelow { .. } => "MountBelow",
            Self::HidesImage { .. } => "HidesImage",
            Self::VolumeMounted { .. } => "VolumeMounted",
            Self::VolumeRead { .. } => "VolumeRead",
            Self::FileTaken { .. } => "FileTaken",
            Self::ProcessesNotShared => "ProcessesNotShared",
            Self::ProcessesOfNode => "ProcessesOfNode",
            Self::NoRestartInPlace => "NoRestartInPlace",
            Self::ComesBefore { .. } => "ComesBefore",
            Self::AfterContainer { .. } => "AfterContainer",
            Self::PortTaken { .. } => "PortTaken",
            Self::VariableTaken { .. } => "VariableTaken",
        }
    }

    /// Whether the same pod may be admitted a moment later without being changed.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::NoCommand { why, .. } => why.is_passing(),
            Self::NoProgram { why, passing, .. } => *passing || why.is_passing(),
            Self::Malformed
            | Self::NotLinux
            | Self::NoSuchContainer { .. }
            | Self::NameTaken { .. }
            | Self::MountTaken { .. }
            | Self::MountBelow { .. }
            | Self::HidesImage { .. }
            | Self::VolumeMounted { .. }
            | Self::VolumeRead { .. }
            | Self::FileTaken { .. }
            | Self::ProcessesNotShared
            | Self::ProcessesOfNode
            | Self::NoRestartInPlace
            | Self::ComesBefore { .. }
            | Self::AfterContainer { .. }
            | Self::PortTaken { .. }
            | Self::VariableTaken { .. } => false,
        }
    }
}

/// Why kubelet cannot set a container's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCommand {
    /// A VaultSecret does not expose its names.
    Hidden {
        /// The VaultSecret.
        name: String,
    },
    /// Kubelet's environment files cannot hold a value.
    Unwritable {
        /// The VaultSecret.
        name: String,
        /// The variable, whose name may stand in pod specs.
        variable: String,
    },
    /// The names cannot be told now.
    Unknown {
        /// The VaultSecret.
        name: String,
        /// Why.
        why: Unknown,
    },
    /// Kubelets do not read environment files.
    NoEnvironmentFiles,
}

impl NoCommand {
    /// Whether kubelet may be able to a moment later.
    const fn is_passing(&self) -> bool {
        match self {
            Self::Unknown { why, .. } => !matches!(why, Unknown::NotAllowed | Unknown::NotConsented),
            Self::Hidden { .. } | Self::Unwritable { .. } | Self::NoEnvironmentFiles => false,
        }
    }
}

impl fmt::Display for NoCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden { name } => write!(
                f,
                "VaultSecret {name} keeps its names out of pod specs: set its spec.exposeNames to true"
            ),
            Self::Unwritable { name, variable } => write!(
                f,
                "the value of {} in VaultSecret {name} has a single quote or CRLF, which kubelet's environment files cannot hold: change it",
                variable.chars().take(40).collect::<String>()
            ),
            Self::Unknown { name, why } => match why {
                Unknown::Missing => write!(
                    f,
                    "VaultSecret {name} does not exist yet: apply it and try again (controllers try again by themselves)"
                ),
                Unknown::NotReady => {
                    write!(
                        f,
                        "VaultSecret {name} is not ready yet: try again (controllers try again by themselves)"
                    )
                }
                Unknown::NotAllowed => write!(
                    f,
                    "spec.access of VaultSecret {name} does not let this pod have it: add its ServiceAccount to serviceAccounts, \
                     or give it the labels of podSelector"
                ),
                Unknown::NotConsented => write!(
                    f,
                    "there is no VaultSecret {name} for this pod: its owner has to name the pod's namespace in \
                     spec.access.namespaces, and the installation in the chart's crossNamespace.allowed"
                ),
                Unknown::Unavailable => write!(
                    f,
                    "the names of VaultSecret {name} cannot be read now: try again (controllers try again by themselves)"
                ),
            },
            Self::NoEnvironmentFiles => write!(
                f,
                "this cluster's kubelets do not read environment files (they do from Kubernetes 1.35 on)"
            ),
        }
    }
}
