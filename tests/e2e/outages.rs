//! What happens when something breaks, on a real cluster. These suites stop, kill and damage the
//! installation, so they run one after another.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "outages/authority.rs"]
mod authority;
#[path = "outages/bypass.rs"]
mod bypass;
#[path = "outages/consent.rs"]
mod consent;
#[path = "outages/crash.rs"]
mod crash;
#[path = "outages/crowd.rs"]
mod crowd;
#[path = "outages/down.rs"]
mod down;
#[path = "outages/endurance.rs"]
mod endurance;
#[path = "outages/installation.rs"]
mod installation;
#[path = "outages/kms.rs"]
mod kms;
#[path = "outages/memory.rs"]
mod memory;
#[path = "outages/missed.rs"]
mod missed;
#[path = "outages/pods.rs"]
mod pods;
#[path = "outages/recovery.rs"]
mod recovery;
#[path = "outages/rotation.rs"]
mod rotation;
#[path = "outages/sealing.rs"]
mod sealing;
#[path = "outages/skew.rs"]
mod skew;
#[path = "outages/tamper.rs"]
mod tamper;
