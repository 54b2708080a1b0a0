//! The body of a delivery, which knows whether it was sent.
//!
//! Whoever does not read an answer must not fill the operator's memory with answers. The turn, one of a few for all,
//! is held for as long as the bulk of the body is in memory, and the pod's place until its last byte went to the
//! connection: the pieces that a connection has taken but not sent hold it too. So long the connection gives way to no
//! other.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;

use crate::crowd::Place;
use crate::serve::Stay;

/// What a connection takes at once, in bytes; it may copy some of them before it sends the first.
const PIECE: usize = 16 * 1024;

/// A body that is being sent.
pub(super) struct Unsent {
    bulk: Arc<Mutex<Option<Bulk>>>,
    /// How many bytes no connection has taken yet.
    left: usize,
    kept: Arc<Kept>,
    timer: AbortHandle,
}

/// What is held until the last byte is sent.
#[expect(dead_code, reason = "held for its drop")]
pub(super) struct Kept {
    pub(super) place: Place<String>,
    pub(super) stay: Option<Stay>,
}

struct Bulk {
    bytes: Vec<u8>,
    taken: usize,
    _turn: OwnedSemaphorePermit,
}

/// What a connection has taken.
struct Piece {
    bytes: Vec<u8>,
    _kept: Arc<Kept>,
}

impl Unsent {
    /// A body of these bytes. What was not taken when the time is over is never sent, and the connection breaks.
    pub(super) fn new(bytes: Vec<u8>, turn: OwnedSemaphorePermit, kept: Kept, time: Duration) -> Self {
        let left = bytes.len();
        let bulk = Bulk {
            bytes,
            taken: 0,
            _turn: turn,
        };
        let bulk = Arc::new(Mutex::new(Some(bulk)));
        let late = Arc::clone(&bulk);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            drop(take(&late));
        });
        Self {
            bulk,
            left,
            kept: Arc::new(kept),
            timer: timer.abort_handle(),
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bulk = self.bulk.lock().unwrap_or_else(PoisonError::into_inner);
        let Bulk { bytes, taken, .. } = bulk.as_mut()?;
        let end = bytes.len().min(*taken + PIECE);
        let piece = bytes[*taken..end].to_vec();
        *taken = end;
        if end == bytes.len() {
            *bulk = None;
        }
        Some(piece)
    }
}

fn take(bulk: &Mutex<Option<Bulk>>) -> Option<Bulk> {
    bulk.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Body for Unsent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Some(bytes) = self.next() else {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        };
        self.left -= bytes.len();
        let piece = Piece {
            bytes,
            _kept: Arc::clone(&self.kept),
        };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.timer.abort();
        drop(take(&self.bulk));
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::crowd::Crowd;

    const LONG: Duration = Duration::from_secs(3600);

    struct Scene {
        turns: Arc<Semaphore>,
        crowd: Arc<Crowd<String>>,
    }

    fn scene() -> Scene {
        Scene {
            turns: Arc::new(Semaphore::new(1)),
            crowd: Crowd::new(1),
        }
    }

    impl Scene {
        fn body(&self, bytes: Vec<u8>, time: Duration) -> Unsent {
            let turn = Arc::clone(&self.turns).try_acquire_owned().unwrap();
            let place = self.crowd.enter("u-1".to_owned()).unwrap();
            Unsent::new(bytes, turn, Kept { place, stay: None }, time)
        }

        fn has_place(&self) -> bool {
            self.crowd.enter("u-1".to_owned()).is_some()
        }
    }

    #[tokio::test]
    async fn it_arrives_as_it_is() {
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE - 1] {
            let (scene, bytes) = (scene(), (0..length).map(|n| n as u8).collect::<Vec<_>>());
            let body = scene.body(bytes.clone(), LONG);
            assert_eq!(body.size_hint().exact(), Some(length as u64));
            assert!(body.collect().await.unwrap().to_bytes() == bytes);
            assert!(scene.has_place() && scene.turns.available_permits() == 1);
        }
    }

    #[tokio::test]
    async fn what_is_taken_but_not_sent_holds_the_pods_place() {
        let scene = scene();
        let mut body = scene.body(vec![0; PIECE + 1], LONG);
        drop(body.frame().await.unwrap().unwrap());
        assert_eq!(scene.turns.available_permits(), 0);
        let last = body.frame().await.unwrap().unwrap();
        assert_eq!(scene.turns.available_permits(), 1, "the bulk is gone");
        drop(body);
        assert!(!scene.has_place());
        drop(last);
        assert!(scene.has_place());
    }

    #[tokio::test]
    async fn a_connection_that_breaks_gives_everything_back() {
        let scene = scene();
        drop(scene.body(vec![0; PIECE], LONG));
        assert!(scene.has_place() && scene.turns.available_permits() == 1);
    }

    #[tokio::test]
    async fn who_does_not_read_does_not_keep_others_waiting() {
        let scene = scene();
        let mut body = scene.body(vec![0; 2 * PIECE], Duration::ZERO);
        // Waits for the turn that the timer gives back.
        drop(scene.turns.acquire().await.unwrap());
        assert!(!scene.has_place(), "the pod itself waits");
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
