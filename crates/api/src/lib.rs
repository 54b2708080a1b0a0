//! What people write and read: VaultSecrets, VaultRequests, their conditions, and the annotations of pods.
//!
//! Here live the types of group `splitvault.dev` and the pure conversions from what a person wrote to what the
//! operator does. The webhook and the controller use the same conversion, so what is admitted can be processed.
//! No I/O, no keys, no plaintext.

mod access;
pub mod annotations;
mod conditions;
mod crd;
mod desired;
mod key_trail;
mod reason;
mod remark;
mod request;
mod selection;
mod shown;
mod status;
mod vault_request;
mod vault_secret;

pub use access::{Access, Asker, LabelOperator, LabelRequirement, LabelValue, NamespaceAccess, PodSelector};
pub use conditions::{READY, RECONCILING, STALLED, conditions};
pub use crd::{crd, request_crd};
pub use desired::{Desired, DesiredSource, SealedPayload, SpecError};
pub use key_trail::{KeyTrail, TrailEvent};
pub use reason::{Reason, State};
pub use remark::Remark;
pub use request::{Exec, Format, InitOrder, Mode, Reaction, Refresh, Refusal, Request, located};
pub use selection::{Missing, Selected, Selection, Taken};
pub use shown::shown;
pub use status::{HistoryEntry, VaultSecretStatus};
pub use vault_request::{
    Action, Begun, COMPLETE, Demand, DemandError, Extra, FAILED, MASTER_KEYS, Outcome, Permission, Progress,
    Requester, RingName, Standing, VaultRequest, VaultRequestSpec, VaultRequestStatus, request_conditions,
};
pub use vault_secret::{
    Alphabet, DeletionPolicy, Generate, OnChange, Output, Sealed, SecretRef, Source, VaultSecret,
    VaultSecretSpec,
};
