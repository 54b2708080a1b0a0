//! The grammar from outside: what is read, what is refused, what is written.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod expanding;
mod hostile;
mod reading;
mod round_trip;
mod warnings;
