//! The program as a person at a terminal calls it; no cluster is needed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod cluster;
mod doctor;
mod escrow;
mod examples;
mod lint;
mod operator;
mod program;
mod refusals;
mod requests;
mod seal;
mod sealer;
mod surface;
