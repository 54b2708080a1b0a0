//! The store's server on loopback: real TLS, real SQLite, and where it matters the real process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certificates;
mod crash;
mod fixture;
mod handshake;
mod limits;
mod outage;
mod process;
mod reload;
mod run;
mod stop;
mod traffic;
