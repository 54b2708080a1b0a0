//! The annotations of pods, all of them.

/// Names of VaultSecrets of the pod's namespace, separated by commas. A variable that several have comes from the
/// last. Without this annotation a pod is never touched.
pub const INJECT: &str = "splitvault.dev/inject";
/// `env` (default): the variables are in the processes' environment. `file`: in a file on tmpfs.
pub const MODE: &str = "splitvault.dev/mode";
/// Names of the containers and init containers that get the variables, separated by commas; the default is every
/// container and every init container that can have them.
pub const CONTAINERS: &str = "splitvault.dev/containers";
/// How often the sidecar asks for a newer revision, such as `30s`, `5m`, `1h`; `false` takes a plain init container
/// that delivers once instead of a sidecar.
pub const REFRESH: &str = "splitvault.dev/refresh";
/// Where the file of mode `file` is, absolute. With a sidecar it ends with `/.env`, and what the image has in that
/// directory is hidden; with `refresh: "false"` any path will do and nothing is hidden.
pub const PATH: &str = "splitvault.dev/path";
/// Who may read the files, octal: `0400`, `0440` or `0444`. The default is `0400` when the UIDs are known to be the
/// same, else `0444`; only the chosen containers have the volume in any case.
pub const FILE_MODE: &str = "splitvault.dev/file-mode";
/// What happens to running pods when a VaultSecret changes. Only `None` is supported yet.
pub const ON_CHANGE: &str = "splitvault.dev/on-change";
/// Set by the webhook on pods that it injected: the version that did.
pub const INJECTED: &str = "splitvault.dev/injected";
/// Set by the webhook beside it: how the variables reach each container, and why that way.
pub const INJECTED_AS: &str = "splitvault.dev/injected-as";

/// What all of them start with.
pub const PREFIX: &str = "splitvault.dev/";
/// Those that the webhook sets.
pub const MARKERS: [&str; 2] = [INJECTED, INJECTED_AS];
/// Those that a person may set.
pub const ALL: [&str; 7] = [INJECT, MODE, CONTAINERS, REFRESH, PATH, FILE_MODE, ON_CHANGE];
