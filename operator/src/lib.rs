//! The operator: controllers, webhook, delivery, certificates.
//!
//! [`run`] composes. Whatever decides is pure and beside what reads and writes the cluster. Plaintext is in memory
//! only, for as long as one reconcile or one delivery takes.

pub mod args;
pub mod consent;
pub mod controller;
mod crowd;
pub mod delivery;
pub mod events;
pub mod fault;
pub mod health;
pub mod image;
pub mod inject;
pub mod kek;
pub mod latest;
mod logs;
pub mod metrics;
pub mod missed;
pub mod names;
pub mod pki;
pub mod recover;
pub mod requests;
pub mod restart;
pub mod rotation;
pub mod run;
pub mod sealing;
pub mod secret;
pub mod serve;
pub mod sweep;
pub mod webhook;
pub mod witness;

/// Field manager of server-side apply, and `app.kubernetes.io/managed-by`.
pub const MANAGER: &str = "splitvault";

#[cfg(test)]
mod fixture;
