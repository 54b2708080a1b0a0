//! How much of other people's payloads is in memory at once: the bound that keeps the operator's memory small however
//! many objects are worked on.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Objects and Secrets that are being read: how large one is, nobody knows before.
const READS: usize = 8;
/// Payloads above [`SMALL`] that are opened and written; one of a megabyte takes about ten while that lasts.
const LARGE: usize = 2;
/// Bytes of a payload up to which nothing has to wait.
const SMALL: usize = 64 * 1024;

/// Room for payloads.
#[derive(Debug)]
pub struct Room {
    reads: Semaphore,
    large: Semaphore,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            reads: Semaphore::new(READS),
            large: Semaphore::new(LARGE),
        }
    }
}

impl Room {
    /// Waits for room to read something; to be held for as long as the reading takes and no longer, so that whoever
    /// has room for a payload gets this too.
    pub(super) async fn to_read(&self) -> Option<SemaphorePermit<'_>> {
        self.reads.acquire().await.ok()
    }

    /// Waits for room for a payload of `size` bytes; to be held until it is dropped. A small one needs none.
    pub(super) async fn for_payload(&self, size: usize) -> Option<SemaphorePermit<'_>> {
        if size <= SMALL {
            return None;
        }
        self.large.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn large_payloads_wait_for_each_other_and_small_ones_for_none() {
        let room = Room::default();
        let mut held = Vec::new();
        for _ in 0..LARGE {
            held.push(room.for_payload(SMALL + 1).await.unwrap());
        }
        let mut next = Box::pin(room.for_payload(SMALL + 1));
        assert!(poll!(&mut next).is_pending());
        assert!(room.for_payload(SMALL).await.is_none());
        assert!(room.to_read().await.is_some());
        held.pop();
        assert!(poll!(&mut next).is_ready());
    }

    #[tokio::test]
    async fn few_are_read_at_once() {
        let room = Room::default();
        let mut held = Vec::new();
        for _ in 0..READS {
            held.push(room.to_read().await.unwrap());
        }
        let mut next = Box::pin(room.to_read());
        assert!(poll!(&mut next).is_pending());
        held.pop();
        assert!(poll!(&mut next).is_ready());
    }
}
