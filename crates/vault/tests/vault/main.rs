//! The vault on real database files.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod again;
mod content;
#[cfg(feature = "failpoints")]
mod crash;
mod fixture;
mod forgotten;
mod founding;
mod hands;
mod history;
mod indistinguishable;
mod keys;
mod put_back;
mod race;
mod recovery;
mod rollback;
mod rotation;
#[cfg(feature = "failpoints")]
mod rotation_crash;
#[cfg(feature = "failpoints")]
mod rotation_processes;
mod rotation_tamper;
mod sweep;
mod tamper;
