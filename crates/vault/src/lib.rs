//! The split itself: names in the key database, values in the value store, and nothing but an encrypted token
//! between the two.
//!
//! Here live environments and their revisions, the manifest that pins them, the commit protocol, history,
//! re-encryption and the sweep, and the key database's trait with its SQLite implementation. Kubernetes must not.
//!
//! What holds after every call, crash or not: an environment is at its old revision whole or at its new one whole;
//! whatever else a value store holds is an orphan that [`Vault::sweep`] removes. Nothing that was read is kept.

#[cfg(feature = "conformance")]
pub mod conformance;

mod digest;
mod environment;
mod error;
mod fields;
mod kek;
pub mod keys;
#[cfg(any(test, feature = "conformance"))]
pub mod memory;
mod place;
pub mod schedule;
pub mod sqlite;
mod vault;

mod entry;
mod manifest;

pub use digest::SourceDigestInput;
pub use environment::{Described, Environment, Form, HistoryEntry, Named, Resealed, Swept, Written};
pub use error::{
    OpenError, ReadError, Reason, RecoveryError, RotationError, SweepError, TrailError, WriteError,
};
pub use kek::{Kek, KekFault, Keks, RingKek};
pub use keys::{Cause, KeyState, KeyStore, KeyStoreError, LifeStore, Ring};
pub use schedule::{Schedule, ScheduleError};
pub use sqlite::SqliteKeys;
pub use vault::{
    Advance, Batch, Found, FoundKey, KeyLine, LogHead, Progress, Recovered, RecoverySources, Vault, recover,
};
