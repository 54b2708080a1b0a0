//! What the end-to-end suites stand on: the cluster as a person at a terminal meets it.
//!
//! Everything goes through the programs that a user has (kubectl, the `splitvault` CLI, curl, openssl), so a
//! suite sees what a user sees. `tests/cluster/run` sets their environment.

use std::path::Path;

pub mod command;
pub mod eventually;
pub mod evidence;
pub mod namespace;
pub mod workload;

pub use command::{Output, kubectl, kubectl_with, run, splitvault};
pub use eventually::eventually;
pub use namespace::Namespace;
pub use workload::{Kind, Workload};

/// The working tree that the suites were built from.
pub fn repository() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The namespace that Splitvault is installed into.
pub const SYSTEM: &str = "splitvault-system";

/// The cluster IP of one of its Services, `None` in words for a headless one.
///
/// # Errors
/// As kubectl has them.
pub fn service_address(name: &str) -> anyhow::Result<String> {
    let address = "--output=jsonpath={.spec.clusterIP}";
    kubectl(&["--namespace", SYSTEM, "get", "service", name, address])
}
