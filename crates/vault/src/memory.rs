//! Both databases in memory, for tests: no threads, no randomness of their own, and one await point in each call.
//!
//! The same calls in the same order get the same answers, tokens included, and whoever polls decides when each call
//! takes effect: at the first poll it only arrives, at the next it is done as a whole. They pass the suites that the
//! real ones pass. Nothing here is for production: it is all gone with the process.

mod dice;
mod keys;
mod values;

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

pub use dice::Dice;
pub use keys::MemoryKeys;
pub use values::MemoryValues;

/// Lets everybody else have a turn.
async fn turn() {
    let mut arrived = false;
    poll_fn(|context| {
        if std::mem::replace(&mut arrived, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A test that panicked elsewhere leaves nothing half done behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
