//! Key-encryption keys in a KMS: a client of the API server's own plugin protocol, KMS v2 (KEP-3299), over a unix
//! socket.
//!
//! [`KmsKek`] wraps the keys of one ring. Each wrap draws a one-time key, wraps with it as the file provider does,
//! and has the KMS encrypt the one-time key only: no master key ever leaves the process. [`Provider`] is the plugin
//! as seen from here: which key it encrypts under, whether it works, and since when not.
//!
//! The rules that answers must keep, and their sizes, are those of the API server
//! (k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2), so that a plugin that works there works here.
//! The stored form is in docs/crypto.md and frozen by vectors. Nothing of Kubernetes' API is here.

mod address;
mod answer;
mod blob;
mod client;
mod fault;
mod health;
mod kek;
pub mod proto;
mod provider;

pub use address::{Address, AddressError, ProviderName};
pub use answer::{Annotations, KeyName};
pub use client::Deadline;
pub use fault::Fault;
pub use health::{Health, State};
pub use kek::KmsKek;
pub use provider::Provider;
