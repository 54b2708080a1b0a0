//! The value store over gRPC: `splitvault.values.v1`, always inside TLS 1.3 with certificates on both sides.
//!
//! [`Service`] serves any [`crate::ValueStore`]; [`RemoteValues`] is one again on the other side. Statuses and
//! errors map totally in both directions, and no message of a status carries content.

mod client;
pub mod proto;
mod server;
mod status;
pub mod tls;

pub use client::{Deadlines, RemoteValues};
pub use server::Service;
pub use tls::channel;
