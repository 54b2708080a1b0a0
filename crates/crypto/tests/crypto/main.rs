//! The formats from outside: published vectors, frozen vectors, an independent implementation, and everything
//! that must be refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod coordinates;
mod frozen;
mod kek;
mod length;
mod published;
mod reference;
mod roundtrip;
mod sealing;
mod tampering;
mod vectors;
