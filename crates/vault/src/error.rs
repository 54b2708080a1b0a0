//! Why the vault did not do what it was asked. One enum per operation; none says anything secret.

mod open;
mod read;
mod reason;
mod recovery;
mod rotation;
mod sweep;
mod write;

pub use open::OpenError;
pub use read::ReadError;
pub use reason::Reason;
pub use recovery::RecoveryError;
pub use rotation::{RotationError, TrailError};
pub use sweep::SweepError;
pub use write::WriteError;

use splitvault_crypto::{KeyId, OpenError as Refusal};

/// Something in a database is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breach {
    Tampered(&'static str),
    UnknownKey(KeyId),
}

/// What the refusal to open `what` means.
pub(crate) fn breach(what: &'static str) -> impl Fn(Refusal) -> Breach {
    move |refusal| match refusal {
        Refusal::Malformed | Refusal::Refused => Breach::Tampered(what),
        Refusal::UnknownKey(id) => Breach::UnknownKey(id),
    }
}
