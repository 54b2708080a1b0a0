//! The annotations of pods, all of them.

/// Names of VaultSecrets, separated by commas: `NAME` of the pod's namespace, `NAMESPACE/NAME` of another that both its
/// owner and the installation open to the pod. A variable that several have comes from the last. Without this annotation a pod is never touched.
pub const INJECT: &str = "splitvault.dev/inject";
/// `env` (default): the variables are in the processes' environment. `file`: in a file on tmpfs.
pub const MODE: &str = "splitvault.dev/mode";
/// Names of the containers and init containers that get the variables, separated by commas; the default is every
/// container and every init container that can have them.
pub const CONTAINERS: &str = "splitvault.dev/containers";
/// How often the sidecar asks for a newer revision, such as `30s`, `5m`, `1h`; `false` takes a plain init container
/// that delivers once instead of a sidecar.
pub const REFRESH: &str = "splitvault.dev/refresh";
/// How the file of mode `file` is written: `dotenv` (default), `json`, `yaml`, or `files`, which is a directory with one
/// file per variable.
pub const FORMAT: &str = "splitvault.dev/format";
/// Where the file or directory of mode `file` is, absolute. With a sidecar the directory that it is in is mounted, and
/// what the image has there is hidden; with `refresh: "false"` the file alone is.
pub const PATH: &str = "splitvault.dev/path";
/// Who may read the files, octal: `0400`, `0440` or `0444`. The default is `0400` when the UIDs are known to be the
/// same, else `0444`; only the chosen containers have the volume in any case.
pub const FILE_MODE: &str = "splitvault.dev/file-mode";
/// What the sidecar does in a running pod once changed variables are in place: `None` (default), `Signal`, `HTTP` or
/// `RestartContainers`.
pub const ON_CHANGE: &str = "splitvault.dev/on-change";
/// For `on-change: HTTP`: where on the pod's loopback to POST to, such as `http://127.0.0.1:8080/reload`.
pub const ON_CHANGE_URL: &str = "splitvault.dev/on-change-url";
/// For `on-change: Signal`: the signal's POSIX name; the default is `SIGHUP`.
pub const SIGNAL: &str = "splitvault.dev/signal";
/// For `on-change: Signal`: the name of the process, as in `/proc/PID/comm` or the last part of its first argument.
pub const SIGNAL_PROCESS: &str = "splitvault.dev/signal-process";
/// Which commands get the variables too, where a container's own gets them by `exec`: `probes`, `hooks`, or both with a
/// comma between.
pub const EXEC: &str = "splitvault.dev/exec";
/// Where among the pod's init containers the injected one goes: `first` (default), `last`, or `after=NAME`.
pub const INIT_ORDER: &str = "splitvault.dev/init-order";
/// The port on the pod's 127.0.0.1 where the sidecar answers `/healthz` and `/readyz`, from 1024 to 65535; without it the
/// sidecar listens nowhere.
pub const HEALTH_PORT: &str = "splitvault.dev/health-port";
/// Which variables, and under which names: `NAME`, `TARGET=NAME`, `VAULTSECRET/NAME`, `TARGET=VAULTSECRET/NAME`,
/// `VAULTSECRET/*` or `*`, separated by commas or line ends. The default is `*`.
pub const VARIABLES: &str = "splitvault.dev/variables";
/// What names are prefixed with that `variables` does not give another: `PREFIX_` for all VaultSecrets, or
/// `VAULTSECRET=PREFIX_` for each, separated by commas.
pub const PREFIX_OF_NAMES: &str = "splitvault.dev/prefix";
/// Set by the webhook on pods that it injected: the version that did.
pub const INJECTED: &str = "splitvault.dev/injected";
/// Set by the webhook beside it: how the variables reach each container, and why that way.
pub const INJECTED_AS: &str = "splitvault.dev/injected-as";
/// Set by the webhook: which content of each VaultSecret there was when the pod was admitted, opaque.
pub const CONTENT: &str = "splitvault.dev/content";
/// Set by the controller on pod templates that it rolled (on a Rollout: on itself): the changes that it was rolled for, opaque.
pub const RESTARTED_FOR: &str = "splitvault.dev/restarted-for";
/// Set by the controller on workloads: when it rolled them last.
pub const RESTARTED_AT: &str = "splitvault.dev/restarted-at";

/// What all of them start with.
pub const PREFIX: &str = "splitvault.dev/";
/// Those that the webhook and the controller set on pods and their templates.
pub const MARKERS: [&str; 4] = [INJECTED, INJECTED_AS, CONTENT, RESTARTED_FOR];
/// Those that a person may set.
pub const ALL: [&str; 16] = [
    INJECT,
    MODE,
    CONTAINERS,
    REFRESH,
    FORMAT,
    PATH,
    FILE_MODE,
    ON_CHANGE,
    ON_CHANGE_URL,
    SIGNAL,
    SIGNAL_PROCESS,
    EXEC,
    INIT_ORDER,
    HEALTH_PORT,
    VARIABLES,
    PREFIX_OF_NAMES,
];
