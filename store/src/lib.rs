//! The value-store server: envelopes behind mutually authenticated TLS 1.3, one client identity, one database.
//!
//! It holds no key, knows no name and nothing of Kubernetes. What it logs and counts carries no envelope and no
//! token. The library exists for the tests; the product is the binary.

mod accept;
mod args;
mod check;
mod health;
mod logs;
mod metrics;
mod run;
mod serve;
mod state;
mod tls;

pub use accept::Limits;
pub use args::{Args, Command, LogFormat, Serve};
pub use metrics::{Measured, Metrics};
pub use run::run;
pub use serve::serve;
pub use state::State;
pub use tls::{Files, TlsError, watch};
