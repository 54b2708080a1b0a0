//! What the end-to-end suites stand on: the cluster as a person at a terminal meets it.
//!
//! Everything goes through the programs that a user has (kubectl, the `splitvault` CLI, curl, openssl), so a
//! suite sees what a user sees. `tests/cluster/run` sets their environment.

pub mod command;
pub mod eventually;
pub mod evidence;
pub mod namespace;
pub mod workload;

pub use command::{Output, kubectl, kubectl_with, run, splitvault};
pub use eventually::eventually;
pub use namespace::Namespace;
pub use workload::{Kind, Workload};

/// The namespace that Splitvault is installed into.
pub const SYSTEM: &str = "splitvault-system";
