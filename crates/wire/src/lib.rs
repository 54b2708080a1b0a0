//! What the operator and the injected sidecar say to each other, and the names that the injected pod is made of.
//!
//! Here live the delivery messages, their reasons of refusal, and the constants that the webhook writes into a pod
//! and the sidecar reads there. No I/O, no Kubernetes types, no cryptography beyond the secret types.
//! The plaintext of a delivery can only be turned into JSON, and back, in memory that is zeroized.

mod base64_bytes;
mod content;
mod deliver;
pub mod pod;
mod problem;
mod reason;

pub use content::{DecodeError, Delivery, EncodeError, Environment, Variable};
pub use deliver::{DELIVER_PATH, DeliverRequest, DeliverResponse, REQUEST_LIMIT, RESPONSE_LIMIT};
pub use problem::{Problem, ProblemKind};
pub use reason::{DeliverError, Reason};
