//! The sidecar against an operator on loopback: real TLS, and where it matters the real process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ask;
mod attend;
mod clock;
mod day;
mod exec;
mod formats;
mod health;
mod hold;
mod hostile;
mod memory;
mod operator;
mod process;
mod protect;
mod reaction;
mod readers;
mod refresh;
mod render;
mod token;
mod waits;
