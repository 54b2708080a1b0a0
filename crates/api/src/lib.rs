//! What people write and read: the VaultSecret, its conditions, and the annotations of pods.
//!
//! Here live the types of group `splitvault.dev` and the pure conversions from what a person wrote to what the
//! operator does. The webhook and the controller use the same conversion, so what is admitted can be processed.
//! No I/O, no keys, no plaintext.

pub mod annotations;
mod conditions;
mod crd;
mod desired;
mod reason;
mod request;
mod status;
mod vault_secret;

pub use conditions::{READY, RECONCILING, STALLED, conditions};
pub use crd::crd;
pub use desired::{Desired, DesiredSource, SealedPayload, SpecError};
pub use reason::{Reason, State};
pub use request::{Mode, Refresh, Refusal, Request};
pub use status::{HistoryEntry, VaultSecretStatus};
pub use vault_secret::{
    Access, Alphabet, DeletionPolicy, Generate, OnChange, Output, Sealed, SecretRef, Source, VaultSecret,
    VaultSecretSpec,
};
