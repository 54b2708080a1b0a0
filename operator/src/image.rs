//! The entrypoint of an image, looked up at its registry, so that a container without a command can be started through
//! the sidecar's binary.
//!
//! Off unless an administrator turns it on. What is asked comes from pods, that is from anybody who may make one, and what
//! answers is any server that a listed registry sends us to: so registries are listed, HTTPS is TLS 1.3 with a verified
//! name, and time, bytes, redirects and look-ups at once are bounded. A pod's own pull secrets are used, for the registry
//! that they are for, and what was found with them is remembered for those who have the same ones only. What an image says
//! of itself decides nothing but the command of the container that runs it anyway.
//!
//! The protocol is the pull half of the OCI distribution specification, three GETs and a token; why not by a whole client
//! is in docs/adr/0014.

mod cache;
mod challenge;
mod credentials;
mod digest;
mod document;
mod flights;
mod glob;
mod keyring;
mod lookup;
mod platform;
mod problem;
mod reference;
mod registries;
mod registry;
mod secrets;
mod service;
mod transport;
mod url;
mod wiped;

#[cfg(test)]
pub(crate) mod tests;

pub use platform::wanted as wanted_architecture;
pub use problem::Problem;
pub use registries::Registries;
pub use secrets::{Late, PullSecrets};
pub use service::{Images, Settings};
