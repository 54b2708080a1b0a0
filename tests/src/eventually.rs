//! Waiting for a cluster, which answers when it is ready.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How long anything may take on a busy machine before a suite gives up.
const PATIENCE: Duration = Duration::from_secs(300);
/// The pause between two questions is this at first, and grows with the time waited so far: each question is a process
/// of its own, and many that ask often take from those they wait for.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks again until it works, and answers what it then says.
///
/// # Panics
/// With the last error when patience ends.
#[expect(clippy::panic, reason = "this is how a test fails")]
#[track_caller]
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Result<T>) -> T {
    let began = Instant::now();
    loop {
        match attempt() {
            Ok(answer) => return answer,
            Err(error) if began.elapsed() > PATIENCE => panic!("never happened: {what}: {error:#}"),
            Err(_) => thread::sleep((began.elapsed() / 8).clamp(PAUSE, LONGEST_PAUSE)),
        }
    }
}
