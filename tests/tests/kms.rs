//! Key-encryption keys in a KMS: the client and the vault against a real plugin, in a process of its own.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "kms/client.rs"]
mod client;
#[path = "kms/installation.rs"]
mod installation;
#[path = "kms/outage.rs"]
mod outage;
#[path = "kms/plugin.rs"]
mod plugin;
#[path = "kms/rewrap.rs"]
mod rewrap;
