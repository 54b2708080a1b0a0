//! Waiting for a cluster, which answers when it is ready.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How long anything may take on a busy machine before a suite gives up.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

/// Asks again until it works, and answers what it then says.
///
/// # Panics
/// With the last error when patience ends.
#[expect(clippy::panic, reason = "this is how a test fails")]
#[track_caller]
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Result<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(answer) => return answer,
            Err(error) if Instant::now() > deadline => panic!("never happened: {what}: {error:#}"),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
